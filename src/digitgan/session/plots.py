"""Plots and animations of a run: its curves, its previews, and the rows of its images."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from digitgan.errors import RunError, UsageError
from digitgan.files import claim_output, replacing
from digitgan.images import Picture, enlarged, grid, save_gif
from digitgan.model.file import Model
from digitgan.model.registry import load
from digitgan.runs import RunFolder, open_run
from digitgan.session.callbacks.previews import animate


def animate_run(folder: Path, *, out: Path | None, rows: bool, milliseconds: int, overwrite: bool) -> tuple[Path, int]:
    """Make a GIF of the previews of a run, or of the rows of its model's images, for `digitgan animate`.

    Args:
        folder: folder of the run.
        out: the GIF; None for the default path in the run's folder.
        rows: show the images of the model row by row.
        milliseconds: duration of each frame, 20 to 60,000.
        overwrite: replace an existing `out`.

    Returns:
        The path of the GIF, and the number of previews or rows.

    Raises:
        DigitganError: if the folder is not a run, the run has no previews yet, or the path cannot be used.
    """
    if not 20 <= milliseconds <= 60_000:
        raise UsageError(f"--milliseconds {milliseconds}: must be from 20 to 60000; browsers slow down faster animations")
    run = open_run(folder)
    path = out or (run.rows_animation if rows else run.animation)
    claim_output(path, ".gif", overwrite=overwrite or out is None)
    if rows:
        frames = written_rows(load(str(folder)))
        save_gif(path, [enlarged(frame, 2) for frame in frames], milliseconds)
        return path, len(frames) - 1
    return path, animate(run, path, milliseconds)


def plot_run(folder: Path, *, out: Path | None, overwrite: bool) -> Path:
    """Plot the curves of a run as a PNG, for `digitgan plot`, and return its path.

    Args:
        folder: folder of the run.
        out: the PNG; None for the default path in the run's folder.
        overwrite: replace an existing `out`.

    Raises:
        DigitganError: if the folder is not a run, the run has no history yet, or the path cannot be used.
    """
    run = open_run(folder)
    path = out or run.curves
    claim_output(path, ".png", overwrite=overwrite or out is None)
    plot(run, path)
    return path


DISCRIMINATOR, GENERATOR, AUGMENTATION = "#0072b2", "#d55e00", "#009e73"
"""Three colours of the palette of Okabe and Ito, distinguishable with any colour vision; the line styles differ too."""


def plot(run: RunFolder, path: Path) -> None:
    """Plot the history of a run as a PNG.

    Args:
        run: a run, finished or still training.
        path: the PNG file.

    Raises:
        RunError: if the history has no lines yet.
        OutputError: if the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, and only needed here
    from matplotlib.figure import Figure

    history = list(run.read_history())
    if not history:
        raise RunError(f"{run.path}: the run has no history yet; wait until the training has written its first line")
    images = [line["images_seen"] for line in history]
    figure = Figure(figsize=(8, 8), layout="constrained")
    FigureCanvasAgg(figure)
    losses, scores, accuracies = figure.subplots(3, 1, sharex=True)

    def course(name: str) -> list[float]:
        return [math.nan if line.get(name) is None else line[name] for line in history]

    losses.plot(images, course("discriminator_loss"), color=DISCRIMINATOR, label="discriminator")
    losses.plot(images, course("generator_loss"), color=GENERATOR, linestyle="--", label="generator")
    losses.set_ylabel("loss")
    losses.set_title(f"{run.read_recipe().name}, {images[-1]:,} images seen")
    for axes, name in ((scores, "score"), (accuracies, "accuracy")):
        axes.plot(images, course(f"{name}_real"), color=DISCRIMINATOR, label="real images")
        axes.plot(images, course(f"{name}_fake"), color=GENERATOR, linestyle="--", label="fake images")
    if any("augmentation_probability" in line for line in history):
        probability = course("augmentation_probability")
        accuracies.plot(images, probability, color=AUGMENTATION, linestyle=":", label="augmentation's probability")
    scores.set_ylabel("discriminator's mean score")
    accuracies.set_ylabel("discriminator's accuracy")
    accuracies.set_ylim(-0.03, 1.03)
    accuracies.set_xlabel("images seen")
    for axes in (losses, scores, accuracies):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        axes.margins(x=0)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=100)


CELLS = 100
COLUMNS = 10


def written_rows(model: Model, seed: int = 0) -> list[Picture]:
    """Return grids of 100 images, the first empty and each later one with one more row of every image.

    The classes alternate within a grid.

    Args:
        model: A model of a recurrent recipe.
        seed: Seed of the latents.

    Raises:
        UsageError: If the generator is not recurrent.
    """
    if model.recipe.generator.family != "recurrent":
        raise UsageError(
            f"--rows: the generator of recipe {model.recipe.name} is not recurrent; use a model of a recurrent recipe such as "
            "lstm-cgan"
        )
    images = model.sample(np.arange(CELLS) % len(model.class_names), seed)
    frames = []
    for row in range(images.shape[1] + 1):
        written = images.copy()
        written[:, row:] = 0
        frames.append(grid(written, columns=COLUMNS))
    return frames
