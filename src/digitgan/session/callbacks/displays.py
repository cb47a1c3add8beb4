"""The choice of a progress display, and the display of notebooks: generated images and a line of text, updated in place."""

from __future__ import annotations

import html
import math
import sys
import time
from pathlib import Path
from typing import Any, Final, final

from rich.console import Console

from digitgan.images import enlarged, grid, inline_png
from digitgan.recipes import Recipe
from digitgan.session.callbacks.progress import (
    MAX_PICTURE_SHARE,
    PICTURE_SECONDS,
    Draw,
    LiveProgress,
    NoProgress,
    PlainProgress,
    ProgressCallback,
    ProgressKind,
    readings,
)
from digitgan.training import Ended, Event, Stepped, StepReport

ENLARGEMENT: Final = 2


def in_notebook() -> bool:
    """Return whether the program runs in the kernel of a notebook."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and get_ipython().__class__.__name__ in ("ZMQInteractiveShell", "Shell")  # Jupyter, Colab


def progress_callback(
    progress: ProgressKind, console: Console, recipe: Recipe, images_seen: int, draw: Draw
) -> ProgressCallback:
    """Return the display of a kind, for a run that continues at a number of images seen.

    Args:
        progress: kind of the display. A live display in a notebook is `NotebookProgress`.
        console: console of the display.
        recipe: recipe of the run.
        images_seen: images seen before this session.
        draw: generates one image of each class with the current generator.
    """
    notebook = in_notebook()
    if progress == "auto":
        progress = "live" if console.is_terminal or notebook else "plain"
    if progress == "live":
        return NotebookProgress(recipe, images_seen, draw) if notebook else LiveProgress(console, recipe, images_seen, draw)
    return PlainProgress(console, recipe, images_seen) if progress == "plain" else NoProgress()


@final
class NotebookProgress(ProgressCallback):
    """A display in the output of a cell: one image of each class, the images seen, the speed and the losses.

    Args:
        recipe: recipe of the run.
        images_seen: images seen before this session.
        draw: generates one image of each class with the current generator.
    """

    def __init__(self, recipe: Recipe, images_seen: int, draw: Draw) -> None:
        self.draw = draw
        self.length_decided(recipe)
        self.images_before = images_seen
        self.started = time.monotonic()
        self.drawn = -math.inf
        self.draw_seconds = 0.0
        self.newest: StepReport | None = None
        self.handle: Any = None

    def length_decided(self, recipe: Recipe) -> None:
        """Show the length of a recipe."""
        self.total = recipe.training.images

    def on_event(self, event: Event) -> None:
        """Update the display at most once a second, and at the end."""
        if isinstance(event, Stepped):
            self.newest = event.report
        waited = time.monotonic() - self.drawn
        due = waited >= max(PICTURE_SECONDS, self.draw_seconds / MAX_PICTURE_SHARE)
        if self.newest is not None and (due or isinstance(event, Ended)):
            self._show(self.newest)

    def notice(self, path: Path) -> None:
        """Do nothing: the previews are in the run's folder."""

    def __enter__(self) -> NotebookProgress:
        """Show an empty display, which later ones replace."""
        from IPython.display import display

        self.handle = display({"text/html": "<p>training</p>"}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *problem: object) -> None:
        """Do nothing: the last state stays."""

    def _show(self, report: StepReport) -> None:
        started = time.monotonic()
        images, terms = self.draw(), readings(report.terms)
        picture = inline_png(enlarged(grid(images, columns=len(images)), ENLARGEMENT))
        speed = (report.images_seen - self.images_before) / (started - self.started)
        line = (
            f"{min(report.images_seen, self.total):,}/{self.total:,} images, {speed:,.0f}/s, "
            f"discriminator loss {terms['discriminator_loss']:.3f}"
        )
        self.handle.update({"text/html": f"{picture}<p>{html.escape(line)}</p>"}, raw=True)
        self.drawn = time.monotonic()
        self.draw_seconds = self.drawn - started
