"""The curves of a run: both losses, the discriminator's scores, and how often it is right, over images seen."""

from __future__ import annotations

import math
from pathlib import Path

from digitgan.errors import RunError
from digitgan.files import replacing
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
    scores.set_ylabel("discriminator's mean score")
    accuracies.set_ylabel("share it tells rightly")
    accuracies.set_ylim(-0.03, 1.03)
    accuracies.set_xlabel("images seen")
    for axes in (losses, scores, accuracies):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        axes.margins(x=0)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=100)
