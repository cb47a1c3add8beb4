"""The output of a command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from rich.console import Console


@final
@dataclass(frozen=True)
class Output:
    """The output of a command: results go to standard output, progress goes to standard error.

    Every line is flushed, because `digitgan serve` prints its address and continues to run.

    Attributes:
        quiet: print nothing.
        json: print one JSON object, and nothing else, to standard output.
    """

    quiet: bool
    json: bool

    def lines(self, *lines: str) -> None:
        """Print lines, unless the output is quiet or JSON."""
        if not self.quiet and not self.json:
            print(*lines, sep="\n", flush=True)

    def result(self, facts: dict[str, Any]) -> None:
        """Print the result as JSON, if requested."""
        if self.json:
            print(json.dumps(facts), flush=True)

    def console(self) -> Console:
        """Return the console for progress."""
        from digitgan.cli.console import PipeSafeConsole

        return PipeSafeConsole(stderr=True, quiet=self.quiet, soft_wrap=True, highlight=False)
