"""What the training loop tells those who watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.training.trainer import StepReport, Trainer


@final
@dataclass(frozen=True)
class Stepped:
    """A step was made."""

    report: StepReport


@final
@dataclass(frozen=True)
class PreviewDue:
    """A sample grid is due; the trainer is as it was after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class EvaluationDue:
    """What the trainer draws is to be scored; it is as it was after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class SnapshotDue:
    """A numbered model is due; the trainer is as it was after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class CheckpointDue:
    """A checkpoint is due; the trainer is as it was after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class RollbackDue:
    """Something has gone wrong, and the trainer is to be taken back to where it was well, in place, before the loop goes on."""

    trainer: Trainer
    alarm: str


@final
@dataclass(frozen=True)
class Ended:
    """The loop is over; `finished` is false where it was told to stop before the run's end."""

    trainer: Trainer
    finished: bool


Event = Stepped | PreviewDue | EvaluationDue | SnapshotDue | CheckpointDue | RollbackDue | Ended
