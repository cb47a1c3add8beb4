"""A console for progress that survives a closed terminal or pipe. Output imports it only when it is needed: rich takes time."""

from __future__ import annotations

import os
import signal
import sys
from typing import final

from rich.console import Console

from digitgan.cli.signals import redirect_to_null


@final
class PipeSafeConsole(Console):
    """A console whose terminal or pipe may be closed at any time.

    Rich exits the program immediately in that case. Here, a training handles SIGPIPE as a stop request (see
    `digitgan.cli.signals`) and ends with a checkpoint. Other commands end with `BrokenPipeError`.
    """

    def on_broken_pipe(self) -> None:
        """Discard further output, and send SIGPIPE or raise `BrokenPipeError`."""
        self.quiet = True
        for descriptor in (1, 2):
            if os.path.sameopenfile(descriptor, 2):  # standard output may go elsewhere and still be open
                redirect_to_null(descriptor)
        if sys.platform != "win32" and callable(signal.getsignal(signal.SIGPIPE)):
            signal.raise_signal(signal.SIGPIPE)
        else:
            raise BrokenPipeError
