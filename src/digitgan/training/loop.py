"""The training loop. It knows no file, no terminal, no plot: it plays the game and says what happens."""

from __future__ import annotations

from collections.abc import Iterator

from digitgan.data import Batches
from digitgan.training.control import Control
from digitgan.training.events import (
    CheckpointDue,
    Ended,
    EvaluationDue,
    Event,
    PreviewDue,
    RollbackDue,
    SnapshotDue,
    Stepped,
)
from digitgan.training.noise import Draws
from digitgan.training.schedule import moments_of
from digitgan.training.trainer import Game


def play(game: Game, batches: Batches, draws: Draws, control: Control) -> Iterator[Event]:
    """Play until the recipe's count of images is reached, or `control` asks to stop.

    A game that has already seen images goes on where it stands. The last step takes the same road as every other: what is due
    after it is due because the run's end is itself a moment for a preview and a checkpoint.

    Args:
        game: what is played; changed by every step.
        batches: real images, by count of images seen.
        draws: latents and the like, by count of images seen.
        control: looked at between steps.

    Yields:
        `Stepped` after each step; `PreviewDue`, `EvaluationDue`, `SnapshotDue` and `CheckpointDue` at their moments;
        `RollbackDue` after an alarm, until which nothing else is due; `Ended` last. A loop that was stopped makes a checkpoint
        due before it ends.
    """
    training = game.recipe.training
    moments = moments_of(training, batches.images_an_epoch)
    while True:
        finished = game.images_seen >= training.images
        if finished or control.stop_asked:
            if not moments.checkpoints.due(game.images_seen):
                yield CheckpointDue(game)
            if control.alarm is None:
                yield Ended(game, finished)
            if control.alarm is None:
                return
        else:
            yield Stepped(game.step(batches.at(game.images_seen), draws.at(game.images_seen, game.tries)))
            if control.alarm is None and moments.previews.due(game.images_seen):
                yield PreviewDue(game)
            if control.alarm is None and moments.evaluations.due(game.images_seen):
                yield EvaluationDue(game)
            if control.alarm is None and moments.snapshots.due(game.images_seen):
                yield SnapshotDue(game)
            if control.alarm is None and moments.checkpoints.due(game.images_seen):
                yield CheckpointDue(game)
        if control.alarm is not None:
            yield RollbackDue(game, control.take_alarm())
