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
class CheckpointDue:
    """A checkpoint is due; the game is as it was after the last step."""

    game: Game


@final
@dataclass(frozen=True)
class Ended:
    """The loop is over; `finished` is false where it was told to stop before the run's end."""

    game: Game
    finished: bool


Event = Stepped | PreviewDue | CheckpointDue | Ended


@final
class Control:
    """How the loop is steered from outside: it looks here between two steps. Safe to call from a signal handler."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ask the loop to end after the step it is in, leaving a checkpoint."""
        self._stop.set()

    @property
    def stop_asked(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()
