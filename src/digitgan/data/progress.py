"""Lines of progress of long operations on data: how much is done, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, final

ProgressFn = Callable[[str], None]
"""A function that receives lines of progress."""

SECONDS_BETWEEN_REPORTS: Final = 3.0
"""Interval between two lines. An operation that takes less time reports nothing."""

MIN_DONE = 2
"""Amount from which the time left is estimated: the first file may take much longer than the others."""


def silent(line: str) -> None:
    """Ignore a line of progress."""


@final
class ProgressLines:
    """The progress of one operation, as a line every few seconds.

    Args:
        notify: a function that receives the lines.
        what: the operation, at the start of each line.
        describe: a function that describes an amount, such as `in_megabytes`.
        before: the amount that an earlier part of the operation has done, on which the time left must not depend.
    """

    def __init__(self, notify: ProgressFn, what: str, describe: Callable[[int], str], before: int = 0) -> None:
        self._notify, self._what, self._describe, self._before = notify, what, describe, before
        self._began = self._reported = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the operation began."""
        return time.monotonic() - self._began

    def report(self, done: int, total: int | None) -> None:
        """Report an amount, unless the last line is more recent than `SECONDS_BETWEEN_REPORTS`.

        Args:
            done: the amount that is done.
            total: the whole amount, or None if it is unknown.
        """
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS:
            return
        self._reported = now
        line = f"{self._what}: {self._describe(done)}"
        if total and done - self._before >= MIN_DONE:
            left = (now - self._began) * max(0, total - done) / max(1, done - self._before)
            line += f" of {self._describe(total)}, {left:.0f} s left"
        elif total:
            line += f" of {self._describe(total)}"
        self._notify(line)


def in_megabytes(count: int) -> str:
    """Return a number of bytes in megabytes, such as "12.3 MB"."""
    return f"{count / 1_000_000:.1f} MB"


def with_separators(count: int) -> str:
    """Return a number with separators, such as "12,000"."""
    return f"{count:,}"
