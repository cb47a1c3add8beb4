"""External control of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import final


@final
class Control:
    """External control of the training loop, which reads it between two steps. Safe to call from a signal handler.

    Attributes:
        on_continue: called when the process continues after a suspension.
    """

    def __init__(self) -> None:
        self.on_continue: Callable[[], None] = lambda: None
        self._stop = False  # not a threading.Event: a second signal inside its set() would wait for its lock without end
        self._alarm: str | None = None

    def stop(self) -> None:
        """Request the loop to end after the current step with a checkpoint."""
        self._stop = True

    def raise_alarm(self, alarm: str) -> None:
        """Report a failure: the loop saves nothing more of the current state and requests a rollback."""
        self._alarm = self._alarm or alarm

    @property
    def alarm(self) -> str | None:
        """The diagnosis of a failure since the last rollback, or None."""
        return self._alarm

    def take_alarm(self) -> str:
        """Return the alarm and clear it."""
        alarm, self._alarm = self._alarm or "", None
        return alarm

    @property
    def stop_requested(self) -> bool:
        """Return whether `stop` was called."""
        return self._stop
