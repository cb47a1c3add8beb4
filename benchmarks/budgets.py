"""Measure how `digitgan train --minutes` spends its budget: measuring the speed, training, and everything else.

    python benchmarks/budgets.py
    python benchmarks/budgets.py --recipes fast dcgan --sides 28 64 --minutes 1

Each command runs in a process of its own, on 2,000 random images. Results are written to benchmarks/results/budgets.json.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import tyro
from common import RESULTS, train
from machine import machine

RECIPES: Final = ("fast", "quality", "style", "dcgan", "mask-cgan", "lstm-cgan")
IMAGES: Final = 2000


def main(
    recipes: tuple[str, ...] = RECIPES,
    sides: tuple[int, ...] = (28, 64),
    minutes: float = 1.0,
    out: Path = RESULTS / "budgets.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        recipes: names of recipes.
        sides: sides of the images in pixels.
        minutes: length of each training in minutes.
        out: JSON file of the results.
    """
    found: list[dict[str, Any]] = []
    print("| recipe | side | measuring | training | whole command | images |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for side in sides:
            data = Path(folder) / f"{side}.npz"
            images = np.random.default_rng(0).integers(0, 256, (IMAGES, side, side), dtype=np.uint8)
            np.savez(data, images=images, labels=np.arange(IMAGES) % 10)
            for recipe in recipes:
                row = _row(recipe, side, data, minutes, Path(folder) / f"{recipe}-{side}")
                found.append(row)
                print(
                    f"| {recipe} | {side} | {row['measuring']:.1f} s ({row['measuring'] / (60 * minutes):.0%}) | "
                    f"{row['training']:.1f} s | {row['whole']:.1f} s | {row['images']:,} |",
                    flush=True,
                )
                text = json.dumps({"machine": machine(), "minutes": minutes, "trainings": found}, indent=1)
                out.write_text(text + "\n", encoding="utf-8")


def _row(recipe: str, side: int, data: Path, minutes: float, run: Path) -> dict[str, Any]:
    started = time.monotonic()
    found = train(recipe, f"--data={data}", f"--minutes={minutes:g}", folder=run)
    return {
        "recipe": recipe,
        "side": side,
        "measuring": round(found["time"]["speed"], 2),
        "training": found["seconds"],
        "whole": round(time.monotonic() - started, 2),
        "images": found["images_seen"],
    }


if __name__ == "__main__":
    tyro.cli(main)
