"""The curves of a run: both losses and the discriminator's scores over images seen."""

from __future__ import annotations

from pathlib import Path

from digitgan.errors import RunError
from digitgan.images import replacing
from digitgan.runs import RunFolder

DISCRIMINATOR, GENERATOR = "#0072b2", "#d55e00"
"""Two colours of Okabe and Ito's palette, told apart by people with any colour vision; the line styles differ too."""


def plot(run: RunFolder, path: Path) -> None:
    """Draw the run's history so far as a PNG.

    Args:
        run: finished or still training.
        path: where the PNG goes.

    Raises:
        RunError: if the history has no lines yet.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy, and only needed here
    from matplotlib.figure import Figure

    history = list(run.read_history())
    if not history:
        raise RunError(f"{run.path}: has no history yet; the first line comes after a short while of training")
    images = [line["images_seen"] for line in history]
    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    losses, scores = figure.subplots(2, 1, sharex=True)
    losses.plot(images, [line["discriminator_loss"] for line in history], color=DISCRIMINATOR, label="discriminator")
    losses.plot(images, [line["generator_loss"] for line in history], color=GENERATOR, linestyle="--", label="generator")
    losses.set_ylabel("loss")
    losses.set_title(f"{run.read_recipe().name}, {images[-1]:,} images seen")
    scores.plot(images, [line["score_real"] for line in history], color=DISCRIMINATOR, label="real images")
    scores.plot(images, [line["score_fake"] for line in history], color=GENERATOR, linestyle="--", label="fake images")
    scores.set_ylabel("discriminator's mean score")
    scores.set_xlabel("images seen")
    for axes in (losses, scores):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        axes.margins(x=0)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=100)
