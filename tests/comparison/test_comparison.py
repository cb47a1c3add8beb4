"""Tests of comparisons: invalid arguments, trainings, interruption and results."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import digitgan
from digitgan.comparison import compare as compare_runs
from digitgan.comparison.comparison import ONLY_RECIPES
from digitgan.comparison.entries import claim
from digitgan.errors import DigitganError, RunError, StoppedError, UsageError
from digitgan.options import CompareOptions, arguments_of, help_of
from digitgan.runs import RunFolder
from digitgan.training import Control
from digitgan.training.losses import RelativisticLoss
from tests import tiny
from tests.cli.commands import run


@pytest.fixture
def _folder(tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("compare", "fast"), "recipes, not fast"),
        (("compare", "fast", "fast"), "fast, fast"),
        (("compare", "fast", "runs/other"), "./NAME"),
        (("compare", "nowhere", "neither"), "nowhere"),
        (("compare", "fsat", "acgan-mine", "--images", "100"), "'fast'"),
        (("compare", "fast", "acgan", "--seeds", "0"), "--seeds 0"),
        (("compare", "fast", "acgan", "--draw", "10"), "--draw 10"),
        (("compare", "fast", "acgan", "--images", "0"), "--images 0"),
        (("compare", "dcgan", "fast"), "--images"),
    ],
)
def test_invalid_arguments_are_refused_before_any_training(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    assert message in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def compare(out: Path, **options: Any) -> digitgan.Comparison:
    """Compare two tiny recipes."""
    return digitgan.compare(["fast", "wgan-gp"], data="digits", settings=tiny.SETTINGS, out=out, **options)


@pytest.fixture(scope="module")
def trained(
    made_once: Callable[[str, Callable[[Path], None]], Path], caches: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a comparison of two small recipes with two seeds."""

    def train(shared: Path) -> None:
        compare(shared / "comparison", seeds=2, images=tiny.IMAGES, draw=200)

    return shutil.copytree(made_once("comparison", train) / "comparison", tmp_path_factory.mktemp("trained") / "comparison")


def test_recipes_are_trained_over_seeds_and_put_side_by_side(trained: Path) -> None:
    found: dict[str, Any] = json.loads((trained / "comparison.json").read_text(encoding="utf-8"))
    assert [(line["name"], line["seed"]) for line in found["entries"]] == [
        ("fast", 0), ("wgan-gp", 0), ("fast", 1), ("wgan-gp", 1),
    ]  # fmt: skip
    assert all(0 <= line["class_accuracy"] <= 1 for line in found["entries"])
    assert {line["images_seen"] for line in found["entries"]} == {tiny.IMAGES}
    table = (trained / "comparison.md").read_text(encoding="utf-8")
    assert "| fast | 2 |" in table
    assert "| real baseline |" in table
    with Image.open(trained / "samples.png") as picture:
        assert np.asarray(picture).shape == (2 * (4 * 30 + 2), 2 * (20 * 30 + 2))
    assert (trained / "curves.png").is_file()


@pytest.mark.usefixtures("caches_at_hand")
def test_existing_runs_are_not_trained_again(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [*trained.glob("runs/*/model.safetensors"), *trained.glob("runs/*/report.json")]
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert len(times) == 8
    argv = ("compare", "fast", "wgan-gp", f"--images={tiny.IMAGES}", "--seeds=2", "--draw=200", f"--out={trained}")
    assert run(*argv, *tiny.options(named=False)) == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    again = capsys.readouterr()
    told = "".join(again.err.split())  # long paths are wrapped
    assert all(f"/{name}-{seed}" in told for name in ("fast", "wgan-gp") for seed in (0, 1))
    assert (trained / "comparison.md").read_text(encoding="utf-8").splitlines()[2] in again.out


def test_a_folder_whose_runs_have_another_budget_is_refused_and_left_as_it_is(trained: Path) -> None:
    before = (trained / "comparison.json").read_bytes()
    with pytest.raises(RunError, match=rf"--out\n  images: {tiny.IMAGES} -> 1000"):
        compare(trained, seeds=2, images=1000, draw=200)
    assert (trained / "comparison.json").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"draw": 100}, "draw: 200 -> 100"),
        ({"seeds": 1}, "seeds: 0, 1 -> 0"),
        ({"first_seed": 1}, "seeds: 0, 1 -> 1, 2"),
        ({"what": ["fast", "acgan"]}, "recipes: fast, wgan-gp -> fast, acgan"),
        ({"data": "mnist"}, "data: digits -> mnist"),
        ({"settings": [*tiny.SETTINGS, "guard.mode_collapse=false"]}, "guard.mode_collapse=false"),
    ],
    ids=str,
)
def test_another_comparison_in_the_same_folder_is_refused(trained: Path, changed: dict[str, Any], difference: str) -> None:
    usual = {"what": ["fast", "wgan-gp"], "data": "digits", "settings": tiny.SETTINGS, "seeds": 2}
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=rf"--out(.|\n)*{difference}"):
        digitgan.compare(**{**usual, "images": tiny.IMAGES, "draw": 200, "out": trained, **changed})
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


def test_a_folder_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match=rf"{tmp_path}: .*--out"):
        compare(tmp_path, images=tiny.IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.usefixtures("_folder")
def test_an_invalid_budget_leaves_no_folder() -> None:
    with pytest.raises(UsageError, match=r"--minutes 0"):
        digitgan.compare(["fast", "wgan-gp"], minutes=0, data="digits")
    assert not Path("comparison").exists()


@pytest.mark.parametrize("what", [["runs", "options.json"], ["reports", "options.json"]], ids=str)
def test_a_begun_comparison_without_a_result_is_another_one_too(tmp_path: Path, what: list[str]) -> None:
    claim(tmp_path, {"recipes": ["fast", "acgan"]})
    (tmp_path / what[0]).mkdir()
    claim(tmp_path, {"recipes": ["fast", "acgan"]})
    with pytest.raises(RunError, match="--out"):
        claim(tmp_path, {"recipes": ["fast", "wgan-gp"]})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(what)


def test_told_to_stop_it_says_how_to_go_on(tmp_path: Path) -> None:
    control = Control()
    control.stop()
    options = CompareOptions(("fast", "wgan-gp"), data="digits", settings=tiny.SETTINGS, out=tmp_path / "new")
    with pytest.raises(StoppedError, match=str(tmp_path / "new")):
        compare_runs(options, control=control)


@pytest.mark.long
@pytest.mark.usefixtures("caches_at_hand")
def test_a_training_that_diverges_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RelativisticLoss, "generator", lambda _self, real, fake: (real - fake).mean() * float("nan"))
    folder = tmp_path / "new"
    for _ in "once", "again":
        found = compare(folder, seeds=1, images=tiny.IMAGES, draw=200)
        assert [(entry.name, entry.status) for entry in found.entries] == [("fast", "failed"), ("wgan-gp", "finished")]
        assert "| fast | 0 of 1 (failed) |" in found.table
        assert found.sentences == ()
    record = json.loads((folder / "runs" / "fast-0" / "run.json").read_text(encoding="utf-8"))
    assert len(record["rollbacks"]) == 3, "the failed run is not trained again"


@pytest.mark.usefixtures("caches_at_hand")
def test_finished_runs_are_compared_by_their_folders_and_left_as_they_are(trained: Path, tmp_path: Path) -> None:
    runs = [trained / "runs" / "fast-0", trained / "runs" / "wgan-gp-0"]
    before = {path: path.stat().st_mtime_ns for run_folder in runs for path in run_folder.rglob("*")}
    first = json.loads((trained / "comparison.json").read_text(encoding="utf-8"))["entries"]
    beside = digitgan.compare(runs, draw=200, out=tmp_path / "other")
    assert [entry.metric("class_accuracy") for entry in beside.entries] == [line["class_accuracy"] for line in first[:2]]
    assert {path: path.stat().st_mtime_ns for run_folder in runs for path in run_folder.rglob("*")} == before
    with pytest.raises(RunError, match=r"--out\n  draw: 200 -> 100"):
        digitgan.compare(runs, draw=100, out=tmp_path / "other")
    with pytest.raises(UsageError, match=f"{runs[0]}, {runs[0]}"):
        digitgan.compare([runs[0], runs[0]], out=tmp_path / "third")


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.usefixtures("caches_at_hand")
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("run.json", _half),
        ("run.json", _one_bit),
        ("recipe.toml", _half),
        ("model.safetensors", _half),
        ("model.safetensors", _one_bit),
    ],
)
def test_a_damaged_run_is_refused_before_the_first_evaluation(
    trained: Path, tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    sound, damaged = trained / "runs" / "fast-0", tmp_path / "damaged"
    shutil.copytree(trained / "runs" / "wgan-gp-0", damaged)
    (damaged / name).write_bytes(damage((damaged / name).read_bytes()))
    with pytest.raises(DigitganError, match=re.escape(str(damaged / name))):
        digitgan.compare([sound, damaged], draw=200, out=tmp_path / "out")
    (damaged / name).unlink()
    with pytest.raises(DigitganError, match=re.escape(str(damaged))):
        digitgan.compare([sound, damaged], draw=200, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("caches_at_hand")
def test_a_damaged_run_of_an_interrupted_comparison_is_refused_before_the_next_training(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "comparison"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "runs" / "fast-0")  # would be trained first
    record = folder / "runs" / "wgan-gp-1" / "run.json"
    record.write_text(record.read_text()[:-9])
    with pytest.raises(RunError, match=r"wgan-gp-1/run\.json"):
        compare(folder, seeds=2, images=tiny.IMAGES, draw=200)
    assert not (folder / "runs" / "fast-0").exists()


@pytest.mark.usefixtures("caches_at_hand")
def test_a_finished_run_whose_model_was_removed_writes_it_again(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "comparison"
    shutil.copytree(trained, folder)
    model = folder / "runs" / "fast-0" / "model.safetensors"
    before = model.read_bytes()
    model.unlink()
    found = compare(folder, seeds=2, images=tiny.IMAGES, draw=200)
    assert model.is_file()
    assert len(before) == len(model.read_bytes())
    assert "| fast | 2 |" in found.table


@pytest.mark.usefixtures("caches_at_hand")
def test_damaged_scores_of_a_run_are_left_out_of_the_curves(trained: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, name in zip(folders, ("fast-0", "wgan-gp-0"), strict=True):
        shutil.copytree(trained / "runs" / name, folder)
    scores = RunFolder(folders[0]).scores
    scores.write_bytes(b'{"images_seen": 3}\n\xff\xfe\n[]\n' + scores.read_bytes()[:-20])
    digitgan.compare(folders, draw=200, out=tmp_path / "out")
    assert (tmp_path / "out" / "curves.png").is_file()


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("option", ONLY_RECIPES)
def test_runs_refuse_the_options_of_trainings(tiny_run: Path, option: str) -> None:
    value: Any = {"settings": ("training.batch_size=8",), "device": "cpu"}.get(option, 1)
    words = arguments_of(CompareOptions((), **{option: value}))
    with pytest.raises(UsageError, match=re.escape(" ".join(words))):
        digitgan.compare([tiny_run, tiny_run.parent / "other"], **{option: value})
    assert not Path("comparison").exists()


def test_the_help_marks_the_options_that_runs_refuse() -> None:
    marked = [name for name, text in help_of(CompareOptions).items() if text.startswith("(recipes)")]
    assert sorted(marked) == sorted(ONLY_RECIPES)


@pytest.mark.usefixtures("caches_at_hand")
def test_runs_on_different_data_are_refused(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name in "ab":
        (other / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (28, 28), np.uint8)).save(other / "ab"[number % 2] / f"{number}.png")
    tiny.train(tmp_path / "run", data=str(other))
    with pytest.raises(UsageError, match=rf"{trained / 'runs' / 'fast-0'} and {tmp_path / 'run'} .*--data"):
        digitgan.compare([trained / "runs" / "fast-0", tmp_path / "run"], draw=200, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert RunFolder(tmp_path / "run").model.is_file()
