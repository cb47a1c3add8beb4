"""The pictures of a comparison: samples and training curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from digitgan.comparison.entries import Entry, groups
from digitgan.files import replacing
from digitgan.images import enlarged, grid, save_png
from digitgan.model.registry import load
from digitgan.runs import RunFolder

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00")
"""The colours of the curves, from Okabe and Ito's palette for all types of colour vision. The line styles differ too."""

STYLES: Final = ("-", "--", "-.", ":")

IMAGES_PER_ENTRY: Final = 20
"""The number of images of each entry in the picture."""


def draw_samples(entries: Sequence[Entry], path: Path) -> None:
    """Save a picture of samples, one row for each entry with a model, in the order of the table; none without a model."""
    rows = []
    for entry in (entry for group in groups(entries).values() for entry in group if entry.record is not None):
        model = load(entry.run)
        labels = np.arange(IMAGES_PER_ENTRY) % len(model.class_names)
        rows.append(model.sample(labels, seed=0))
    path.unlink(missing_ok=True)
    if rows:
        save_png(path, enlarged(grid(np.concatenate(rows), columns=IMAGES_PER_ENTRY), 2))


def draw_curves(entries: Sequence[Entry], path: Path) -> None:
    """Save a plot of the Fréchet distance over images seen, with a line for each run with scores; none without scores."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scored = [(entry, _scores(entry.run)) for entry in entries]
    scored = [(entry, lines) for entry, lines in scored if lines]
    path.unlink(missing_ok=True)
    if not scored:
        return
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = list(groups(entries))
    for entry, lines in scored:
        number = names.index(entry.name)
        first = next(other for other in entries if other.name == entry.name) is entry
        axes.plot(
            [line["images_seen"] for line in lines],
            [line["frechet_distance"] for line in lines],
            color=COLOURS[number % len(COLOURS)],
            linestyle=STYLES[number % len(STYLES)],
            label=entry.name if first else None,
        )
    axes.set_yscale("log")
    axes.set_xlabel("images seen")
    axes.set_ylabel("Fréchet distance to training images")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=100)


def _scores(run: Path) -> list[dict[str, Any]]:
    path = RunFolder(run).scores
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
