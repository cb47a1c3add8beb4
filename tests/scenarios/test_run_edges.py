"""Scenario tests of resuming a run before its first checkpoint and after its end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from digitgan.api import TrainingResult, train
from digitgan.errors import RunError
from digitgan.runs import RunFolder

SETTINGS = [
    "generator.channels=[8, 8]",
    "discriminator.channels=[8, 8]",
    "training.precision=float32",
    "training.batch_size=64",
    "training.checkpoints=1",
    "training.previews=1",
]
IMAGES = 200
"""The length of the run: between three and four batches."""


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def finished(tmp_path: Path) -> TrainingResult:
    return train(data="digits", out=tmp_path / "run", images=IMAGES, settings=SETTINGS)


def seen(run: Path) -> list[int]:
    return [line["images_seen"] for line in RunFolder(run).read_history()]


def test_the_last_batch_is_whole(finished: TrainingResult) -> None:
    assert (finished.finished, finished.images_seen) == (True, 256)
    assert seen(finished.run) == [64, 128, 192, 256]


def test_resuming_a_finished_run_finds_it_finished(finished: TrainingResult) -> None:
    again = train(out=finished.run, resume=True)
    assert (again.finished, again.images_seen) == (True, 256)
    assert seen(finished.run) == [64, 128, 192, 256]


def test_a_length_that_was_passed_already_is_refused(finished: TrainingResult) -> None:
    with pytest.raises(RunError, match=r"\b256\b.*--images"):
        train(out=finished.run, resume=True, images=192)


def test_a_run_without_a_checkpoint_begins_again_with_its_history(finished: TrainingResult) -> None:
    run = RunFolder(finished.run)
    shutil.rmtree(run.checkpoints)
    with pytest.raises(RunError, match=r"run: .*--out"):
        train(out=finished.run, resume=True)
    run.write_record(run.read_record() | {"status": "training"})
    with run.history.open("a") as file:
        file.write('{"images_seen": 320, "discr')  # killed while writing
    again = train(out=finished.run, resume=True)
    assert (again.finished, again.images_seen) == (True, 256)
    assert seen(finished.run) == [64, 128, 192, 256]
    assert json.loads(run.record.read_text())["status"] == "finished"


@pytest.mark.parametrize("cut_off_in", ["write_record", "write_recipe"])
def test_a_run_that_was_killed_before_it_had_begun_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off_in: str
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, cut_off_in, killed)
        with pytest.raises(SystemExit):
            train(data="digits", out=tmp_path / "run", images=IMAGES, settings=SETTINGS)
    with pytest.raises(RunError, match=r"run\.json"):
        train(out=tmp_path / "run", resume=True)
    assert train(data="digits", out=tmp_path / "run", images=IMAGES, settings=SETTINGS).finished


def test_a_resume_sweeps_what_kills_left(finished: TrainingResult) -> None:
    run = RunFolder(finished.run)
    left = [run.path / ".history.jsonl.77.part", run.path / ".model.safetensors.8.part", run.previews / ".00000064.png.77.part"]
    kept = [run.path / ".report.json.77.part", run.path / ".notes.77.part"]
    for path in (*left, *kept):
        path.write_bytes(b"")
    train(out=finished.run, resume=True)
    assert [path.exists() for path in left] == [False] * 3
    assert all(path.exists() for path in kept), "files of another process or of another program"
