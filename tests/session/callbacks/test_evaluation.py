"""Tests of the evaluation callback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.data import ImageSet
from digitgan.evaluation import FeatureClassifier, predicted_labels
from digitgan.model.file import Model, load_model
from digitgan.networks import ImageSpec
from digitgan.runs import RunFolder, new_run
from digitgan.session.callbacks import EvaluationCallback
from digitgan.training import EvaluationDue, Trainer


@pytest.fixture(scope="module")
def classifier() -> FeatureClassifier:
    """Return an untrained classifier, whose output is a function of the images."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FeatureClassifier(ImageSpec(1, 28, 28, 10)).eval()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", overwrite=False)


def lines(run: RunFolder) -> list[dict[str, float]]:
    return [json.loads(line) for line in run.scores.read_text(encoding="utf-8").splitlines()]


def model_of(trainer: Trainer, chunks: int = 8) -> Model:
    return Model(trainer.ema.generator.eval(), trainer.recipe, tuple("0123456789"), {"images_seen": trainer.images_seen})


def callback(
    run: RunFolder, classifier: FeatureClassifier, image_set: ImageSet, model: Callable[..., Model]
) -> EvaluationCallback:
    made = EvaluationCallback(run, image_set, model)
    made.compare_by(classifier)
    return made


def spoil(trainer: Trainer, factor: float) -> None:
    with torch.no_grad():
        for weight in trainer.ema.generator.parameters():
            weight.mul_(factor)


def test_the_model_with_the_lowest_distance_is_kept(
    run: RunFolder, classifier: FeatureClassifier, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer()
    scores = callback(run, classifier, digits, model_of)
    kept = []
    for number, factor in enumerate((1.0, 3.0, 0.1, 30.0), start=1):
        trainer.images_seen = 16 * number
        spoil(trainer, factor)
        scores.on_event(EvaluationDue(trainer))
        kept.append(load_model(run.best).card["images_seen"])
    found = lines(run)
    assert [line["images_seen"] for line in found] == [16, 32, 48, 64]
    distances = [line["frechet_distance"] for line in found]
    assert len(set(distances)) == 4
    assert kept == [16 * (1 + int(np.argmin(distances[:number]))) for number in (1, 2, 3, 4)]
    assert load_model(run.best).card["metrics"] == found[int(np.argmin(distances))]


def test_a_score_is_of_the_labels_that_were_asked_for(
    run: RunFolder, classifier: FeatureClassifier, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    scores = callback(run, classifier, digits, model_of)
    trainer = new_trainer()
    scores.on_event(EvaluationDue(trainer))
    images = model_of(trainer).sample(scores.labels, seed=0)
    assert lines(run)[0]["class_accuracy"] == pytest.approx(
        (predicted_labels(classifier, images) == scores.labels).mean(), abs=1e-5
    )
    np.testing.assert_allclose(np.bincount(scores.labels) / len(scores.labels), np.bincount(digits.labels) / 1500, atol=0.02)


def test_an_unconditional_recipe_has_no_accuracy(
    run: RunFolder,
    classifier: FeatureClassifier,
    digits: ImageSet,
    new_model: Callable[..., Model],
    new_trainer: Callable[..., Trainer],
) -> None:
    plain = new_model(("image",))
    scores = callback(run, classifier, digits, lambda trainer, chunks=8: plain)
    scores.on_event(EvaluationDue(new_trainer()))
    assert lines(run)[0].keys() == {"images_seen", "frechet_distance"}


def test_after_a_resume_lines_go_on_where_the_checkpoint_was(
    run: RunFolder, classifier: FeatureClassifier, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer()
    scores = callback(run, classifier, digits, model_of)
    scores.on_event(EvaluationDue(trainer))
    state = json.loads(json.dumps(scores.state()))
    spoil(trainer, 0.5)
    scores.on_event(EvaluationDue(trainer))
    assert len(lines(run)) == 2
    resumed = callback(run, classifier, digits, model_of)
    resumed.restore(state, 0)
    assert len(lines(run)) == 1
    resumed.on_event(EvaluationDue(trainer))
    assert lines(run) == scores.lines


def test_a_rollback_forgets_a_best_model_of_the_steps_it_undoes(
    run: RunFolder, classifier: FeatureClassifier, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer()
    scores = callback(run, classifier, digits, model_of)
    state = json.loads(json.dumps(scores.state()))
    scores.on_event(EvaluationDue(trainer))
    assert run.best.exists()
    scores.restore(state, 0)
    assert not run.best.exists()
    trainer.images_seen = 8
    spoil(trainer, 30)
    scores.on_event(EvaluationDue(trainer))
    assert load_model(run.best).card["images_seen"] == 8


def test_a_resume_keeps_a_best_model_that_will_be_made_again(
    run: RunFolder, classifier: FeatureClassifier, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer()
    scores = callback(run, classifier, digits, model_of)
    scores.on_event(EvaluationDue(trainer))
    state = json.loads(json.dumps(scores.state()))
    before = run.best.read_bytes()
    resumed = callback(run, classifier, digits, model_of)
    resumed.restore(state, 0)
    trainer.images_seen = 16
    spoil(trainer, 30)  # worse
    resumed.on_event(EvaluationDue(trainer))
    assert run.best.read_bytes() == before


def test_the_same_trainer_has_the_same_score(
    run: RunFolder, classifier: FeatureClassifier, digits: ImageSet, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer()
    scores = callback(run, classifier, digits, model_of)
    scores.on_event(EvaluationDue(trainer))
    scores.on_event(EvaluationDue(trainer))
    first, second = lines(run)
    assert first == second
