"""Previews: the same latents drawn again and again as the generator learns, with every class; and the animation of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import final

import numpy as np
from PIL import Image

from digitgan.errors import RunError
from digitgan.images import Picture, from_network, grid, save_gif, save_png
from digitgan.observers.interface import Observer
from digitgan.runs import RunFolder
from digitgan.training import Draws, Event, Game, PreviewDue, settle

CELLS = 100
"""Images in a preview, as near as whole rows of all classes come to it."""

SETTLING_PORTIONS, SETTLING_SIZE = 1, 256
"""Fewer latents than a model's statistics are taken from: a preview is looked at, not measured."""

COLUMNS = 20
"""Classes side by side at most: of hundreds of classes the first are shown, as a picture that one can look at."""


@final
class Previews(Observer):
    """Writes a sample grid, a row a latent and a column a class, whenever one is due."""

    def __init__(self, run: RunFolder, draws: Draws, notice: Callable[[Path], None]) -> None:
        self.run = run
        self.draws = draws
        self.notice = notice
        self.columns = min(draws.classes, COLUMNS)
        latents, labels = draws.preview(per_class=CELLS // self.columns)
        shown = labels < self.columns
        self.latents, self.labels = latents[shown], labels[shown]

    def see(self, event: Event) -> None:
        """Draw and write the grid, and say where it is."""
        if isinstance(event, PreviewDue):
            path = self.run.preview(event.game.images_seen)
            save_png(path, self._draw(event.game))
            self.notice(path)

    def _draw(self, game: Game) -> Picture:
        generator = settle(game.ema.generator, self.draws.settling(SETTLING_PORTIONS, SETTLING_SIZE))
        return grid(from_network(generator(self.latents, self.labels)), columns=self.columns)


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
