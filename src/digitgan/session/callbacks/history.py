"""The history of a run: averaged losses and scores, one JSON object per line."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from digitgan.errors import OutputError, why_not_written
from digitgan.files import replacing
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder, history_line
from digitgan.session.callbacks.base import Callback
from digitgan.training import Event, Stepped
from digitgan.training.schedule import Schedule, learning_rate_scale

LINES = 200
"""Number of lines of a full history: enough for a smooth curve, few enough to read."""


@final
class History(Callback):
    """A callback that writes the history of a run.

    Each line (see `digitgan.runs.history_line`) has `images_seen`; the mean of each term over the steps since the last line;
    `learning_rate_scale`; and `seconds`, the training time so far. Only `seconds` differs between two runs of the same recipe,
    data and seed.

    Attributes:
        epoch_seconds: duration of each epoch in seconds.
        lines_lost: number of damaged or missing lines when the history was restored.
    """

    def __init__(self, run: RunFolder, recipe: Recipe, images_an_epoch: int) -> None:
        self.run = run
        self.images_an_epoch = images_an_epoch
        self.epoch_seconds: list[float] = []
        self.length_decided(recipe)
        self.lines_lost = 0
        self._lines = 0
        self._averages = RunningMeans()
        self._seconds_before = 0.0
        self._started = self._looked = time.monotonic()

    @property
    def seconds(self) -> float:
        """The training time so far in seconds, with earlier sessions, and without pauses and evaluations."""
        return self._seconds_before + time.monotonic() - self._started

    def on_event(self, event: Event) -> None:
        """Add the terms of a step; write a line if one is due."""
        self._looked = time.monotonic()
        if isinstance(event, Stepped):
            self._averages.add(event.report.terms)
            while event.report.images_seen // self.images_an_epoch > len(self.epoch_seconds):
                self._end_epoch()
            if self.schedule.due(event.report.images_seen):
                self._write(event.report.images_seen)

    def length_decided(self, recipe: Recipe) -> None:
        """Write the rest of the lines at the intervals of a recipe."""
        self.recipe = recipe
        self.schedule = Schedule(recipe.training.images, LINES, recipe.training.batch_size)

    def state(self) -> dict[str, Any]:
        """Return the sums since the last line, the number of lines, and the training time."""
        return {
            "sums": self._averages.state(),
            "lines": self._lines,
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
        }

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Restore the sums, and remove lines that are newer than the checkpoint."""
        self._averages.restore(state["sums"])
        self._seconds_before = state["seconds"]
        self._started = self._looked = time.monotonic()
        self.epoch_seconds = list(state.get("epoch_seconds", []))
        self._cut_off(images_seen)
        self.lines_lost = max(0, state.get("lines", 0) - self._lines)

    def reset(self) -> None:
        """Reset the history to the beginning of the run."""
        self._averages.clear()
        self._seconds_before = 0.0
        self._started = self._looked = time.monotonic()
        self.epoch_seconds = []
        self._cut_off(0)

    def count_lost(self, seconds: float) -> None:
        """Add the time of undone steps to the training time."""
        self._seconds_before += seconds

    def skip_since_last_event(self) -> None:
        """Exclude the time since the last event from the training time: a pause by SIGSTOP or Ctrl-Z, or an evaluation."""
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
            raise OutputError(f"{self.run.history}: cannot be written ({reason}); make room, then use --resume") from problem
        self._lines += 1
        self._averages.clear()


def _rounded(value: float) -> float | None:
    """Return a rounded value, or None if it is not finite, which JSON cannot represent."""
    return round(value, 6) if math.isfinite(value) else None


@final
class RunningMeans:
    """The mean of each term since the last `clear`, over the steps that report the term."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the terms of a step (scalars) without reading them from the device."""
        for name, value in terms.items():
            before = self._sums.get(name)
            self._sums[name] = value.float() if before is None else before.to(value.device) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the means so far, by name."""
        return {name: float(total) / self._counts[name] for name, total in sorted(self._sums.items())}

    def clear(self) -> None:
        """Reset the means."""
        self._sums, self._counts = {}, {}

    def state(self) -> dict[str, tuple[float, int]]:
        """Return the sum and the count of each term, as JSON values."""
        return {name: (float(total), self._counts[name]) for name, total in self._sums.items()}

    def restore(self, state: Mapping[str, tuple[float, int]]) -> None:
        """Restore the result of `state`."""
        self._sums = {name: torch.tensor(total) for name, (total, _) in state.items()}
        self._counts = {name: count for name, (_, count) in state.items()}
