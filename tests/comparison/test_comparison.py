"""Comparisons: what is refused, and the journey from recipes to a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import digitgan
from digitgan.errors import RunError, StoppedError, UsageError
from digitgan.runs import RunFolder
from digitgan.training import Control
from digitgan.training.losses import RelativisticLoss
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


SMALL = (
    "generator.channels=[8, 8]",
    "discriminator.channels=[8, 8]",
    "training.precision=float32",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, digits_classifier: Path) -> Path:
    """The folder of a comparison of two small recipes over two seeds."""
    folder = tmp_path_factory.mktemp("trained") / "comparison"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(digits_classifier))
        digitgan.compare(["fast", "wgan-gp"], seeds=2, images=640, data="digits", settings=SMALL, draw=200, out=folder)
    return folder


@pytest.mark.slow
def test_recipes_are_trained_over_seeds_and_put_side_by_side(trained: Path) -> None:
    found: dict[str, Any] = json.loads((trained / "comparison.json").read_text(encoding="utf-8"))
    assert [(line["name"], line["seed"]) for line in found["entries"]] == [
        ("fast", 0), ("wgan-gp", 0), ("fast", 1), ("wgan-gp", 1),
    ]  # fmt: skip
    assert all(0 <= line["class_accuracy"] <= 1 for line in found["entries"])
    assert {line["images_seen"] for line in found["entries"]} == {640}
    table = (trained / "comparison.md").read_text(encoding="utf-8")
    assert "| fast | 2 |" in table
    assert "| real images |" in table
    with Image.open(trained / "samples.png") as picture:
        assert np.asarray(picture).shape == (2 * (4 * 30 + 2), 2 * (20 * 30 + 2))
    assert (trained / "curves.png").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("classifiers_at_hand")
def test_what_is_there_is_not_done_again(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [*trained.glob("runs/*/model.safetensors"), *trained.glob("runs/*/report.json")]
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert len(times) == 8
    argv = ("compare", "fast", "wgan-gp", "--data=digits", "--images=640", "--seeds=2", "--draw=200", f"--out={trained}")
    assert run(*argv, *(f"--set={setting}" for setting in SMALL)) == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    again = capsys.readouterr()
    assert again.err.count("is there already") == 4
    assert (trained / "comparison.md").read_text(encoding="utf-8").splitlines()[2] in again.out


@pytest.mark.slow
def test_a_folder_whose_runs_have_another_budget_is_refused_and_left_as_it_is(trained: Path) -> None:
    before = (trained / "comparison.json").read_bytes()
    with pytest.raises(RunError, match=r"holds another comparison; choose another --out\n  images: 640 -> 1000"):
        digitgan.compare(["fast", "wgan-gp"], seeds=2, images=1000, data="digits", settings=SMALL, draw=200, out=trained)
    assert (trained / "comparison.json").read_bytes() == before


def test_a_folder_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="holds other things than a comparison, and is left as it is"):
        digitgan.compare(["fast", "wgan-gp"], images=640, data="digits", settings=SMALL, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.usefixtures("_folder")
def test_a_budget_that_is_refused_is_not_held_against_the_next() -> None:
    with pytest.raises(UsageError, match=r"--minutes 0: a number above 0 is right"):
        digitgan.compare(["fast", "wgan-gp"], minutes=0, data="digits")
    assert not Path("comparison").exists()


def test_told_to_stop_it_says_how_to_go_on(tmp_path: Path) -> None:
    control = Control()
    control.stop()
    with pytest.raises(StoppedError, match="stopped; the same words go on with it"):
        digitgan.compare(["fast", "wgan-gp"], images=640, data="digits", settings=SMALL, out=tmp_path / "new", control=control)


@pytest.mark.slow
@pytest.mark.usefixtures("classifiers_at_hand")
def test_a_training_that_diverges_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RelativisticLoss, "generator", lambda _self, real, fake: (real - fake).mean() * float("nan"))
    folder = tmp_path / "new"
    for _ in "once", "again":
        found = digitgan.compare(["fast", "wgan-gp"], seeds=1, images=128, data="digits", settings=SMALL, draw=200, out=folder)
        assert [(entry.name, entry.status) for entry in found.entries] == [("fast", "failed"), ("wgan-gp", "finished")]
        assert "| fast | 1 (failed) |" in found.table
        assert found.words == ()
    record = json.loads((folder / "runs" / "fast-0" / "run.json").read_text(encoding="utf-8"))
    assert len(record["rollbacks"]) == 3, "it was not tried a second time"


@pytest.mark.slow
@pytest.mark.usefixtures("classifiers_at_hand")
def test_finished_runs_are_compared_by_their_folders_and_left_as_they_are(trained: Path, tmp_path: Path) -> None:
    runs = [trained / "runs" / "fast-0", trained / "runs" / "wgan-gp-0"]
    before = {path: path.stat().st_mtime_ns for run_folder in runs for path in run_folder.rglob("*")}
    first = json.loads((trained / "comparison.json").read_text(encoding="utf-8"))["entries"]
    beside = digitgan.compare(runs, draw=200, out=tmp_path / "other")
    assert [entry.metric("class_accuracy") for entry in beside.entries] == [line["class_accuracy"] for line in first[:2]]
    assert {path: path.stat().st_mtime_ns for run_folder in runs for path in run_folder.rglob("*")} == before
    with pytest.raises(UsageError, match="two different runs at least, each named once"):
        digitgan.compare([runs[0], runs[0]], out=tmp_path / "third")


@pytest.mark.slow
@pytest.mark.usefixtures("classifiers_at_hand")
def test_runs_on_different_data_are_refused(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name in "ab":
        (other / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (28, 28), np.uint8)).save(other / "ab"[number % 2] / f"{number}.png")
    digitgan.train(data=str(other), images=128, out=tmp_path / "run", settings=SMALL)
    with pytest.raises(UsageError, match=r"were trained on different data; judge them by the same"):
        digitgan.compare([trained / "runs" / "fast-0", tmp_path / "run"], draw=200, out=tmp_path / "out")
    assert not (tmp_path / "out" / "comparison.json").exists()
    assert RunFolder(tmp_path / "run").model.is_file()
