"""What the training loop tells those who watch, and the one way in which they may steer it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import final

from digitgan.training.step import Game, StepReport


@final
@dataclass(frozen=True)
class Stepped:
    """A step was made."""

    report: StepReport


@final
@dataclass(frozen=True)
class PreviewDue:
    """A sample grid is due; the game is as it was after the last step."""

    game: Game


@final
@dataclass(frozen=True)
class EvaluationDue:
    """What the game draws is to be scored; it is as it was after the last step."""

    game: Game


@final
@dataclass(frozen=True)
class SnapshotDue:
    """A numbered model is due; the game is as it was after the last step."""

    game: Game


@final
@dataclass(frozen=True)
class CheckpointDue:
    """A checkpoint is due; the game is as it was after the last step."""

    game: Game


@final
@dataclass(frozen=True)
class RollbackDue:
    """Something has gone wrong, and the game is to be taken back to where it was well, in place, before the loop goes on."""

    game: Game
    alarm: str


@final
@dataclass(frozen=True)
class Ended:
    """The loop is over; `finished` is false where it was told to stop before the run's end."""

    game: Game
    finished: bool


Event = Stepped | PreviewDue | EvaluationDue | SnapshotDue | CheckpointDue | RollbackDue | Ended


@final
class Control:
    """How the loop is steered from outside: it looks here between two steps. Safe to call from a signal handler."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._alarm: str | None = None

    def stop(self) -> None:
        """Ask the loop to end after the step it is in, leaving a checkpoint."""
        self._stop.set()

    def raise_alarm(self, alarm: str) -> None:
        """Say what has gone wrong: nothing more is saved of the game as it is, and the loop asks for a rollback."""
        self._alarm = self._alarm or alarm

    @property
    def alarm(self) -> str | None:
        """What has gone wrong since the last rollback."""
        return self._alarm

    def take_alarm(self) -> str:
        """The alarm, which is then over."""
        alarm, self._alarm = self._alarm or "", None
        return alarm

    @property
    def stop_asked(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()
