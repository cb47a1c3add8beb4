"""`digitgan walk`, `invert` and `write --repeat` from the command line."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitgan
from digitgan.generation.text import WRITING_ENLARGEMENT
from digitgan.generation.walk_files import MAX_ACROSS
from digitgan.generation.walking import WALKS, Start
from digitgan.images import save_png
from digitgan.model.file import Model
from digitgan.options import WalkOptions, WriteOptions, help_of
from tests.scenarios.conftest import Digitgan

COMMON = [kind for kind in WALKS if kind != "style-mix"]
"""The walks of every family; style-mix is tested with the style family."""


@pytest.mark.parametrize("kind", COMMON)
def test_a_walk_is_an_animation_that_moves(here: Digitgan, tmp_path: Path, kind: str) -> None:
    steps = ("--steps", "4") if "steps" in WALKS[kind].takes else ()
    done = here("walk", "--kind", kind, *steps, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with Image.open(tmp_path / "walk.gif") as animation:
        assert animation.n_frames > 1
        assert animation.n_frames <= found["steps"]  # GIF merges equal frames
        first = np.asarray(animation.convert("L"))
        animation.seek(animation.n_frames // 2)
        assert (np.asarray(animation.convert("L")) != first).any()


def test_a_walks_picture_has_a_row_for_each_cell(here: Digitgan, tmp_path: Path) -> None:
    done = here("walk", "--kind", "directions", "--labels", "8", "--format", "png", "--json", "--out", "sliders.png")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with Image.open(tmp_path / "sliders.png") as picture:
        assert picture.size == (2 * (2 + 30 * found["steps"]), 2 * (2 + 30 * len(found["rows"])))
    assert found["rows"][0].startswith("direction 1 (")


def test_a_long_walks_picture_reports_the_columns_that_it_has(here: Digitgan, tmp_path: Path) -> None:
    done = here("walk", "--kind", "origin", "--steps", "40", "--labels", "8", "--format", "png", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["steps"] == MAX_ACROSS
    with Image.open(tmp_path / "walk.png") as picture:
        assert picture.size == (2 * (2 + 30 * MAX_ACROSS), 2 * (2 + 30))
    assert f" {MAX_ACROSS} " in help_of(WalkOptions)["format"]


OPTIONAL = {"steps": ("--steps", "4"), "interpolation": ("--interpolation", "linear")}


@pytest.mark.parametrize("kind", COMMON)
@pytest.mark.parametrize("option", OPTIONAL)
def test_an_option_that_a_kind_of_walk_ignores_is_refused(here: Digitgan, tmp_path: Path, kind: str, option: str) -> None:
    done = here("walk", "--kind", kind, "--labels", "3,8", *OPTIONAL[option])
    if option in WALKS[kind].takes:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2
    assert re.search(f"{' '.join(OPTIONAL[option])}: .*--kind {kind}.*latents", done.stderr)
    assert not (tmp_path / "walk.gif").exists()


@pytest.mark.parametrize("option", OPTIONAL)
@pytest.mark.parametrize("kind", COMMON)
def test_a_kind_of_walk_takes_the_options_that_change_it(small_model: Model, kind: str, option: str) -> None:
    usual = Start(small_model, (3, 8), seed=0, steps=4, interpolation="spherical", latent=None)
    changed = dataclasses.replace(usual, **{option: {"steps": 6, "interpolation": "linear"}[option]})  # type: ignore[arg-type]
    one, other = (WALKS[kind](start).z for start in (usual, changed))
    assert (option in WALKS[kind].takes) == (one.shape != other.shape or bool((one != other).any()))


def test_frames_are_as_many_as_steps(here: Digitgan, tmp_path: Path) -> None:
    done = here("walk", "--kind", "classes", "--labels", "3,8", "--steps", "5", "--format", "frames", "--out", "frames")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "frames").glob("*.png")) == [f"{number:05d}.png" for number in range(10)]
    assert here("walk", "--format", "frames", "--out", "frames").returncode == 2


def test_a_picture_is_redrawn_and_travelled_from(here: Digitgan, tmp_path: Path) -> None:
    seven = digitgan_model().sample([7], seed=3)[0]
    save_png(tmp_path / "seven.png", 255 - seven)  # dark on light, as in a scan
    done = here("invert", "seven.png", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["class"] == "7"
    assert any("inverted" in step for step in found["steps"])
    assert found["error"] < 25
    with Image.open(tmp_path / "seven-redrawn.png") as picture:
        assert picture.size == (3 * (2 + 30 * 12), 3 * 32)
        cells = np.asarray(picture)[6:90:3, 6::3]
        np.testing.assert_array_equal(cells[:, :28], seven)
    walked = here("walk", "--kind", "grid", "--latent", "seven-redrawn.npy", "--format", "png")
    assert walked.returncode == 0, walked.stderr


def digitgan_model() -> digitgan.Model:
    return digitgan.load("mnist")


def test_many_writings_come_with_their_truth(here: Digitgan, tmp_path: Path) -> None:
    done = here("write", "2026-11", "--repeat", "12", "--style", "3", "--out", "dates")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "dates" / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["style"] for row in rows] == [str(style) for style in range(3, 15)]
    assert {row["text"] for row in rows} == {"2026-11"}
    pictures = {(tmp_path / "dates" / row["file"]).read_bytes() for row in rows}
    assert len(pictures) == 12
    assert here("write", "2026-11", "--style", "3").returncode == 0
    with Image.open(tmp_path / "2026-11.png") as one, Image.open(tmp_path / "dates" / "00000.png") as first:
        scale = WRITING_ENLARGEMENT
        np.testing.assert_array_equal(np.asarray(one)[::scale, ::scale], np.asarray(first))
    assert f"{scale} times" in help_of(WriteOptions)["repeat"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["walk", "--kind", "direction"], "--kind 'direction': .*'directions'"),
        (["walk", "--steps", "1"], r"--steps 1: .*\b1000\b"),
        (["walk", "--kind", "classes", "--labels", "3"], "--kind classes: .*--labels"),
        (["walk", "--latent", "missing.npy"], r"--latent missing\.npy: "),
        (["walk", "--latent", "wrong.npy"], r"--latent wrong\.npy: .*\b64\b"),
        (["walk", "--latent", "pickle.npy"], r"--latent pickle\.npy: "),
        (["walk", "--labels", "10"], r"--labels 10: .*\b9\b"),
        (["invert", "missing.png"], "missing.png: "),
        (["invert", "text.png"], "text.png: "),
        (["invert", "grey.png", "--label", "1,2"], "--label 1,2: "),
        (["invert", "grey.png", "--label", "12"], r"--label 12: .*\b9\b"),
        (["write", "12", "--repeat", "0"], "--repeat 0: .*100,000"),
        (["write", "12", "--style", "-1"], "--style -1: "),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Digitgan, tmp_path: Path, arguments: list[str], message: str) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros(3))
    np.save(tmp_path / "pickle.npy", np.array([{"z": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    rng = np.random.default_rng(0)
    save_png(tmp_path / "grey.png", rng.integers(0, 255, (28, 28), dtype=np.uint8))
    before = {path.name for path in tmp_path.iterdir()}
    done = here(*arguments)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} - before <= {"home"}
