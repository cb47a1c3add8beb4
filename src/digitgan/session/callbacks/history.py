"""The history: losses and scores over the run, averaged between evenly spread moments, a JSON object a line."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, final

from digitgan.errors import OutputError, why_not_written
from digitgan.files import replacing
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder, history_line
from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.means import RunningMeans
from digitgan.training import Event, Stepped
from digitgan.training.schedule import Schedule, learning_rate_scale

LINES = 200
"""Lines in a full run's history: enough for a smooth curve, few enough to read."""


@final
class History(Callback):
    """Writes the run's history as it grows.

    Each line (see `digitgan.runs.history_line`) has `images_seen`; the mean of every term the steps reported since the last
    line; `learning_rate_scale`; and `seconds`, the time trained so far: the only value that differs between two runs of the
    same recipe, data and seed.

    Attributes:
        epoch_seconds: how long each epoch took.
        epoch_ended: is told of each epoch, counted from 1, and its seconds.
        lines_lost: how many were missing when it was restored: they are damaged, or the file was cut short.
    """

    def __init__(self, run: RunFolder, recipe: Recipe, images_an_epoch: int) -> None:
        self.run = run
        self.recipe = recipe
        self.images_an_epoch = images_an_epoch
        self.epoch_seconds: list[float] = []
        self.epoch_ended: Callable[[int, float], None] = lambda number, seconds: None
        self.moments = Schedule(recipe.training.images, LINES, recipe.training.batch_size)
        self.lines_lost = 0
        self._lines = 0
        self._averages = RunningMeans()
        self._seconds_before = 0.0
        self._started = self._looked = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time trained so far, earlier sittings included, and pauses not."""
        return self._seconds_before + time.monotonic() - self._started

    def on_event(self, event: Event) -> None:
        """Add up a step; write a line where one is due."""
        self._looked = time.monotonic()
        if isinstance(event, Stepped):
            self._averages.add(event.report.terms)
            while event.report.images_seen // self.images_an_epoch > len(self.epoch_seconds):
                self._end_epoch()
            if self.moments.due(event.report.images_seen):
                self._write(event.report.images_seen)

    def state(self) -> dict[str, Any]:
        """The sums since the last line, how many lines there are, and the time."""
        return {
            "sums": self._averages.state(),
            "lines": self._lines,
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
        }

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Take up the sums, and cut lines off that were written after the checkpoint."""
        self._averages.restore(state["sums"])
        self._seconds_before, self._started = state["seconds"], time.monotonic()
        self.epoch_seconds = list(state.get("epoch_seconds", []))
        self._cut_off(images_seen)
        self.lines_lost = max(0, state.get("lines", 0) - self._lines)

    def begin_again(self) -> None:
        """Forget everything."""
        self._averages.clear()
        self._seconds_before, self._started = 0.0, time.monotonic()
        self.epoch_seconds = []
        self._cut_off(0)

    def count_lost(self, seconds: float) -> None:
        """Add time to the time trained that led nowhere: what was made in it was taken back."""
        self._seconds_before += seconds

    def stood_still(self) -> None:
        """Say that the process goes on after it was stopped, by SIGSTOP or Ctrl-Z, since about when it saw the last event."""
        now = time.monotonic()
        self._started += now - self._looked
        self._looked = now

    def _cut_off(self, images_seen: int) -> None:
        kept = [line for line in self.run.read_history() if line["images_seen"] <= images_seen]
        with replacing(self.run.history) as file:
            file.write("".join(map(history_line, kept)).encode())
        self._lines = len(kept)

    def _end_epoch(self) -> None:
        seconds = round(self.seconds - sum(self.epoch_seconds), 3)
        self.epoch_seconds.append(seconds)
        self.epoch_ended(len(self.epoch_seconds), seconds)

    def _write(self, images_seen: int) -> None:
        line: dict[str, Any] = {"images_seen": images_seen}
        line |= {name: _rounded(mean) for name, mean in self._averages.means().items()}
        line["learning_rate_scale"] = round(learning_rate_scale(self.recipe, images_seen), 6)
        line["seconds"] = round(self.seconds, 3)
        try:
            with self.run.history.open("a", encoding="utf-8") as file:
                file.write(history_line(line))
        except OSError as problem:
            reason = why_not_written(problem, self.run.history)
            raise OutputError(f"{self.run.history}: cannot be written ({reason}); make room, then --resume") from problem
        self._lines += 1
        self._averages.clear()


def _rounded(value: float) -> float | None:
    """For JSON, which has no word for what is no number."""
    return round(value, 6) if math.isfinite(value) else None
