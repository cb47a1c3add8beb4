"""Measure how `digitgan train --minutes` spends its budget: measuring the speed, training, and everything else.

    python benchmarks/budgets.py
    python benchmarks/budgets.py --recipes fast dcgan --sides 28 64 --minutes 1

Each command runs in a process of its own, on 2,000 random images. The measurement of the speed lasts from the line that
announces it to the line that states the length. Results are written to benchmarks/results/budgets.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import tyro
from common import RESULTS
from machine import machine

from digitgan.errors import DigitganError
from digitgan.runs import RunFolder

RECIPES: Final = ("fast", "quality", "style", "dcgan", "mask-cgan", "lstm-cgan")
IMAGES: Final = 2000
ANNOUNCED: Final = "measuring the speed"
CHOSEN: Final = "the length was chosen"


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
    options = (recipe, f"--data={data}", f"--minutes={minutes:g}", f"--out={run}")
    command = [sys.executable, "-m", "digitgan", "train", *options]
    started, moments, lines = time.monotonic(), dict[str, float](), list[str]()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            for words in (ANNOUNCED, CHOSEN):
                if words in line:
                    moments.setdefault(words, time.monotonic())
    whole = time.monotonic() - started
    if process.returncode:
        raise DigitganError(f"{' '.join(command)}: exit code {process.returncode}\n{''.join(lines[-5:])}")
    record = RunFolder(run).read_record()
    return {
        "recipe": recipe,
        "side": side,
        "measuring": round(moments[CHOSEN] - moments[ANNOUNCED], 2),
        "training": record["seconds"],
        "whole": round(whole, 2),
        "images": record["images_seen"],
    }


if __name__ == "__main__":
    tyro.cli(main)
