"""Measure what a classifier learns from generated images: the shipped model of MNIST against real images.

    python benchmarks/train_on_synthetic.py

A classifier is trained on generated images, and another one, of the same kind and as long, on as many real training images.
Both are tested on MNIST's test images, as `digitgan evaluate --train-on-synthetic` does. Each seed draws other images.

Write the results to benchmarks/results/train_on_synthetic.json.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from common import RESULTS
from machine import machine
from tyro import cli

import digitgan


def main(model: str = "mnist", images: int = 60_000, seeds: int = 1, out: Path = RESULTS / "train_on_synthetic.json") -> None:
    """Measure, print a line for each seed, write the JSON.

    Args:
        model: a shipped model, a run or a model file.
        images: number of generated images, and of real ones.
        seeds: number of seeds, from 1.
        out: JSON file of the results.
    """
    rows: list[dict[str, Any]] = []
    report = {"question": "what a classifier learns from generated images", "model": model, "images": images, "rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, seeds + 1):
            found = digitgan.evaluate(
                model, images=images, seed=seed, train_on_synthetic=True, report=Path(folder) / str(seed), notify=print
            ).record["train_on_synthetic"]
            rows.append({"seed": seed, **found})
            print(rows[-1], flush=True)
            out.write_text(json.dumps(report | {"machine": machine()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    cli(main)
