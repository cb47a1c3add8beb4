"""Progress displays: a live display for terminals, plain lines for logs."""

from __future__ import annotations

import functools
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from rich_pixels import Pixels
from torch import Tensor

from digitgan.data import ProgressFn
from digitgan.images import Picture
from digitgan.recipes import Recipe
from digitgan.session.callbacks.base import Callback
from digitgan.terminal import can_show, grid_in_half_blocks
from digitgan.training import Ended, Event, Stepped, StepReport

Draw = Callable[[], Picture]
"""A function that generates images, uint8 (n, height, width[, channels])."""

ProgressKind = Literal["none", "auto", "plain", "live"]
"""The displays of a training; "auto" is "live" on a terminal and in a notebook, otherwise "plain"."""

REFRESH_SECONDS = 0.25
"""Interval of the live display. Reading a loss waits for the device; at this interval, the cost is not measurable."""

PICTURE_SECONDS = 1.0
"""Interval of a live display with pictures, whose output takes longer, and least interval of new pictures."""

MAX_PICTURE_SHARE = 0.01
"""Largest share of the training time in which pictures are drawn; slow networks are drawn less often."""

TEXT_LINES = 9
"""Lines of the live display without its picture, and one below it."""

SMOOTHING = 0.9
"""Weight of the old value in the displayed losses, which vary from step to step."""

PLAIN_SECONDS = 5.0
"""Least interval of the lines of a log."""


class ProgressCallback(Callback):
    """A callback that displays the progress. It is a context manager, so that a live display always ends."""

    @abstractmethod
    def notice(self, path: Path) -> None:
        """Report the path of a new preview."""

    @abstractmethod
    def __enter__(self) -> ProgressCallback:
        """Start the display."""

    @abstractmethod
    def __exit__(self, *problem: object) -> None:
        """End the display."""


@final
class NoProgress(ProgressCallback):
    """No progress display: for `--quiet`, and the default of the Python API."""

    def on_event(self, event: Event) -> None:
        """Do nothing."""

    def notice(self, path: Path) -> None:
        """Do nothing."""

    def __enter__(self) -> NoProgress:
        """Return the display."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Do nothing."""


@final
class LiveProgress(ProgressCallback):
    """A live display of generated images, a progress bar, the losses, the scores, the speed and the newest preview.

    Args:
        console: console of the display.
        recipe: recipe of the run.
        images_seen: images seen before this session.
        draw: generates one image of each class with the current generator; None for a display without pictures.
    """

    def __init__(self, console: Console, recipe: Recipe, images_seen: int, draw: Draw | None = None) -> None:
        self.console = console
        self.draw = draw if can_show(console) else None
        self.drawn = -math.inf
        self.draw_seconds = 0.0
        self.pictures: Pixels | None = None
        self.images_before = images_seen
        self.started = time.monotonic()
        self.refreshed = 0.0
        self.newest: StepReport | None = None
        self.shown: dict[str, float] = {}
        self.preview = "none yet"
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TextColumn("images,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            expand=True,
        )
        self.task = self.bar.add_task("training", total=recipe.training.images, completed=images_seen)
        self.live = Live(console=console, auto_refresh=False, transient=False)

    def length_decided(self, recipe: Recipe) -> None:
        """Show the length of a recipe."""
        self.bar.update(self.task, total=recipe.training.images)

    def on_event(self, event: Event) -> None:
        """Update the display at most four times a second, with pictures once a second, and at the end."""
        if isinstance(event, Stepped):
            self.newest = event.report
        ended = isinstance(event, Ended)
        interval = REFRESH_SECONDS if self.pictures is None else PICTURE_SECONDS
        if self.newest and (ended or time.monotonic() - self.refreshed > interval):
            self._show(self.newest)

    def notice(self, path: Path) -> None:
        """Display the path of the newest preview."""
        self.preview = str(path)

    def __enter__(self) -> LiveProgress:
        """Start the live display."""
        self.live.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """End the live display and keep its last state."""
        self.live.stop()

    def _draw(self) -> None:
        """Draw new pictures if they are due."""
        started = time.monotonic()
        if self.draw is None or started - self.drawn < max(PICTURE_SECONDS, self.draw_seconds / MAX_PICTURE_SHARE):
            return
        self.pictures = grid_in_half_blocks(self.draw(), self.console.width, self.console.height - TEXT_LINES)
        self.drawn = time.monotonic()
        self.draw_seconds = self.drawn - started

    def _show(self, report: StepReport) -> None:
        self._draw()
        self.refreshed = time.monotonic()
        for name, value in readings(report.terms).items():
            self.shown[name] = SMOOTHING * self.shown.get(name, value) + (1 - SMOOTHING) * value
        self.bar.update(self.task, completed=min(report.images_seen, self.bar.tasks[0].total or 0))
        speed = (report.images_seen - self.images_before) / (time.monotonic() - self.started)
        table = Table.grid(padding=(0, 2))
        table.add_row("", Text("discriminator", style="bold"), Text("generator", style="bold"))
        table.add_row("loss", f"{self.shown['discriminator_loss']:.3f}", _shown(self.shown.get("generator_loss")))
        table.add_row("mean score", f"real {self.shown['score_real']:+.2f}", f"fake {self.shown['score_fake']:+.2f}")
        table.add_row("accuracy", f"real {self.shown['accuracy_real']:.0%}", f"fake {self.shown['accuracy_fake']:.0%}")
        table.add_row("images/s", f"{speed:,.0f}")
        preview = Text(f"newest preview: {self.preview}", style="dim", overflow="ellipsis", no_wrap=True)
        pictures: list[RenderableType] = [] if self.pictures is None else [self.pictures, ""]
        self.live.update(Group(*pictures, self.bar, table, preview), refresh=True)


@final
class PlainProgress(ProgressCallback):
    """Progress lines for logs and pipes: at the start, at the end, and every few seconds in between."""

    def __init__(self, console: Console, recipe: Recipe, images_seen: int) -> None:
        self.console = console
        self.length_decided(recipe)
        self.images_before = images_seen
        self.started = self.printed = time.monotonic()
        self.newest: StepReport | None = None
        self.generator_loss: Tensor | None = None

    def length_decided(self, recipe: Recipe) -> None:
        """Show the length of a recipe."""
        self.total = recipe.training.images

    def on_event(self, event: Event) -> None:
        """Print a line if one is due."""
        if isinstance(event, Stepped):
            self.newest = event.report
            # Not every step updates the generator.
            self.generator_loss = event.report.terms.get("generator_loss", self.generator_loss)
            if time.monotonic() - self.printed >= PLAIN_SECONDS:
                self._print_state(event.report)
        elif isinstance(event, Ended):
            if self.newest is not None:
                self._print_state(self.newest)
            if not event.finished:
                self._print(f"stopped at {event.trainer.images_seen:,} images")

    def notice(self, path: Path) -> None:
        """Do nothing: the previews are in the run's folder."""

    def __enter__(self) -> PlainProgress:
        """Print the first line."""
        if self.images_before < self.total:
            self._print(f"training from {self.images_before:,} to {self.total:,} images")
        else:
            self._print(f"the run is finished at {self.images_before:,} images; --images N extends it")
        return self

    def __exit__(self, *problem: object) -> None:
        """Do nothing."""

    def _print_state(self, report: StepReport) -> None:
        self.printed = time.monotonic()
        terms = readings(report.terms)
        speed = (report.images_seen - self.images_before) / (self.printed - self.started)
        left = max(0, self.total - report.images_seen) / speed
        self._print(
            f"{min(report.images_seen, self.total):,}/{self.total:,} images  {speed:,.0f}/s  {left:.0f} s left  "
            f"loss D {terms['discriminator_loss']:.3f} G {_shown(self.generator_loss)}  "
            f"score real {terms['score_real']:+.2f} fake {terms['score_fake']:+.2f}"
        )

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _shown(loss: Tensor | float | None) -> str:
    """Return a loss as text; a dash before the first loss."""
    return "–" if loss is None else f"{float(loss):.3f}"


def readings(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the terms as floats."""
    return {name: float(value) for name, value in terms.items()}


def console_printer(console: Console) -> ProgressFn:
    """Return a function that prints lines to a console without interpreting brackets as markup."""
    return functools.partial(console.print, markup=False, highlight=False)
