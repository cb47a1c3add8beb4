"""Previews of a run: images of fixed latents during the training, and their animation."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
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

PREVIEW_IMAGES = 100
"""Approximate number of images in a preview; rows are complete."""

CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE = 1, 256
"""Latents for the batch-norm statistics of a preview; fewer than for a model, because a preview is not evaluated."""

LIVE_CALIBRATION_SIZE = 64
"""Latents for the statistics of the images of a live display, which last for a second."""

ALL_ALIKE = "10x10"
"""The layout for a single class."""

MAX_PREVIEW_CLASSES = 20
"""Largest number of classes in a preview; further classes are omitted to keep the picture readable."""


Inspect = Callable[[Picture, npt.NDArray[np.int64], int], None]
"""Receives the images of a preview, their labels, and the number of images seen."""


@final
class Previews(Callback):
    """A callback that writes sample grids, and once the latents and labels of all grids.

    Args:
        run: run to write to.
        noise_source: source of the latents.
        notice: called with the path of each grid.
        layout: `training.grid` of the recipe: "classes" for one row per latent and one column per class, or rows and columns
            such as "5x5".
        inspect: called with the images of each grid.
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
        self._latents_saved = False
        if layout == "classes" and noise_source.classes > 1:
            self.columns = min(noise_source.classes, MAX_PREVIEW_CLASSES)
            latents, labels = noise_source.preview(per_class=PREVIEW_IMAGES // self.columns)
            shown = labels < self.columns
            self.latents, self.labels = latents[shown], labels[shown]
        else:
            rows, self.columns = map(int, (ALL_ALIKE if layout == "classes" else layout).split("x"))
            self.latents, self.labels = noise_source.preview_in_turn(rows * self.columns)

    def on_event(self, event: Event) -> None:
        """Generate and write the grid if one is due; call `notice` and `inspect`."""
        if isinstance(event, PreviewDue):
            images = self._draw(event.trainer)
            path = self.run.preview(event.trainer.images_seen)
            save_png(path, grid(images, columns=self.columns))
            self._save_latents()
            self.notice(path)
            if self.inspect is not None:
                self.inspect(images, self.labels.cpu().numpy(), event.trainer.images_seen)

    def first_row(self, trainer: Trainer) -> Picture:
        """Generate the first row of the grid: one image of each class, or of several latents without classes."""
        return self._draw(trainer, self.columns, LIVE_CALIBRATION_SIZE)

    @torch.no_grad()
    def _draw(self, trainer: Trainer, count: int | None = None, calibration: int = CALIBRATION_BATCH_SIZE) -> Picture:
        generator = trainer.ema.drawn_from(self.noise_source.calibration_batches(CALIBRATION_BATCHES, calibration))
        return from_network(generator(self.latents[:count], self.labels[:count]))

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of the files of latents and labels, by the name of the file, for the record of the run."""
        return {path.name: hashlib.sha256(content).hexdigest() for path, content in self._latent_files()}

    def _save_latents(self) -> None:
        """Write the files of latents and labels at the first preview of a session, unless they are intact."""
        if self._latents_saved:
            return
        for path, content in self._latent_files():
            if not path.is_file() or path.read_bytes() != content:
                with replacing(path) as file:
                    file.write(content)
        self._latents_saved = True

    def _latent_files(self) -> Iterator[tuple[Path, bytes]]:
        for path, tensor in ((self.run.preview_latents, self.latents), (self.run.preview_labels, self.labels)):
            file = io.BytesIO()
            np.save(file, tensor.cpu().numpy(), allow_pickle=False)
            yield path, file.getvalue()


def animate(run: RunFolder, path: Path, milliseconds: int = 120) -> int:
    """Make a GIF of the previews of a run.

    Args:
        run: a run, finished or still training.
        path: the GIF file.
        milliseconds: duration of each preview; the last one is held longer.

    Returns:
        The number of previews.

    Raises:
        RunError: if there are no readable previews.
        OutputError: if the file cannot be written.
    """
    files = run.preview_files()
    if not files:
        raise RunError(f"{run.path}: the run has no previews yet; wait until the training has written its first preview")
    frames = [frame for frame in map(_frame, files) if frame is not None]
    if not frames:
        raise RunError(f"{run.previews}: all previews are damaged; continue the training to write new ones")
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    save_gif(path, frames, milliseconds)
    return len(frames)


def _frame(file: Path) -> Picture | None:
    """Return the pixels of a preview; None if the file is damaged."""
    try:
        with Image.open(file) as picture:
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError):
        return None
