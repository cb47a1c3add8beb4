"""Comparisons: what is said of differences, and the journey from recipes to a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitgan import cli
from digitgan.comparing import COMPARED, Entry, _words


def run(*argv: str) -> int:
    try:
        cli.main(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def entry(name: str, seed: int, accuracy: float, distance: float = 1.0, coverage: float | None = 0.5) -> Entry:
    values = dict(zip(COMPARED, (accuracy, distance, coverage), strict=True))
    return Entry(name, seed, Path("nowhere"), {"figures": {key: {"value": value} for key, value in values.items()}})


def words_of(first: list[float], second: list[float]) -> str:
    entries = [entry("one", seed, value) for seed, value in enumerate(first)]
    return _words(entries + [entry("two", seed, value) for seed, value in enumerate(second)])[0]


def test_a_difference_beyond_the_spread_is_called_so() -> None:
    said = words_of([0.90, 0.91, 0.92], [0.97, 0.98, 0.99])
    assert said.startswith("Right class: two comes out better than one by 0.07, more than the spread over seeds explains")


def test_a_difference_within_the_spread_is_called_so() -> None:
    assert "which the spread over seeds may explain" in words_of([0.80, 0.99, 0.92], [0.85, 0.97, 0.99])


def test_without_any_spread_a_difference_is_none_of_chance() -> None:
    assert "more than the spread" in words_of([0.9, 0.9], [0.8, 0.8])
    assert "more than the spread" in words_of([0.9, 0.9, 0.9], [0.8, 0.8, 0.81])


def test_one_seed_tells_nothing() -> None:
    assert "by one seed, which does not tell luck from more" in words_of([0.9], [0.99])


def test_equal_figures_are_equal_and_missing_ones_are_left_out() -> None:
    said = _words([entry("one", 0, 0.9, 2.0, None), entry("two", 0, 0.9, 1.0, 0.7)])
    assert said[0] == "Right class: one and two come out the same."
    assert said[1].startswith("Fréchet distance: two comes out better than one")
    assert len(said) == 2


@pytest.fixture
def _folder(tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("compare", "fast"), "two different recipes at least"),
        (("compare", "fast", "fast"), "two different recipes at least"),
        (("compare", "fast", "runs/other"), "of recipes or of runs, not of both"),
        (("compare", "nowhere", "neither"), "nowhere"),
        (("compare", "fsat", "acgan-mine", "--images", "100"), "did you mean 'fast'?"),
        (("compare", "fast", "acgan", "--seeds", "0"), "--seeds 0"),
        (("compare", "fast", "acgan", "--draw", "10"), "--draw 10"),
        (("compare", "fast", "acgan", "--images", "0"), "--images 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    assert message in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("_folder")
def test_recipes_are_trained_once_and_put_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--set=generator.channels=[8, 8, 8]", "--set=discriminator.channels=[8, 8]", "--set=training.precision=float32")
    argv = ("compare", "fast", "wgan-gp", "--data=digits", "--images=640", "--seeds=2", "--draw=200", *small)
    assert run(*argv, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [(line["name"], line["seed"]) for line in found["entries"]] == [
        ("fast", 0), ("wgan-gp", 0), ("fast", 1), ("wgan-gp", 1),
    ]  # fmt: skip
    assert all(0 <= line["class_accuracy"] <= 1 for line in found["entries"])
    assert {line["images_seen"] for line in found["entries"]} == {640}
    table = Path("comparison/comparison.md").read_text(encoding="utf-8")
    assert "| fast | 2 |" in table
    assert "| real images |" in table
    with Image.open("comparison/samples.png") as picture:
        assert np.asarray(picture).shape == (2 * (4 * 30 + 2), 2 * (20 * 30 + 2))
    assert Path("comparison/curves.png").is_file()

    # Once more: what is there is not done again.
    times = {path: path.stat().st_mtime_ns for path in Path("comparison/runs").glob("*/model.safetensors")}
    assert len(times) == 4
    assert run(*argv) == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    again = capsys.readouterr()
    assert again.err.count("is there already") == 4
    assert table.splitlines()[2] in again.out

    # Finished runs by their folders.
    assert run("compare", "comparison/runs/fast-0", "comparison/runs/wgan-gp-0", "--draw=200", "--out=other", "--json") == 0
    beside = json.loads(capsys.readouterr().out)
    assert [line["class_accuracy"] for line in beside["entries"]] == [line["class_accuracy"] for line in found["entries"][:2]]
