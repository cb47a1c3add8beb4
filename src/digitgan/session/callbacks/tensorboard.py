"""The callback that writes losses, evaluations and previews for TensorBoard."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from PIL import Image

from digitgan.errors import UsageError
from digitgan.recipes import Recipe, to_toml
from digitgan.runs import RunFolder
from digitgan.session.callbacks.base import Callback
from digitgan.session.callbacks.history import LINES, RunningMeans
from digitgan.training import Ended, EvaluationDue, Event, PreviewDue, Stepped
from digitgan.training.schedule import Schedule

TERM_GROUPS: Final = {"loss": "losses", "score": "scores", "accuracy": "accuracies"}
"""The groups of the terms, by a word in the name of the term."""


def check_tensorboard() -> None:
    """Check that TensorBoard is installed.

    Raises:
        UsageError: if it is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("--tensorboard: tensorboard is not installed; run pip install 'digitgan[tensorboard]'")


@final
class TensorBoard(Callback):
    """A callback that writes TensorBoard event files; the step is the number of images seen.

    The terms of the steps are averaged as in the history. Previews and evaluations are read from the run's folder, so their
    callbacks must handle each event first.

    Args:
        run: run; the files are written to its `tensorboard/`.
        recipe: recipe of the run, written as text.
        images_seen: images seen at the start of this session; later points of earlier sessions are hidden.
    """

    def __init__(self, run: RunFolder, recipe: Recipe, images_seen: int) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self.run = run
        self.length_decided(recipe)
        self._averages = RunningMeans()
        self._writer = SummaryWriter(str(run.tensorboard), purge_step=images_seen + 1 if images_seen else None)
        if not images_seen:
            indented = "\n".join(f"    {line}" for line in to_toml(recipe).splitlines())
            self._writer.add_text("recipe", indented, 0)

    def length_decided(self, recipe: Recipe) -> None:
        """Write the rest of the values at the intervals of a recipe."""
        self.schedule = Schedule(recipe.training.images, LINES, recipe.training.batch_size)

    def on_event(self, event: Event) -> None:
        """Add the terms of a step; write the values that are due."""
        if isinstance(event, Stepped):
            self._averages.add(event.report.terms)
            if self.schedule.due(event.report.images_seen):
                self._write_terms(event.report.images_seen)
        elif isinstance(event, PreviewDue):
            self._write_preview(event.trainer.images_seen)
        elif isinstance(event, EvaluationDue):
            self._write_scores(event.trainer.images_seen)
        elif isinstance(event, Ended):
            self._writer.flush()

    def _write_terms(self, images_seen: int) -> None:
        for name, mean in self._averages.means().items():
            if math.isfinite(mean):
                heading = next((heading for word, heading in TERM_GROUPS.items() if word in name), "further")
                self._writer.add_scalar(f"{heading}/{name}", mean, images_seen)
        self._averages.clear()

    def _write_preview(self, images_seen: int) -> None:
        path = self.run.preview(images_seen)
        if path.is_file():
            picture = np.asarray(Image.open(path))
            self._writer.add_image("preview", picture, images_seen, dataformats="HW" if picture.ndim == 2 else "HWC")

    def _write_scores(self, images_seen: int) -> None:
        for name, value in _last_line(self.run.scores).items():
            if isinstance(value, dict):
                for each, share in value.items():
                    self._writer.add_scalar(f"{name}/{each}", share, images_seen)
            elif name != "images_seen":
                self._writer.add_scalar(f"evaluation/{name}", value, images_seen)


def _last_line(path: Path) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found
