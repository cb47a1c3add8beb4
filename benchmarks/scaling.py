"""Measure the speed and memory of training and sampling as one size at a time grows.

    python benchmarks/scaling.py

The sizes are the batch size, the parts of a batch, the image size, the number of classes, the number of images in the image
set and the number of generated images. The image set has a thousand to a million images in a memory-mapped file. Each training
runs in its own process with the recipe `fast` and one size changed, on synthetic images: a picture for each class, with noise.
The order is random in each of `times` rounds, and the result is the median.

`own memory` is anonymous memory, without memory-mapped files. Write the results to benchmarks/results/scaling.json after each
round, and tables to standard output.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from common import RESULTS, command, train
from machine import machine

FIGURES = ("images_per_second", "peak_own_memory_gb")


@dataclass(frozen=True)
class Case:
    """A training with one size changed.

    Attributes:
        axis: the size that is changed.
        value: its value.
        settings: changes to the recipe.
        images: number of images in the image set.
        side: height and width of the images in pixels.
        classes: number of classes.
    """

    axis: str
    value: int
    settings: tuple[str, ...] = ()
    images: int = 20_000
    side: int = 28
    classes: int = 10


def cases() -> list[Case]:
    """Return the trainings in the order of the tables."""
    return [
        *(Case("batch size", size, (f"training.batch_size={size}",)) for size in (16, 32, 64, 128, 256, 512)),
        *(
            Case("parts of a batch of 128", parts, ("training.batch_size=128", f"updates.microbatches={parts}"))
            for parts in (1, 2, 4)
        ),
        *(Case("image size", side, side=side) for side in (28, 32, 64)),
        *(Case("classes", classes, classes=classes) for classes in (10, 100, 1_000)),
        *(Case("images in the set", images, images=images) for images in (1_000, 10_000, 100_000, 1_000_000)),
    ]


def main(
    seen: int = 25_600, times: int = 3, drawn: tuple[int, ...] = (1, 100, 10_000, 100_000), out: Path = RESULTS / "scaling.json"
) -> None:
    """Measure, print tables, write the JSON.

    Args:
        seen: number of images seen by each training.
        times: number of rounds.
        drawn: numbers of images to generate.
        out: JSON file of the results.
    """
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases()}
    noise_source: dict[int, list[dict[str, Any]]] = {count: [] for count in drawn}
    here = machine()
    for number in range(times):
        order = list(found)
        random.Random(number).shuffle(order)
        for case in order:
            found[case].append(trained(case, seen))
        for count in drawn:
            noise_source[count].append(drawn_set(count))
        report = {
            "question": "speed and memory by size",
            "recipe": "fast",
            "images_seen": seen,
            "rounds": number + 1,
            "training": [{"axis": case.axis, "value": case.value, **medians(runs)} for case, runs in found.items()],
            "drawing": [{"images": count, **medians(runs)} for count, runs in noise_source.items()],
            "machine": here,
        }
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for axis, group in itertools.groupby(found.items(), key=lambda item: item[0].axis):
        print_table(axis, {case.value: medians(runs) for case, runs in group})
    print_table("images generated", {count: medians(runs) for count, runs in noise_source.items()})


def trained(case: Case, seen: int) -> dict[str, Any]:
    """Train on synthetic images and return the result."""
    with tempfile.TemporaryDirectory() as folder:
        data = made_up(Path(folder) / "images.npz", case)
        settings = ("training.previews=1", "training.checkpoints=1", "training.snapshots=0", *case.settings)
        found = train("fast", "--data", str(data), "--images", str(seen), settings=settings, folder=Path(folder) / "run")
    return {"images_per_second": found["images_seen"] / found["seconds"], **found}


def drawn_set(count: int) -> dict[str, Any]:
    """Generate images with the shipped model and return the result of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        found = command("sample", "mnist", "--count", str(count), "--format", "npz", "--out", f"{folder}/set.npz")
        return {"images_per_second": count / (time.perf_counter() - started), **found}


def made_up(path: Path, case: Case) -> Path:
    """Write an image set for a case: a picture of blocks for each class, with noise in each image."""
    random_numbers = np.random.default_rng(0)
    coarse = random_numbers.integers(0, 2, (case.classes, 4, 4), np.uint8)
    pictures = coarse.repeat(case.side // 4, axis=1).repeat(case.side // 4, axis=2) * np.uint8(200)
    labels = np.arange(case.images) % case.classes
    images = np.empty((case.images, case.side, case.side), np.uint8)
    for first in range(0, case.images, 10_000):
        part = slice(first, first + 10_000)
        noise = random_numbers.integers(0, 56, images[part].shape, np.uint8)
        images[part] = pictures[labels[part]] + noise
    np.savez(path, images=images, labels=labels)
    return path


def medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Return the medians over several runs."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in FIGURES}


def print_table(axis: str, rows: dict[int, dict[str, float]]) -> None:
    """Print the table of one size."""
    print(f"\n| {axis} | images/s | own memory (GB) |\n|---|---|---|")
    for value, row in rows.items():
        print(f"| {value:,} | {row[FIGURES[0]]:,.0f} | {row[FIGURES[1]]:.2f} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
