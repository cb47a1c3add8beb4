"""Previews: the same latents drawn again and again as the generator learns, and the animation of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from digitgan.errors import RunError
from digitgan.files import replacing
from digitgan.images import Picture, from_network, grid, save_gif, save_png
from digitgan.runs import RunFolder
from digitgan.session.callbacks.base import Callback
from digitgan.training import Event, NoiseSource, PreviewDue, Trainer

CELLS = 100
"""Images in a preview, as near as whole rows of all classes come to it."""

CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE = 1, 256
"""Fewer latents than a model's statistics are taken from: a preview is looked at, not measured."""

ALL_ALIKE = "10x10"
"""The layout where there is but one class."""

COLUMNS = 20
"""Classes side by side at most: of hundreds of classes the first are shown, as a picture that one can look at."""


Inspect = Callable[[Picture, npt.NDArray[np.int64], int], None]
"""Is shown a preview's images, their labels, and the count of images seen."""


@final
class Previews(Callback):
    """Writes a sample grid whenever one is due, and beside the first the latents and labels of all of them.

    Args:
        run: where they go.
        noise_source: where the latents come from.
        notice: is told of each grid's path.
        layout: the recipe's `training.grid`: "classes" for a row a latent and a column a class, or "5x5" and the like.
        inspect: is shown what was drawn.
    """

    def __init__(
        self,
        run: RunFolder,
        noise_source: NoiseSource,
        notice: Callable[[Path], None],
        layout: str = "classes",
        inspect: Inspect | None = None,
    ) -> None:
        self.run = run
        self.noise_source = noise_source
        self.notice = notice
        self.inspect = inspect
        if layout == "classes" and noise_source.classes > 1:
            self.columns = min(noise_source.classes, COLUMNS)
            latents, labels = noise_source.preview(per_class=CELLS // self.columns)
            shown = labels < self.columns
            self.latents, self.labels = latents[shown], labels[shown]
        else:
            rows, self.columns = map(int, (ALL_ALIKE if layout == "classes" else layout).split("x"))
            self.latents, self.labels = noise_source.preview_in_turn(rows * self.columns)

    def on_event(self, event: Event) -> None:
        """Draw and write the grid, say where it is, and let it be inspected."""
        if isinstance(event, PreviewDue):
            images = self._draw(event.trainer)
            path = self.run.preview(event.trainer.images_seen)
            save_png(path, grid(images, columns=self.columns))
            if not self.run.preview_latents.exists():
                self._save_latents()
            self.notice(path)
            if self.inspect is not None:
                self.inspect(images, self.labels.cpu().numpy(), event.trainer.images_seen)

    @torch.no_grad()
    def _draw(self, trainer: Trainer) -> Picture:
        generator = trainer.ema.drawn_from(self.noise_source.calibration_batches(CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE))
        return from_network(generator(self.latents, self.labels))

    def _save_latents(self) -> None:
        for path, tensor in ((self.run.preview_latents, self.latents), (self.run.preview_labels, self.labels)):
            with replacing(path) as file:
                np.save(file, tensor.cpu().numpy(), allow_pickle=False)


def animate(run: RunFolder, path: Path, milliseconds: int = 120) -> int:
    """Make a GIF of the run's previews so far.

    Args:
        run: finished or still training.
        path: where the GIF goes.
        milliseconds: for which each preview is shown; the last is held.

    Returns:
        How many previews it shows.

    Raises:
        RunError: if there are no previews yet.
    """
    files = run.preview_files()
    if not files:
        raise RunError(f"{run.path}: has no previews yet; the first comes after a short while of training")
    frames = [frame for frame in map(_frame, files) if frame is not None]
    if not frames:
        raise RunError(f"{run.previews}: none of the previews can be read")
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    save_gif(path, frames, milliseconds)
    return len(frames)


def _frame(file: Path) -> Picture | None:
    """A preview's pixels; None where the file is damaged, which need not spoil the others."""
    try:
        with Image.open(file) as picture:
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError):
        return None
