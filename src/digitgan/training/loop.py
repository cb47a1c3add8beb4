"""The training loop. It knows no file, no terminal, no plot: it plays the trainer and says what happens."""

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
from digitgan.training.noise import NoiseSource
from digitgan.training.schedule import schedules_of
from digitgan.training.trainer import Trainer


def train_loop(trainer: Trainer, batches: Batches, noise_source: NoiseSource, control: Control) -> Iterator[Event]:
    """Play until the recipe's count of images is reached, or `control` asks to stop.

    A trainer that has already seen images goes on where it stands. The last step takes the same road as every other: what is
    due after it is due because the run's end is itself a moment for a preview and a checkpoint.

    Args:
        trainer: what is played; changed by every step.
        batches: real images, by count of images seen.
        noise_source: latents and the like, by count of images seen.
        control: looked at between steps.

    Yields:
        `Stepped` after each step; `PreviewDue`, `EvaluationDue`, `SnapshotDue` and `CheckpointDue` at their moments;
        `RollbackDue` after an alarm, until which nothing else is due; `Ended` last. A loop that was stopped makes a checkpoint
        due before it ends.
    """
    training = trainer.recipe.training
    schedules = schedules_of(training, batches.images_an_epoch)
    while True:
        finished = trainer.images_seen >= training.images
        if finished or control.stop_requested:
            if not schedules.checkpoints.due(trainer.images_seen):
                yield CheckpointDue(trainer)
            if control.alarm is None:
                yield Ended(trainer, finished)
            if control.alarm is None:
                return
        else:
            yield Stepped(trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen, trainer.attempts)))
            if control.alarm is None and schedules.previews.due(trainer.images_seen):
                yield PreviewDue(trainer)
            if control.alarm is None and schedules.evaluations.due(trainer.images_seen):
                yield EvaluationDue(trainer)
            if control.alarm is None and schedules.snapshots.due(trainer.images_seen):
                yield SnapshotDue(trainer)
            if control.alarm is None and schedules.checkpoints.due(trainer.images_seen):
                yield CheckpointDue(trainer)
        if control.alarm is not None:
            yield RollbackDue(trainer, control.take_alarm())
