"""Ctrl-C and SIGTERM: a training ends after the step it is in."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digitgan.training import Control


@contextlib.contextmanager
def stopping_on_signals(control: Control, *, quiet: bool) -> Iterator[list[int]]:
    """While the context lasts, Ctrl-C and SIGTERM ask the training to stop; a second one ends the program at once.

    Yields:
        The signals received so far.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        control.stop()
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        if not quiet:
            # The live display hides the cursor; a second signal would leave no time to show it again.
            cursor = b"\x1b[?25h" if os.isatty(2) else b""
            with contextlib.suppress(OSError):  # a terminal that has gone need not be told
                os.write(2, cursor + b"stopping after this step, with a checkpoint; once more ends at once\n")

    for number in before:
        signal.signal(number, stop)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
