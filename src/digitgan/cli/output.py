"""Where a command's words go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from rich.console import Console


@final
@dataclass(frozen=True)
class Output:
    """Where a command's words go: results to standard output, progress to standard error.

    They go at once, also into a pipe or a file: `digitgan serve` says its address and then goes on.

    Attributes:
        quiet: nothing is printed.
        json: one JSON object is printed, and nothing else on standard output.
    """

    quiet: bool
    json: bool

    def lines(self, *lines: str) -> None:
        """Say something to a person."""
        if not self.quiet and not self.json:
            print(*lines, sep="\n", flush=True)

    def result(self, facts: dict[str, Any]) -> None:
        """Give the result to a program."""
        if self.json:
            print(json.dumps(facts), flush=True)

    def console(self) -> Console:
        """Where progress is shown."""
        from digitgan.cli.console import PipeSafeConsole

        return PipeSafeConsole(stderr=True, quiet=self.quiet, soft_wrap=True, highlight=False)
