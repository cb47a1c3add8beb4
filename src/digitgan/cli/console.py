"""Progress for a reader who may go: a terminal that is closed, a program at the other end of a pipe that ends."""

from __future__ import annotations

import os
import signal
import sys
from typing import final

from rich.console import Console

from digitgan.cli.signals import say_nothing_more


@final
class PipeSafeConsole(Console):
    """A console whose reader may go.

    Rich ends the program then, wherever it is. Here a training, which takes SIGPIPE for a wish to stop (see
    `digitgan.cli.signals`), ends with a checkpoint; anything else ends by `BrokenPipeError`.
    """

    def on_broken_pipe(self) -> None:
        """Say nothing more, and end."""
        self.quiet = True
        for descriptor in (1, 2):
            if os.path.sameopenfile(descriptor, 2):  # a result that goes elsewhere may still be read
                say_nothing_more(descriptor)
        if sys.platform != "win32" and callable(signal.getsignal(signal.SIGPIPE)):
            signal.raise_signal(signal.SIGPIPE)
        else:
            raise BrokenPipeError
