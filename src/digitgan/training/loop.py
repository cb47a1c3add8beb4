"""The training loop, and its events. It uses no files and no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from digitgan.data import Batches
from digitgan.training.control import Control
from digitgan.training.noise import NoiseSource
from digitgan.training.schedule import schedules_of
from digitgan.training.trainer import StepReport, Trainer


@final
@dataclass(frozen=True)
class Stepped:
    """A step is done."""

    report: StepReport


@dataclass(frozen=True)
class Due:
    """Something is due; the trainer is in the state after the last step."""

    trainer: Trainer


@final
class PreviewDue(Due):
    """A preview is due."""


@final
class EvaluationDue(Due):
    """An evaluation is due."""


@final
class SnapshotDue(Due):
    """A snapshot of the model is due."""


@final
class CheckpointDue(Due):
    """A checkpoint is due."""


@final
@dataclass(frozen=True)
class RollbackDue:
    """A rollback is due: the trainer must be restored in place to a healthy state before the loop continues."""

    trainer: Trainer
    alarm: str


@final
@dataclass(frozen=True)
class Ended:
    """The loop has ended; `finished` is False if it was stopped before the end of the run."""

    trainer: Trainer
    finished: bool


Event = Stepped | Due | RollbackDue | Ended


def train_loop(trainer: Trainer, batches: Batches, noise_source: NoiseSource, control: Control) -> Iterator[Event]:
    """Train until the recipe's count of images is reached, or `control` requests a stop.

    A trainer that has already seen images continues from there. The schedules end at the end of the run, so that a preview and
    a checkpoint are due after the last step.

    Args:
        trainer: trainer, changed by every step.
        batches: real images, by number of images seen.
        noise_source: latents and other noise, by number of images seen.
        control: control, read between events.

    Yields:
        `Stepped` after each step; `PreviewDue`, `EvaluationDue`, `SnapshotDue` and `CheckpointDue` when they are due;
        `RollbackDue` after an alarm, which cancels the other events that were due; `Ended` last. A stopped loop yields
        `CheckpointDue` before it ends.
    """
    training = trainer.recipe.training
    schedules = schedules_of(training, batches.images_an_epoch)
    while True:
        if trainer.recipe.training is not training:  # the length was decided
            training = trainer.recipe.training
            schedules = schedules_of(training, batches.images_an_epoch)
        seen = trainer.images_seen
        finished = seen >= training.images
        if finished or control.stop_requested:
            last = [] if schedules.checkpoints.due(seen) else [CheckpointDue(trainer)]
            events: list[Event] = [*last, Ended(trainer, finished)]
        else:
            report = trainer.step(batches.at(seen), noise_source.at(seen, trainer.attempts))
            seen = trainer.images_seen
            due = (
                (schedules.previews, PreviewDue),
                (schedules.evaluations, EvaluationDue),
                (schedules.snapshots, SnapshotDue),
                (schedules.checkpoints, CheckpointDue),
            )
            events = [Stepped(report), *(event(trainer) for schedule, event in due if schedule.due(seen))]
        for event in events:
            yield event
            if control.alarm is not None:
                yield RollbackDue(trainer, control.take_alarm())
                break
        else:
            if isinstance(events[-1], Ended):
                return
