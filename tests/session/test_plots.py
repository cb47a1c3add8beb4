"""Tests of the curves, plotted from the history."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from digitgan.errors import OutputError, RunError
from digitgan.files import file_hash
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder, history_line, new_run
from digitgan.session.plots import AUGMENTATION, DISCRIMINATOR, GENERATOR, plot


@pytest.fixture
def run(tmp_path: Path, small_recipe: Recipe) -> RunFolder:
    run = new_run(tmp_path / "run", overwrite=False)
    run.write_recipe(small_recipe)
    return run


def write_history(run: RunFolder, count: int, **changed: float) -> None:
    """Write a history of `count` lines with different curves."""
    lines = [
        {
            "images_seen": 16 * number,
            "discriminator_loss": 1 / number,
            "generator_loss": 1 + number / 10,
            "score_real": number / 5,
            "score_fake": -number / 5,
            "accuracy_real": 0.6 + number / 100,
            "accuracy_fake": 0.7,
            **changed,
        }
        for number in range(1, count + 1)
    ]
    run.history.write_text("".join(map(history_line, lines)))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def rows_of(picture: np.ndarray, colour: str) -> np.ndarray:
    """Return for each row of the picture whether it has a pixel of exactly this colour."""
    return (picture == ImageColor.getrgb(colour)).all(axis=2).any(axis=1)


def test_both_networks_have_a_curve_in_each_third(run: RunFolder) -> None:
    write_history(run, 20)
    plot(run, run.curves)
    picture = pixels(run.curves)
    assert picture.shape == (800, 800, 3)
    for colour in (DISCRIMINATOR, GENERATOR):
        rows = rows_of(picture, colour)
        assert rows[:270].any()
        assert rows[270:530].any()
        assert rows[530:].any()


def test_the_probability_of_the_augmentation_has_a_curve_if_it_changes(run: RunFolder) -> None:
    write_history(run, 20)
    plot(run, run.curves)
    assert not rows_of(pixels(run.curves), AUGMENTATION).any()
    heights = []
    for probability in (0.2, 0.9):
        write_history(run, 20, augmentation_probability=probability)
        plot(run, run.curves)
        rows = rows_of(pixels(run.curves)[:, 300:600], AUGMENTATION)
        assert not rows[:530].any()
        heights.append(np.nonzero(rows)[0].mean())
    assert heights[1] < heights[0], "higher up in the picture"


def test_a_curve_shows_the_numbers_of_the_history(run: RunFolder) -> None:
    """Test the position of the curves: the discriminator's loss falls below the generator's."""
    write_history(run, 20)
    plot(run, run.curves)
    upper = pixels(run.curves)[:270]
    ends = {}
    for colour in (DISCRIMINATOR, GENERATOR):
        rows, columns = np.nonzero((upper == ImageColor.getrgb(colour)).all(axis=2))
        curve = columns > 600
        ends[colour] = rows[curve].max()
    assert ends[DISCRIMINATOR] > ends[GENERATOR], "further down in the picture"


def test_the_curves_may_go_anywhere(run: RunFolder, tmp_path: Path) -> None:
    write_history(run, 5)
    plot(run, tmp_path / "deep" / "mine.png")
    assert pixels(tmp_path / "deep" / "mine.png").shape == (800, 800, 3)
    assert not run.curves.exists()


def test_a_single_line_is_enough(run: RunFolder) -> None:
    write_history(run, 1)
    plot(run, run.curves)
    assert pixels(run.curves).shape == (800, 800, 3)


def test_a_last_line_that_was_cut_off_does_no_harm(run: RunFolder) -> None:
    write_history(run, 5)
    plot(run, run.curves)
    before = file_hash(run.curves)
    with run.history.open("a") as file:
        file.write('{"images_seen": 96, "discr')
    plot(run, run.curves)
    assert file_hash(run.curves) == before


def test_losses_that_left_the_numbers_are_left_out(run: RunFolder) -> None:
    write_history(run, 5, generator_loss=math.nan, score_fake=math.inf)
    plot(run, run.curves)
    picture = pixels(run.curves)
    assert rows_of(picture, DISCRIMINATOR)[:300].any()
    assert rows_of(picture, DISCRIMINATOR)[300:].any()


def test_without_a_history_there_are_no_curves(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"run: .*history"):
        plot(run, run.curves)
    assert not run.curves.exists()


def test_a_path_that_cannot_be_written_is_named(run: RunFolder, tmp_path: Path) -> None:
    write_history(run, 5)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/curves\.png: "):
        plot(run, tmp_path / "file" / "curves.png")
