"""The training loop. It knows no file, no terminal, no plot: it plays the game and says what happens."""

from __future__ import annotations

from collections.abc import Iterator

from digitgan.data import Batches
from digitgan.training.draws import Draws
from digitgan.training.events import CheckpointDue, Control, Ended, Event, PreviewDue, Stepped
from digitgan.training.schedule import Moments
from digitgan.training.step import Game


def play(game: Game, batches: Batches, draws: Draws, control: Control) -> Iterator[Event]:
    """Play until the recipe's count of images is reached, or `control` asks to stop.

    A game that has already seen images goes on where it stands. The last step takes the same road as every other: what is due
    after it is due because the run's end is itself a moment for a preview and a checkpoint.

    Args:
        game: what is played; changed by every step.
        batches: real images, by count of images seen.
        draws: latents, by count of images seen.
        control: looked at between steps.

    Yields:
        `Stepped` after each step; `PreviewDue` and `CheckpointDue` at their moments; `Ended` last. A loop that was stopped
        makes a checkpoint due before it ends.
    """
    training = game.recipe.training
    previews = Moments(training.images, training.previews, training.batch_size)
    checkpoints = Moments(training.images, training.checkpoints, training.batch_size)
    while True:
        finished = game.images_seen >= training.images
        if finished or control.stop_asked:
            if not checkpoints.due(game.images_seen):
                yield CheckpointDue(game)
            yield Ended(game, finished)
            return
        yield Stepped(game.step(batches.at(game.images_seen), draws.at(game.images_seen)))
        if previews.due(game.images_seen):
            yield PreviewDue(game)
        if checkpoints.due(game.images_seen):
            yield CheckpointDue(game)
