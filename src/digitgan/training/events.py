"""The events of the training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.training.trainer import StepReport, Trainer


@final
@dataclass(frozen=True)
class Stepped:
    """A step is done."""

    report: StepReport


@final
@dataclass(frozen=True)
class PreviewDue:
    """A preview is due; the trainer is in the state after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class EvaluationDue:
    """An evaluation is due; the trainer is in the state after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class SnapshotDue:
    """A numbered model is due; the trainer is in the state after the last step."""

    trainer: Trainer


@final
@dataclass(frozen=True)
class CheckpointDue:
    """A checkpoint is due; the trainer is in the state after the last step."""

    trainer: Trainer


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


Event = Stepped | PreviewDue | EvaluationDue | SnapshotDue | CheckpointDue | RollbackDue | Ended
