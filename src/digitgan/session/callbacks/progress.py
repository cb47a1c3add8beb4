"""Progress on the terminal: a live display where there is one, plain lines where there is none."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import final

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from torch import Tensor

from digitgan.recipes import Recipe
from digitgan.session.callbacks.base import Callback
from digitgan.training import Ended, Event, Stepped, StepReport
from digitgan.training.schedule import Schedule

REFRESH_SECONDS = 0.25
"""Reading a loss waits for the device; four times a second is fluent to the eye and costs nothing measurable."""

SMOOTHING = 0.9
"""Share of the old value in the losses shown, which jump from step to step."""

PLAIN_LINES = 12
"""Lines that a full run leaves in a log."""


class ProgressCallback(Callback):
    """Shows how far a training is. Used as a context, so that a live display is taken down whatever happens."""

    @abstractmethod
    def notice(self, path: Path) -> None:
        """Say that a preview was written."""

    @abstractmethod
    def epoch_ended(self, number: int, seconds: float) -> None:
        """Say that an epoch, counted from 1, was completed, and how long it took."""

    @abstractmethod
    def __enter__(self) -> ProgressCallback:
        """Begin to show."""

    @abstractmethod
    def __exit__(self, *problem: object) -> None:
        """Stop showing."""


@final
class NoProgress(ProgressCallback):
    """Shows nothing: for `--quiet`, and for Python unless asked."""

    def on_event(self, event: Event) -> None:
        """Nothing."""

    def notice(self, path: Path) -> None:
        """Nothing."""

    def epoch_ended(self, number: int, seconds: float) -> None:
        """Nothing."""

    def __enter__(self) -> NoProgress:
        """Nothing to begin."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Nothing to stop."""


@final
class LiveProgress(ProgressCallback):
    """A bar with the time left, the losses, the scores, the speed and the newest preview, redrawn in place."""

    def __init__(self, console: Console, recipe: Recipe, images_seen: int) -> None:
        self.images_before = images_seen
        self.started = time.monotonic()
        self.refreshed = 0.0
        self.newest: StepReport | None = None
        self.shown: dict[str, float] = {}
        self.preview = "the first is on its way"
        self.epoch = ""
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
        self.live = Live(console=console, refresh_per_second=4, transient=False)

    def on_event(self, event: Event) -> None:
        """Redraw, at most four times a second, and at the end."""
        if isinstance(event, Stepped):
            self.newest = event.report
        ended = isinstance(event, Ended)
        if self.newest and (ended or time.monotonic() - self.refreshed > REFRESH_SECONDS):
            self._show(self.newest)

    def notice(self, path: Path) -> None:
        """Name the newest preview."""
        self.preview = str(path)

    def epoch_ended(self, number: int, seconds: float) -> None:
        """Name the epoch that was completed."""
        self.epoch = f"epoch {number} took {seconds:,.1f} s"

    def __enter__(self) -> LiveProgress:
        """Take the terminal's last lines."""
        self.live.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """Leave the last state standing."""
        self.live.stop()

    def _show(self, report: StepReport) -> None:
        self.refreshed = time.monotonic()
        for name, value in readings(report.terms).items():
            self.shown[name] = SMOOTHING * self.shown.get(name, value) + (1 - SMOOTHING) * value
        self.bar.update(self.task, completed=min(report.images_seen, self.bar.tasks[0].total or 0))
        speed = (report.images_seen - self.images_before) / (time.monotonic() - self.started)
        table = Table.grid(padding=(0, 2))
        table.add_row("", Text("discriminator", style="bold"), Text("generator", style="bold"))
        table.add_row("loss", f"{self.shown['discriminator_loss']:.3f}", _shown(self.shown.get("generator_loss")))
        table.add_row("mean score", f"real {self.shown['score_real']:+.2f}", f"fake {self.shown['score_fake']:+.2f}")
        table.add_row("told rightly", f"real {self.shown['accuracy_real']:.0%}", f"fake {self.shown['accuracy_fake']:.0%}")
        table.add_row("images/s", f"{speed:,.0f}", self.epoch)
        self.live.update(
            Group(self.bar, table, Text(f"newest preview: {self.preview}", style="dim", overflow="ellipsis", no_wrap=True))
        )


@final
class PlainProgress(ProgressCallback):
    """A line now and then: for logs and pipes."""

    def __init__(self, console: Console, recipe: Recipe, images_seen: int) -> None:
        self.console = console
        self.total = recipe.training.images
        self.moments = Schedule(recipe.training.images, PLAIN_LINES, recipe.training.batch_size)
        self.images_before = images_seen
        self.started = time.monotonic()
        self.preview = ""
        self.fooling: Tensor | None = None

    def on_event(self, event: Event) -> None:
        """Print a line where one is due."""
        if isinstance(event, Stepped) and "generator_loss" in event.report.terms:
            self.fooling = event.report.terms["generator_loss"]  # not every step has one
        if isinstance(event, Stepped) and self.moments.due(event.report.images_seen):
            report, terms = event.report, readings(event.report.terms)
            elapsed = time.monotonic() - self.started
            speed = (report.images_seen - self.images_before) / elapsed
            left = max(0, self.total - report.images_seen) / speed
            self._print(
                f"{min(report.images_seen, self.total):,}/{self.total:,} images  {speed:,.0f}/s  {left:.0f} s left  "
                f"loss D {terms['discriminator_loss']:.3f} G {_shown(self.fooling)}  "
                f"score real {terms['score_real']:+.2f} fake {terms['score_fake']:+.2f}{self.preview}"
            )
            self.preview = ""
        elif isinstance(event, Ended) and not event.finished:
            self._print(f"stopped at {event.trainer.images_seen:,} images")

    def notice(self, path: Path) -> None:
        """Remember the newest preview for the next line."""
        self.preview = f"  preview {path}"

    def epoch_ended(self, number: int, seconds: float) -> None:
        """Print it."""
        self._print(f"epoch {number} took {seconds:,.1f} s")

    def __enter__(self) -> PlainProgress:
        """Nothing to begin."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Nothing to stop."""

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _shown(loss: Tensor | float | None) -> str:
    """A loss; a dash before the first."""
    return "–" if loss is None else f"{float(loss):.3f}"


def readings(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """The terms as plain numbers."""
    return {name: float(value) for name, value in terms.items()}
