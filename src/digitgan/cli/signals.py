"""Ctrl-C, SIGTERM, a terminal or reader that goes: a training ends after the step it is in."""

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
"""What comes when the terminal is closed; Windows has none."""

_CONTINUED: Final = getattr(signal, "SIGCONT", None)
"""What comes when a process goes on that was made to stand still."""

_GONE: Final = frozenset((_HANGUP, getattr(signal, "SIGPIPE", None)))
"""What says that nobody is there any more."""


def _numbers() -> list[signal.Signals]:
    """What is listened to; not what whoever started this program lets it ignore, as `nohup` does, and `&` in a script."""
    if sys.platform == "win32":
        return [signal.SIGINT, signal.SIGTERM]
    asked = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [signal.SIGPIPE, *(number for number in asked if signal.getsignal(number) != signal.SIG_IGN)]


@contextlib.contextmanager
def stopping_on_signals(control: Control, *, quiet: bool) -> Iterator[list[int]]:
    """While the context lasts, Ctrl-C and SIGTERM ask the training to stop; a second one ends the program at once,
    unless torchrun has started it.

    So do SIGHUP, which comes when the terminal is closed, and SIGPIPE, which comes from `PipeSafeConsole`, or where another
    process of the training is lost, which ends it with an error of its own.

    Yields:
        The signals received so far.
    """
    from digitgan.distributed import by_torchrun  # which loads torch

    received: list[int] = []
    # It passes on what it hears, which a scheduler may have said to its processes as well; and it has a deadline of its own.
    passed_on = by_torchrun()
    terminals = list(filter(os.isatty, (1, 2)))  # a closed one says that it is none
    before = {number: signal.getsignal(number) for number in _numbers()}

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        control.stop()
        if not passed_on and number not in _GONE:  # nobody who has gone has asked once already
            for each in before.keys() - _GONE - {_CONTINUED}:
                signal.signal(each, signal.SIG_DFL)
        if number == _HANGUP:
            for descriptor in terminals:
                say_nothing_more(descriptor)
        elif number not in _GONE and not quiet:
            # The live display hides the cursor; a second signal would leave no time to show it again.
            cursor = b"\x1b[?25h" if os.isatty(2) else b""
            once_more = b"" if passed_on else b"; once more ends at once"
            with contextlib.suppress(OSError):  # a terminal that has gone need not be told
                os.write(2, cursor + b"stopping after this step, with a checkpoint" + once_more + b"\n")

    for number in before:
        signal.signal(number, stop)
    if _CONTINUED is not None:
        before[_CONTINUED] = signal.signal(_CONTINUED, lambda *_: control.when_woken())
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if passed_on:  # torchrun tells its other processes as soon as one of them has ended
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def say_nothing_more(descriptor: int) -> None:
    """Let what is still said there go nowhere, rather than fail: nobody is there to hear it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
