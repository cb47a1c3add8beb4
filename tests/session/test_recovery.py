"""Tests of the return to a checkpoint: a run resumed at any of its ends, and rollbacks that begin again or give up."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from digitgan.errors import CheckpointError, DivergenceError, RunError
from digitgan.model.file import load_model
from digitgan.runs import RunFolder
from digitgan.session.callbacks import Guard, history
from digitgan.session.plan import TrainPlan
from digitgan.training import Control, Stepped, StepReport, Trainer, checkpoints
from tests import tiny
from tests.session.conftest import NewPlan, When, contents, execute, resume
from tests.trainings import assert_same

pytestmark = pytest.mark.usefixtures("no_curves")


def seen(run: RunFolder) -> list[int]:
    return [line["images_seen"] for line in run.read_history()]


WHOLE = list(range(16, 176, 16))
"""Images seen in the lines of the history of a run of ten steps."""


@pytest.fixture
def finished(new_plan: NewPlan) -> TrainPlan:
    """Return the plan of a finished run."""
    plan = new_plan()
    assert execute(plan)[0].finished
    return plan


# --- resumed runs -----------------------------------------------------------------------------------------------------


def test_resuming_a_finished_run_finds_it_finished(finished: TrainPlan) -> None:
    again, _ = resume(finished)
    assert (again.finished, again.images_seen) == (True, 160)
    assert seen(finished.run) == WHOLE


def test_a_length_that_was_passed_already_is_refused_and_nothing_changes(finished: TrainPlan, new_plan: NewPlan) -> None:
    before = contents(finished.run)
    with pytest.raises(RunError, match=r"\b160\b.*--images"):
        resume(new_plan("training.images=144"))
    assert contents(finished.run) == before
    assert resume(new_plan("training.images=145"))[0].images_seen == 160, "the last batch is whole"


def test_a_run_without_a_checkpoint_begins_again_with_its_history(finished: TrainPlan) -> None:
    shutil.rmtree(finished.run.checkpoints)
    finished.run.write_record(finished.run.read_record() | {"status": "training"})
    with finished.run.history.open("a") as file:
        file.write('{"images_seen": 320, "discr')  # killed while writing
    again, said = resume(finished)
    assert (again.finished, again.images_seen) == (True, 160)
    assert "beginning" in said
    assert seen(finished.run) == WHOLE
    assert finished.run.read_record()["status"] == "finished"


def test_a_run_whose_checkpoints_are_all_damaged_is_refused_and_nothing_changes(finished: TrainPlan) -> None:
    damaged = checkpoints(finished.run.checkpoints)
    assert len(damaged) == 2
    for checkpoint in damaged:
        (checkpoint / "state.safetensors").write_bytes(b"")
    before = contents(finished.run)
    with pytest.raises(CheckpointError, match=r"checkpoints: .*--overwrite"):
        resume(finished)
    assert contents(finished.run) == before


def test_a_resume_sweeps_what_kills_left(finished: TrainPlan) -> None:
    run = finished.run
    left = [run.path / ".history.jsonl.77.part", run.path / ".model.safetensors.8.part", run.previews / ".00000064.png.77.part"]
    kept = [run.path / ".report.json.77.part", run.path / ".notes.77.part"]
    for path in (*left, *kept):
        path.write_bytes(b"")
    resume(finished)
    assert [path.exists() for path in left] == [False] * 3
    assert all(path.exists() for path in kept), "files of another process or of another program"


# --- rollbacks --------------------------------------------------------------------------------------------------------


def raise_alarm(guard: Guard) -> None:
    guard.control.raise_alarm("made up")


def test_a_failed_run_keeps_what_belongs_to_its_last_checkpoint(new_plan: NewPlan, when: When) -> None:
    plan = new_plan("guard.rollbacks=1")
    when(Guard, Stepped, 112, raise_alarm, times=2)  # after the checkpoint at 80 images and the preview at 96
    with pytest.raises(DivergenceError, match=r"run: made up.* 1 time\..*\b80\b"):
        execute(plan)
    assert [int(path.stem) for path in plan.run.preview_files()] == [32, 64]
    assert seen(plan.run) == WHOLE[:5]
    assert load_model(plan.run.model).card["images_seen"] == 80
    record = plan.run.read_record()
    assert (record["status"], record["diagnosis"], record["images_seen"]) == ("failed", "made up", 80)
    assert record["rollbacks"] == [{"at": 112, "to": 80, "alarm": "made up"}]
    assert plan.run.curves.exists()
    assert plan.run.animation.exists()


def test_a_run_that_fails_before_its_first_checkpoint_keeps_nothing_of_it(new_plan: NewPlan, when: When) -> None:
    plan = new_plan("guard.rollbacks=0")
    when(Guard, Stepped, 48, raise_alarm)
    with pytest.raises(DivergenceError, match="run: made up"):
        execute(plan)
    assert not plan.run.model.exists()
    assert (seen(plan.run), plan.run.preview_files()) == ([], [])
    assert plan.run.read_record()["images_seen"] == 0


def test_undone_steps_count_as_training_time(new_plan: NewPlan, when: When, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(history, "time", SimpleNamespace(monotonic=lambda: now[0]))
    when(Guard, Stepped, 96, lambda _: now.append(now.pop() + 10), times=2)
    when(Guard, Stepped, 112, raise_alarm)
    result, _ = execute(new_plan())
    assert (result.rollbacks, result.seconds) == (1, 20)


def test_a_stop_in_the_pretraining_after_a_rollback_can_be_resumed(
    new_plan: NewPlan, when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped, control = new_plan(name="whole"), new_plan(name="stopped"), Control()
    when(Guard, Stepped, 48, raise_alarm)
    assert execute(whole)[0].rollbacks == 1

    pretrain = Trainer.reconstruct

    def pretrain_and_stop(trainer: Trainer, *inputs: object) -> object:
        if trainer.rollbacks:
            control.stop()
        return pretrain(trainer, *inputs)  # type: ignore[arg-type]

    when(Guard, Stepped, 48, raise_alarm)
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "reconstruct", pretrain_and_stop)
        result, _ = execute(stopped, control)
    assert (result.finished, result.images_seen, result.rollbacks) == (False, 0, 1)
    record = stopped.run.read_record()
    assert (record["status"], record["images_seen"], len(record["rollbacks"])) == ("stopped", 0, 1)
    assert resume(stopped)[0].finished
    assert_same(stopped.run, whole.run)


# --- growing networks, adaptive augmentation, mirrored images ---------------------------------------------------------

ADAPTIVE = ("augmentation.name=adaptive", "augmentation.horizon=100", "augmentation.interval=3", "augmentation.target=0")


@pytest.mark.parametrize("at", [64, 112])
def test_a_stopped_run_with_changing_probability_and_mirrored_images_goes_on_the_same(
    new_plan: NewPlan, when: When, at: int
) -> None:
    settings = (*tiny.GROWING, *ADAPTIVE, "augmentation.flips=true", "training.mirror=true", "training.checkpoints=2")
    whole, stopped, control = new_plan(*settings, name="whole"), new_plan(*settings, name="stopped"), Control()
    execute(whole)
    when(Guard, Stepped, at, lambda _: control.stop())
    assert not execute(stopped, control)[0].finished
    assert resume(stopped)[0].finished
    assert_same(stopped.run, whole.run)
    assert any(line["augmentation_probability"] > 0 for line in whole.run.read_history())


def test_a_rollback_over_the_border_of_a_size_returns_to_the_size_before(
    new_plan: NewPlan, when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = new_plan(*tiny.GROWING, "training.checkpoints=2", *ADAPTIVE)
    steps: list[tuple[int, float, float]] = []
    step = Trainer.step

    def noted(trainer: Trainer, *inputs: object) -> StepReport:
        growth = trainer.generator.growth
        assert growth is not None
        steps.append((trainer.images_seen, growth.number, float(trainer.augmenter.probability)))
        return step(trainer, *inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "step", noted)
    when(Guard, Stepped, 128, raise_alarm)  # after the checkpoint at 80 images, while the last size is faded in
    result, _ = execute(plan)
    assert (result.finished, result.rollbacks) == (True, 1)
    assert seen(plan.run) == WHOLE
    levels = [(images, level) for images, level, _ in steps]
    expected = {80: 1.0, 96: 1.0, 112: 1.5}
    assert levels[5:8] == list(expected.items())
    assert levels[8:] == [*expected.items(), (128, 2.0), (144, 2.0)]
    assert steps[8] == steps[5], "the probability of the augmentation returns too"
    assert any(probability > 0 for *_, probability in steps)
    generator = load_model(plan.run.model).generator
    assert generator.growth is not None
    assert generator.growth.grown
