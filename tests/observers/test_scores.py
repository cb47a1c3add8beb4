"""Scores during a training: what is drawn is compared with training images, and the best model so far is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.data import ImageSet
from digitgan.evaluation import Judge, judged_labels
from digitgan.model.file import Model, load_model
from digitgan.networks import ImageForm
from digitgan.runs import RunFolder, new_run
from digitgan.session.callbacks import Scores
from digitgan.training import EvaluationDue, Game


@pytest.fixture(scope="module")
def judge() -> Judge:
    """It knows nothing, but what it says is a function of the images."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Judge(ImageForm(1, 28, 28, 10)).eval()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", overwrite=False)


def lines(run: RunFolder) -> list[dict[str, float]]:
    return [json.loads(line) for line in run.scores.read_text(encoding="utf-8").splitlines()]


def model_of(game: Game, portions: int = 8) -> Model:
    return Model(game.ema.generator.eval(), game.recipe, tuple("0123456789"), {"images_seen": game.images_seen})


def spoil(game: Game, factor: float) -> None:
    with torch.no_grad():
        for weight in game.ema.generator.parameters():
            weight.mul_(factor)


def test_the_model_with_the_lowest_distance_is_kept(
    run: RunFolder, judge: Judge, digits: ImageSet, new_game: Callable[..., Game]
) -> None:
    game = new_game()
    scores = Scores(run, judge, digits, model_of)
    kept = []
    for number, factor in enumerate((1.0, 3.0, 0.1, 30.0), start=1):
        game.images_seen = 16 * number
        spoil(game, factor)
        scores.see(EvaluationDue(game))
        kept.append(load_model(run.best).card["images_seen"])
    found = lines(run)
    assert [line["images_seen"] for line in found] == [16, 32, 48, 64]
    distances = [line["frechet_distance"] for line in found]
    assert len(set(distances)) == 4
    assert kept == [16 * (1 + int(np.argmin(distances[:number]))) for number in (1, 2, 3, 4)]
    assert load_model(run.best).card["metrics"] == found[int(np.argmin(distances))]


def test_a_score_is_of_the_labels_that_were_asked_for(
    run: RunFolder, judge: Judge, digits: ImageSet, new_game: Callable[..., Game]
) -> None:
    scores = Scores(run, judge, digits, model_of)
    game = new_game()
    scores.see(EvaluationDue(game))
    images = model_of(game).sample(scores.labels, seed=0)
    assert lines(run)[0]["class_accuracy"] == pytest.approx((judged_labels(judge, images) == scores.labels).mean(), abs=1e-5)
    np.testing.assert_allclose(np.bincount(scores.labels) / len(scores.labels), np.bincount(digits.labels) / 1500, atol=0.02)


def test_an_unconditional_recipe_has_no_accuracy(
    run: RunFolder, judge: Judge, digits: ImageSet, new_model: Callable[..., Model], new_game: Callable[..., Game]
) -> None:
    plain = new_model(("image",))
    scores = Scores(run, judge, digits, lambda game, portions=8: plain)
    scores.see(EvaluationDue(new_game()))
    assert lines(run)[0].keys() == {"images_seen", "frechet_distance"}


def test_after_a_resume_lines_go_on_where_the_checkpoint_was(
    run: RunFolder, judge: Judge, digits: ImageSet, new_game: Callable[..., Game]
) -> None:
    game = new_game()
    scores = Scores(run, judge, digits, model_of)
    scores.see(EvaluationDue(game))
    state = json.loads(json.dumps(scores.state()))
    spoil(game, 0.5)
    scores.see(EvaluationDue(game))
    assert len(lines(run)) == 2
    resumed = Scores(run, judge, digits, model_of)
    resumed.restore(state, 0)
    assert len(lines(run)) == 1
    resumed.see(EvaluationDue(game))
    assert lines(run) == scores.lines


def test_a_rollback_forgets_a_best_model_of_the_steps_it_undoes(
    run: RunFolder, judge: Judge, digits: ImageSet, new_game: Callable[..., Game]
) -> None:
    game = new_game()
    scores = Scores(run, judge, digits, model_of)
    state = json.loads(json.dumps(scores.state()))
    scores.see(EvaluationDue(game))
    assert run.best.exists()
    scores.restore(state, 0)
    assert not run.best.exists()
    game.images_seen = 8
    spoil(game, 30)
    scores.see(EvaluationDue(game))
    assert load_model(run.best).card["images_seen"] == 8


def test_a_resume_keeps_a_best_model_that_will_be_made_again(
    run: RunFolder, judge: Judge, digits: ImageSet, new_game: Callable[..., Game]
) -> None:
    game = new_game()
    scores = Scores(run, judge, digits, model_of)
    scores.see(EvaluationDue(game))
    state = json.loads(json.dumps(scores.state()))
    before = run.best.read_bytes()
    resumed = Scores(run, judge, digits, model_of)
    resumed.restore(state, 0)
    game.images_seen = 16
    spoil(game, 30)  # worse
    resumed.see(EvaluationDue(game))
    assert run.best.read_bytes() == before


def test_the_same_game_has_the_same_score(
    run: RunFolder, judge: Judge, digits: ImageSet, new_game: Callable[..., Game]
) -> None:
    game = new_game()
    scores = Scores(run, judge, digits, model_of)
    scores.see(EvaluationDue(game))
    scores.see(EvaluationDue(game))
    first, second = lines(run)
    assert first == second
