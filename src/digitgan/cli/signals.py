"""Signal handling: Ctrl-C, SIGTERM, and a closed terminal or pipe stop a training after the current step."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from digitgan.training import Control

_HANGUP: Final = getattr(signal, "SIGHUP", None)
"""The signal of a closed terminal; Windows has none."""

_CONTINUED: Final = getattr(signal, "SIGCONT", None)
"""The signal that continues a suspended process; Windows has none."""

_GONE: Final = frozenset((_HANGUP, getattr(signal, "SIGPIPE", None)))
"""The signals of a closed terminal or pipe."""


def _numbers() -> list[signal.Signals]:
    """Return the signals to handle, without those that the parent process ignores, as `nohup` and `&` in a script do."""
    if sys.platform == "win32":
        return [signal.SIGINT, signal.SIGTERM]
    asked = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [signal.SIGPIPE, *(number for number in asked if signal.getsignal(number) != signal.SIG_IGN)]


@contextlib.contextmanager
def stopping_on_signals(control: Control, *, quiet: bool) -> Iterator[list[int]]:
    """Stop the training at Ctrl-C, SIGTERM, SIGHUP or SIGPIPE while the context is active.

    A second Ctrl-C or SIGTERM ends the program immediately, unless torchrun started it. SIGHUP is sent when the terminal is
    closed. SIGPIPE is sent by `PipeSafeConsole`, and when another process of the training is lost; that loss raises its own
    error.

    Args:
        control: the control of the training.
        quiet: print nothing.

    Yields:
        The signals received so far.
    """
    from digitgan.distributed import by_torchrun  # imports torch

    received: list[int] = []
    # torchrun forwards signals that a scheduler may also send to each process, so a second signal must not end the process.
    # torchrun has its own timeout.
    passed_on = by_torchrun()
    terminals = list(filter(os.isatty, (1, 2)))  # a closed terminal is no longer a TTY
    before = {number: signal.getsignal(number) for number in _numbers()}

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        control.stop()
        if not passed_on and number not in _GONE:  # a hangup or a broken pipe is not a first request
            for each in before.keys() - _GONE - {_CONTINUED}:
                signal.signal(each, signal.SIG_DFL)
        if number == _HANGUP:
            for descriptor in terminals:
                redirect_to_null(descriptor)
        elif number not in _GONE and not quiet:
            # The live display hides the cursor; after a second signal there is no time to show it again.
            cursor = b"\x1b[?25h" if os.isatty(2) else b""
            once_more = b"" if passed_on else b"; a second signal ends immediately"
            with contextlib.suppress(OSError):  # the terminal may be closed
                os.write(2, cursor + b"stopping after the current step, with a checkpoint" + once_more + b"\n")

    for number in before:
        signal.signal(number, stop)
    if _CONTINUED is not None:
        before[_CONTINUED] = signal.signal(_CONTINUED, lambda *_: control.on_continue())
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if passed_on:  # torchrun sends SIGTERM to its other processes as soon as one ends
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def redirect_to_null(descriptor: int) -> None:
    """Redirect a file descriptor to the null device, so that later writes do not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
