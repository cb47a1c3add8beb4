"""The output of a command."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from rich.console import Console


LINES_BELOW: Final = 4
"""Lines of a terminal that a picture leaves free for the text below it."""


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

    def picture(self, path: Path) -> None:
        """Show an image file in a terminal, the first frame of an animation, or the first picture of a folder.

        Nothing is printed if the output is quiet or JSON, or goes elsewhere than to a terminal with colours.
        """
        if self.quiet or self.json or not sys.stdout.isatty():
            return
        import numpy as np
        from PIL import Image
        from rich.console import Console

        from digitgan.terminal import can_show, half_blocks

        console = Console()
        if not can_show(console):
            return
        with Image.open(min(path.rglob("*.png")) if path.is_dir() else path) as opened:
            shown = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
        pixels = half_blocks(np.asarray(shown), console.width, console.height - LINES_BELOW)
        if pixels is not None:
            console.print(pixels)

    def console(self) -> Console:
        """Return the console for progress."""
        from digitgan.cli.console import PipeSafeConsole

        return PipeSafeConsole(stderr=True, quiet=self.quiet, soft_wrap=True, highlight=False)
