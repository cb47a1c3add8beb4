"""The account of the time of a training: which part took how long, from the start of the process to its end."""

from __future__ import annotations

import time
from typing import Final, final

CLASSIFIER: Final = "classifier"
"""The part in which the classifier of the evaluations is trained or read. Evaluations do not count for a budget."""


@final
class TimeAccount:
    """The durations of the parts of a training, in seconds.

    Args:
        spent: seconds before this moment that count too, as "start".

    Attributes:
        parts: the durations by name, in order.
    """

    def __init__(self, spent: float = 0.0) -> None:
        self.began = time.monotonic() - spent
        self.parts: dict[str, float] = {}
        self._last = self.began
        self.end("start")

    @property
    def seconds(self) -> float:
        """The time since the beginning."""
        return time.monotonic() - self.began

    def end(self, part: str) -> None:
        """Count the time since the end of the part before as a part; a name that is repeated adds up."""
        now = time.monotonic()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._last
        self._last = now

    def facts(self) -> dict[str, float]:
        """Return the durations as JSON values."""
        return {part: round(seconds, 3) for part, seconds in self.parts.items()}

    def __str__(self) -> str:
        return ", ".join(f"{part} {seconds:.1f}" for part, seconds in self.parts.items())
