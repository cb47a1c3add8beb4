"""Tests of what a session guarantees: the files of a run, stops that can be resumed, failures that cost no checkpoint."""

from __future__ import annotations

import dataclasses
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from digitgan.errors import RunError
from digitgan.evaluation import CachedClassifier, FeatureClassifier
from digitgan.model.file import load_model
from digitgan.networks import ImageSpec
from digitgan.runs import RunFolder, locked
from digitgan.session import components, session
from digitgan.session.callbacks import Guard, Previews, evaluation
from digitgan.session.plan import TrainPlan
from digitgan.training import Control, PreviewDue, Stepped, Trainer, checkpoints
from tests.session.conftest import NewPlan, When, contents, execute, resume
from tests.trainings import assert_same

quick = pytest.mark.usefixtures("no_curves")


def files(run: RunFolder) -> set[str]:
    return {path.name for path in run.path.iterdir()}


def test_a_finished_run_has_its_files_and_a_whole_last_batch(new_plan: NewPlan) -> None:
    plan = new_plan("training.images=150")
    result, _ = execute(plan)
    run = plan.run
    assert files(run) == {
        "recipe.toml",
        "run.json",
        "history.jsonl",
        "previews",
        "checkpoints",
        "model.safetensors",
        "lab",
        "losses.png",
        "training.gif",
    }
    assert run.read_recipe() == plan.recipe
    record = run.read_record()
    assert (record["status"], record["images_seen"], record["rollbacks"]) == ("finished", 160, [])
    assert record.items() >= plan.facts().items()
    card = load_model(run.model).card
    assert (card["images_seen"], card["seed"], card["data"]) == (160, 0, plan.data_record())
    assert [line["images_seen"] for line in run.read_history()] == list(range(16, 176, 16))
    assert (result.run, result.model, result.images_seen, result.finished) == (run.path, run.model, 160, True)


@quick
def test_a_stop_leaves_a_checkpoint_and_a_model_and_the_next_session_goes_on(new_plan: NewPlan, when: When) -> None:
    plan = new_plan()
    when(Guard, Stepped, 112, lambda guard: guard.control.stop())
    result, _ = execute(plan)
    assert (result.finished, result.images_seen) == (False, 112)
    record = plan.run.read_record()
    assert (record["status"], record["images_seen"]) == ("stopped", 112)
    assert int(checkpoints(plan.run.checkpoints)[-1].name) == load_model(plan.run.model).card["images_seen"] == 112
    assert plan.run.curves.exists()
    again, said = resume(plan)
    assert (again.finished, again.images_seen) == (True, 160)
    assert "112" in said
    assert again.seconds > result.seconds, "the time of both sessions"


@quick
def test_a_stop_in_the_pretraining_leaves_a_run_that_begins_again(new_plan: NewPlan) -> None:
    plan, control = new_plan(), Control()
    control.stop()
    result, _ = execute(plan, control)
    assert (result.finished, result.images_seen) == (False, 0)
    assert files(plan.run) == {"recipe.toml", "run.json"}
    assert plan.run.read_record()["status"] == "stopped"
    assert resume(plan)[0].finished


@quick
@pytest.mark.usefixtures("isolated_home")
def test_a_stop_while_the_classifier_of_the_evaluations_learns_is_heard(
    new_plan: NewPlan, when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test a new run, and one that has a checkpoint but no longer a classifier."""
    plan, control = new_plan("training.evaluate_every=160"), Control()
    control.stop()
    result, _ = execute(plan, control)
    assert (result.finished, result.images_seen) == (False, 0)
    assert plan.run.read_record()["status"] == "stopped"
    assert not plan.run.scores.exists()

    stopped = new_plan("training.evaluate_every=160", name="stopped")
    with monkeypatch.context() as patch:
        patch.setattr(components, "classifier_for", lambda *_: CachedClassifier(FeatureClassifier(plan.spec).eval(), "", ""))
        when(Guard, Stepped, 112, lambda guard: guard.control.stop())
        assert execute(stopped)[0].images_seen == 112
    control = Control()
    control.stop()
    result, _ = resume(stopped, control)
    assert (result.finished, result.images_seen) == (False, 112)
    record = stopped.run.read_record()
    assert (record["status"], record["images_seen"]) == ("stopped", 112)


@quick
def test_a_failure_in_a_callback_leaves_the_last_checkpoint_and_a_run_that_can_be_resumed(
    new_plan: NewPlan, when: When
) -> None:
    whole, broken = new_plan(name="whole"), new_plan(name="broken")
    execute(whole)

    def fail(_: Previews) -> None:
        raise RuntimeError("a bug")

    when(Previews, PreviewDue, 96, fail)
    with pytest.raises(RuntimeError, match="a bug"):
        execute(broken)
    assert [int(path.name) for path in checkpoints(broken.run.checkpoints)] == [80]
    assert not broken.run.model.exists()
    assert broken.run.read_record()["status"] == "training"
    assert resume(broken)[0].finished
    assert_same(broken.run, whole.run)


@quick
@pytest.mark.parametrize("interrupted_in", ["write_recipe", "write_record"])
def test_a_run_that_was_killed_before_it_had_begun_is_no_hindrance(
    new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch, interrupted_in: str
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    plan = new_plan()
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, interrupted_in, killed)
        with pytest.raises(SystemExit):
            execute(plan)
    assert not plan.run.record.exists()
    assert execute(plan)[0].finished


@quick
@pytest.mark.parametrize("changes", [{"resumed": True}, {"overwrite": True}])
def test_a_second_session_in_a_folder_is_refused_and_nothing_changes(new_plan: NewPlan, changes: dict[str, bool]) -> None:
    plan = new_plan()
    execute(plan)
    before = contents(plan.run)
    with locked(plan.run), pytest.raises(RunError, match="run: another process"):
        execute(dataclasses.replace(plan, **changes))
    assert contents(plan.run) == before
    assert execute(dataclasses.replace(plan, **changes))[0].finished, "the lock ends with its session"


@pytest.fixture
def evaluated(new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch) -> TrainPlan:
    """Return a plan with two evaluations by an untrained classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = FeatureClassifier(ImageSpec(1, 28, 28, 10)).eval()
    monkeypatch.setattr(evaluation, "GENERATED_IMAGES", 100)
    monkeypatch.setattr(evaluation, "TRAINING_IMAGES", 100)
    monkeypatch.setattr(components, "classifier_for", lambda *_: SimpleNamespace(classifier=classifier))
    return new_plan("training.evaluate_every=80")


@quick
def test_evaluations_leave_scores_and_the_best_model(evaluated: TrainPlan) -> None:
    execute(evaluated)
    scores = [json.loads(line) for line in evaluated.run.scores.read_text(encoding="utf-8").splitlines()]
    assert [score["images_seen"] for score in scores] == [80, 160]
    best = min(scores, key=lambda score: score["frechet_distance"])
    assert load_model(evaluated.run.best).card["metrics"] == best


@quick
@pytest.mark.parametrize(("share", "reported"), [(0.0, True), (1.0, False)])
def test_evaluations_that_take_long_are_reported(
    evaluated: TrainPlan, monkeypatch: pytest.MonkeyPatch, share: float, reported: bool
) -> None:
    monkeypatch.setattr(session, "MAX_EVALUATION_SHARE", share)
    monkeypatch.setattr(session, "LEAST_EVALUATION_SECONDS", 0.0 if reported else 10.0)
    assert ("--evaluate-every" in execute(evaluated)[1]) == reported


@quick
@pytest.mark.parametrize("resumed", [False, True])
def test_the_training_time_leaves_out_the_classifier_and_the_evaluations(
    evaluated: TrainPlan, monkeypatch: pytest.MonkeyPatch, when: When, resumed: bool
) -> None:
    waited = 2.0
    prepare, score = components.classifier_for, evaluation.EvaluationCallback._score

    def slow_classifier(*given: Any) -> Any:
        time.sleep(waited)
        return prepare(*given)

    def slow_score(callback: evaluation.EvaluationCallback, trainer: Trainer) -> None:
        time.sleep(waited)
        score(callback, trainer)

    monkeypatch.setattr(components, "classifier_for", slow_classifier)
    monkeypatch.setattr(evaluation.EvaluationCallback, "_score", slow_score)
    if resumed:
        when(Guard, Stepped, 112, lambda guard: guard.control.stop())
        execute(evaluated)
    started = time.monotonic()
    before = evaluated.run.read_record()["seconds"] if resumed else 0.0
    result = resume(evaluated)[0] if resumed else execute(evaluated)[0]
    elapsed = time.monotonic() - started
    assert result.seconds - before <= elapsed - waited * (2 if resumed else 3)
    assert evaluated.run.read_record()["seconds"] == pytest.approx(result.seconds, abs=0.5)


@quick
def test_a_report_of_an_earlier_model_is_pointed_out(new_plan: NewPlan) -> None:
    plan = new_plan()
    execute(plan)
    report = plan.run.path / "report.json"
    for described, noted in ((160, False), (80, True), (None, False)):
        report.write_text(json.dumps({"source": {"images_seen": described}}))
        _, printed = resume(plan)
        assert ("report.html" in printed and f"digitgan evaluate {plan.run.path}" in printed) == noted
    report.write_text("{")
    assert "report.html" not in resume(plan)[1]
    assert report.read_text() == "{"
