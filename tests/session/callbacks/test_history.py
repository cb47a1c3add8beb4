"""Tests of the history callback."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest
import torch

from digitgan.recipes import Recipe, with_settings
from digitgan.runs import RunFolder, history_line, new_run
from digitgan.session.callbacks import History
from digitgan.session.callbacks.history import LINES
from digitgan.training import Stepped, StepReport

BATCH = 16


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", overwrite=False)


@pytest.fixture
def recipe(small_recipe: Recipe) -> Recipe:
    """Return the recipe of a run with two steps per line."""
    return with_settings(small_recipe, [f"training.images={2 * LINES * BATCH}"])


def step(number: int, **terms: float) -> Stepped:
    """Return the event after step `number`, counted from 1."""
    return Stepped(StepReport(number * BATCH, {name: torch.tensor(value) for name, value in terms.items()}))


def lines(run: RunFolder) -> list[dict[str, float]]:
    """Return the history without the time, which differs between runs."""
    return [{name: value for name, value in line.items() if name != "seconds"} for line in run.read_history()]


def test_a_line_has_the_mean_of_the_steps_since_the_last(run: RunFolder, recipe: Recipe) -> None:
    history = History(run, recipe, 60_000)
    for number, loss in enumerate([1.0, 2.0, 10.0, 20.0], start=1):
        history.on_event(step(number, discriminator_loss=loss, score_real=-loss))
    assert lines(run) == [
        {"images_seen": 32, "discriminator_loss": 1.5, "score_real": -1.5, "learning_rate_scale": 1.0},
        {"images_seen": 64, "discriminator_loss": 15.0, "score_real": -15.0, "learning_rate_scale": 1.0},
    ]


def test_a_pause_is_not_counted_as_trained(run: RunFolder, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    history = History(run, recipe, 60_000)
    now[0] += 10
    history.on_event(step(1))
    now[0] += 1000
    history.skip_since_last_event()
    assert history.seconds == 10
    now[0] += 5
    history.on_event(step(2))
    assert history.seconds == 15


def test_a_term_that_came_once_is_averaged_over_that_once(run: RunFolder, recipe: Recipe) -> None:
    history = History(run, recipe, 60_000)
    history.on_event(step(1, discriminator_loss=1.0, penalty=6.0))
    history.on_event(step(2, discriminator_loss=3.0))
    history.on_event(step(3, discriminator_loss=1.0))
    history.on_event(step(4, discriminator_loss=3.0))
    first, second = lines(run)
    assert (first["penalty"], first["discriminator_loss"]) == (6.0, 2.0)
    assert "penalty" not in second


def test_a_full_run_has_200_lines_and_the_last_is_its_end(run: RunFolder, recipe: Recipe) -> None:
    history = History(run, recipe, 60_000)
    for number in range(1, 2 * LINES + 1):
        history.on_event(step(number, discriminator_loss=0.0))
    written = lines(run)
    assert len(written) == LINES == 200
    assert written[-1]["images_seen"] == recipe.training.images


def test_a_short_run_has_a_line_a_step(run: RunFolder, small_recipe: Recipe) -> None:
    history = History(run, small_recipe, 60_000)
    for number in range(1, 11):
        history.on_event(step(number, discriminator_loss=0.0))
    assert [line["images_seen"] for line in lines(run)] == [BATCH * number for number in range(1, 11)]


def test_the_learning_rate_scale_is_that_of_the_moment(run: RunFolder, small_recipe: Recipe) -> None:
    history = History(run, with_settings(small_recipe, ["optimizer.decay=linear", "optimizer.decay_share=0.4"]), 60_000)
    for number in range(1, 11):
        history.on_event(step(number, discriminator_loss=0.0))
    scales = [line["learning_rate_scale"] for line in lines(run)]
    assert scales == pytest.approx([1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0.001])


def test_each_line_says_how_long_the_training_took(run: RunFolder, small_recipe: Recipe) -> None:
    history = History(run, small_recipe, 60_000)
    history.restore({"sums": {}, "seconds": 100.0}, images_seen=0)
    history.on_event(step(1, discriminator_loss=0.0))
    (line,) = run.read_history()
    assert 100 <= line["seconds"] < 160
    assert history.seconds > line["seconds"] - 0.001


def test_resumed_equals_uninterrupted(tmp_path: Path, recipe: Recipe) -> None:
    """Test a stop between two lines, with sums that are not round, and lines that are newer than the checkpoint."""
    values = torch.rand(12, generator=torch.Generator().manual_seed(0)).tolist()
    whole, resumed = (new_run(tmp_path / name, overwrite=False) for name in ("whole", "resumed"))

    def train(history: History, first: int, last: int) -> None:
        for number in range(first, last + 1):
            penalty = {"penalty": values[number]} if number % 3 == 1 else {}
            history.on_event(step(number, discriminator_loss=values[number], **penalty))

    train(History(whole, recipe, 60_000), 1, 10)
    before = History(resumed, recipe, 60_000)
    train(before, 1, 5)
    state = json.loads(json.dumps(before.state()))
    train(before, 6, 11)  # the steps between the checkpoint and the kill
    after = History(resumed, recipe, 60_000)
    after.restore(state, images_seen=5 * BATCH)
    assert [line["images_seen"] for line in lines(resumed)] == [32, 64]
    train(after, 6, 10)
    assert lines(resumed) == lines(whole)


def test_a_line_that_was_cut_off_is_gone_after_a_resume(run: RunFolder, recipe: Recipe) -> None:
    run.history.write_text(history_line({"images_seen": 32, "discriminator_loss": 1.0}) + '{"images_seen": 64, "discr')
    history = History(run, recipe, 60_000)
    history.restore({"sums": {}, "seconds": 0.0}, images_seen=64)
    for number in (5, 6):
        history.on_event(step(number, discriminator_loss=2.0))
    assert [line["images_seen"] for line in lines(run)] == [32, 96]


def test_values_are_read_only_when_a_line_is_due(run: RunFolder, recipe: Recipe) -> None:
    """Test that losses stay on the device; reading a `meta` tensor raises an error."""
    unreadable = StepReport(BATCH, {"discriminator_loss": torch.empty((), device="meta")})
    history = History(run, recipe, 60_000)
    history.on_event(Stepped(unreadable))
    assert not run.history.exists()
    with pytest.raises(RuntimeError, match="meta"):
        history.on_event(Stepped(dataclasses.replace(unreadable, images_seen=2 * BATCH)))


def test_losses_in_bfloat16_are_added_up_in_float32(run: RunFolder, recipe: Recipe) -> None:
    """Test the sum 256 + 1, which is 256 in bfloat16."""
    history = History(run, recipe, 60_000)
    for number, loss in ((1, 256.0), (2, 1.0)):
        history.on_event(Stepped(StepReport(number * BATCH, {"discriminator_loss": torch.tensor(loss, dtype=torch.bfloat16)})))
    assert lines(run)[0]["discriminator_loss"] == 128.5
