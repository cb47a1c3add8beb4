"""How a training is steered from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import final


@final
class Control:
    """How the loop is steered from outside: it looks here between two steps. Safe to call from a signal handler.

    Attributes:
        when_woken: is called when the process goes on after it was made to stand still.
    """

    def __init__(self) -> None:
        self.when_woken: Callable[[], None] = lambda: None
        self._stop = threading.Event()
        self._alarm: str | None = None

    def stop(self) -> None:
        """Ask the loop to end after the step it is in, leaving a checkpoint."""
        self._stop.set()

    def raise_alarm(self, alarm: str) -> None:
        """Say what has gone wrong: nothing more is saved of the trainer as it is, and the loop asks for a rollback."""
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
    def stop_requested(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()
