"""The output of a command."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from rich.console import Console
    from rich_pixels import Pixels

    from digitgan.images import Picture


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
        if console := self._picture_console():
            import numpy as np
            from PIL import Image

            from digitgan.terminal import half_blocks

            with Image.open(min(path.rglob("*.png")) if path.is_dir() else path) as opened:
                shown = np.asarray(opened.convert("L" if opened.mode in ("1", "L") else "RGB"))
            self._show(console, half_blocks(shown, console.width, console.height - LINES_BELOW))

    def images(self, images: Picture) -> None:
        """Show images (n, height, width[, channels]) as a grid, where `picture` would show a file."""
        if console := self._picture_console():
            from digitgan.terminal import grid_in_half_blocks

            self._show(console, grid_in_half_blocks(images, console.width, console.height - LINES_BELOW))

    def _picture_console(self) -> Console | None:
        if self.quiet or self.json or not sys.stdout.isatty():
            return None
        from rich.console import Console

        from digitgan.terminal import can_show

        console = Console()
        return console if can_show(console) else None

    @staticmethod
    def _show(console: Console, pixels: Pixels | None) -> None:
        if pixels is not None:  # otherwise there is no room
            console.print(pixels)

    def notify(self, line: str) -> None:
        """Print a line of progress, unless the output is quiet or JSON."""
        if not self.quiet and not self.json:
            self.console().print(line, markup=False)

    def console(self) -> Console:
        """Return the console for progress."""
        from digitgan.cli.console import PipeSafeConsole

        return PipeSafeConsole(stderr=True, quiet=self.quiet, soft_wrap=True, highlight=False)
