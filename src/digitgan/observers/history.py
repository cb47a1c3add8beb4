"""The history: losses and scores over the run, averaged between evenly spread moments, a JSON object a line."""

from __future__ import annotations

import json
import math
import time
from typing import Any, final

import torch
from torch import Tensor

from digitgan.errors import DivergenceError, OutputError
from digitgan.images import replacing
from digitgan.observers.interface import Observer
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder
from digitgan.training import Event, Stepped, StepReport
from digitgan.training.schedule import Moments, learning_rate_scale

LINES = 200
"""Lines in a full run's history: enough for a smooth curve, few enough to read."""


@final
class History(Observer):
    """Writes the run's history as it grows.

    Each line has `images_seen`; the mean of every term the steps reported since the last line; `learning_rate_scale`; and
    `seconds`, the time trained so far: the only value that differs between two runs of the same recipe, data and seed.
    """

    def __init__(self, run: RunFolder, recipe: Recipe) -> None:
        self.run = run
        self.recipe = recipe
        self.moments = Moments(recipe.training.images, LINES, recipe.training.batch_size)
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._seconds_before = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time trained so far, earlier sittings included."""
        return self._seconds_before + time.monotonic() - self._started

    def see(self, event: Event) -> None:
        """Add up a step; write a line where one is due."""
        if isinstance(event, Stepped):
            self._add(event.report)
            if self.moments.due(event.report.images_seen):
                self._write(event.report.images_seen)

    def state(self) -> dict[str, Any]:
        """The sums since the last line, and the time."""
        sums = {name: (float(total), self._counts[name]) for name, total in self._sums.items()}
        return {"sums": sums, "seconds": self.seconds}

    def restore(self, state: dict[str, Any], images_seen: int) -> None:
        """Take up the sums, and cut lines off that were written after the checkpoint."""
        self._sums = {name: torch.tensor(total) for name, (total, _) in state["sums"].items()}
        self._counts = {name: count for name, (_, count) in state["sums"].items()}
        self._seconds_before, self._started = state["seconds"], time.monotonic()
        kept = [line for line in self.run.read_history() if line["images_seen"] <= images_seen]
        with replacing(self.run.history) as file:
            file.write("".join(json.dumps(line) + "\n" for line in kept).encode())

    def _add(self, report: StepReport) -> None:
        for name, value in report.terms.items():
            before = self._sums.get(name)
            self._sums[name] = value.float() if before is None else before.to(value.device) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def _write(self, images_seen: int) -> None:
        line: dict[str, Any] = {"images_seen": images_seen}
        wrong = [name for name, total in self._sums.items() if not math.isfinite(float(total))]
        if wrong:
            raise DivergenceError(
                f"{self.run.path}: {', '.join(sorted(wrong))} no longer finite at {images_seen:,} images: the training has "
                "diverged. The last checkpoint is kept; lower learning rates or a stronger penalty usually help"
            )
        line |= {name: round(float(total) / self._counts[name], 6) for name, total in sorted(self._sums.items())}
        line["learning_rate_scale"] = round(learning_rate_scale(self.recipe, images_seen), 6)
        line["seconds"] = round(self.seconds, 3)
        try:
            with self.run.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as problem:
            raise OutputError(
                f"{self.run.history}: cannot be written ({problem.strerror}); make room, then --resume"
            ) from problem
        self._sums, self._counts = {}, {}
