"""Tests of signals outside the training step: the training ends with a checkpoint, and a resume gives the same result."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import tiny
from tests.faults.victims import Signals, complaint_of, training
from tests.trainings import assert_same

pytestmark = pytest.mark.usefixtures("isolated_home")

STAGES = {
    "Ctrl-C in a preview": (signal.SIGINT, 130, "Previews", "PreviewDue"),
    "SIGTERM in a save": (signal.SIGTERM, 143, "CheckpointWriter", "CheckpointDue"),
    "Ctrl-C in an evaluation": (signal.SIGINT, 130, "EvaluationCallback", "EvaluationDue"),
    "SIGTERM in an evaluation": (signal.SIGTERM, 143, "EvaluationCallback", "EvaluationDue"),
}
OPTIONS = tiny.options("training.images=640", "training.evaluate_every=320")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("uninterrupted") / "run")
    process = training(run.path, *OPTIONS)
    process.join(240)
    assert process.exitcode == 0, complaint_of(run.path)
    return run


@pytest.mark.parametrize(
    "stage", [pytest.param(each, marks=[pytest.mark.long] if each == "SIGTERM in an evaluation" else []) for each in STAGES]
)
def test_a_signal_at_any_stage_ends_with_a_checkpoint(tmp_path: Path, uninterrupted: RunFolder, stage: str) -> None:
    number, code, callback, event = STAGES[stage]
    run = RunFolder(tmp_path / "run")
    process = training(run.path, *OPTIONS, prepare=Signals(number, callback, event))
    process.join(240)
    assert process.exitcode == code, complaint_of(run.path)
    record = run.read_record()
    assert record["status"] == "stopped"
    assert int(checkpoints(run.checkpoints)[-1].name) == record["images_seen"]
    resumed = training(run.path, "--resume")
    resumed.join(240)
    assert resumed.exitcode == 0, complaint_of(run.path)
    assert_same(run, uninterrupted)
