"""Commands of `digitgan` in a process of their own, for requests that take seconds or minutes."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from typing import Any, final

from digitgan.errors import UsageError
from digitgan.studio.errors import BusyError


@final
class CommandRunner:
    """Runs commands one at a time.

    Args:
        what: the name of the work in messages, such as "evaluation".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = asyncio.Lock()

    async def run(self, *arguments: str) -> Any:
        """Run `digitgan ARGUMENTS --json` and return its result. A client that leaves ends the process.

        Raises:
            BusyError: if another one is under way.
            UsageError: if the command fails; with its message.
        """
        if self._lock.locked():
            raise BusyError(f"another {self._what} is under way; wait until it ends")
        async with self._lock:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "digitgan", *arguments, "--json", stdout=PIPE, stderr=PIPE
            )
            try:
                shown, complaint = await process.communicate()
            except asyncio.CancelledError:
                process.terminate()  # the client or the server has gone
                raise
        if process.returncode:
            text = complaint.decode(errors="replace").strip()
            words = text.rpartition("\n")[2] if text.startswith("Traceback") else text.rpartition("digitgan: ")[2]
            raise UsageError(words or f"the {self._what} ended with exit code {process.returncode}")
        return json.loads(shown)
