"""Compare the estimated memory of trainings with the measured peak.

    python benchmarks/memory.py
    python benchmarks/memory.py --recipes fast colour --sides 28 64 --batches 16 128
    python benchmarks/memory.py --again            # new estimates beside the peaks in the JSON file

Each training runs in a process of its own, for two steps and the pretraining that belongs to them, on 500 random images. Its
peak is the largest resident memory that the kernel states. The estimate is that of `digitgan train --dry-run`, which allocates
nothing. Results are written to benchmarks/results/memory.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import tyro
from common import RESULTS
from machine import machine

from digitgan.errors import DigitganError

RECIPES: Final = ("fast", "quality", "style", "acgan", "mask-cgan", "dcgan", "lstm-cgan", "colour", "residual", "progressive")
COLOUR: Final = ("colour", "residual", "progressive")
IMAGES: Final = 500


def main(
    recipes: tuple[str, ...] = RECIPES,
    sides: tuple[int, ...] = (28, 64, 128),
    batches: tuple[int, ...] = (16, 64, 256),
    most_gb: float = 8.0,
    again: bool = False,
    out: Path = RESULTS / "memory.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        recipes: names of recipes.
        sides: sides of the images in pixels.
        batches: batch sizes.
        most_gb: largest estimate of a training that is run.
        again: keep the measured peaks of the JSON file, and estimate anew.
        out: JSON file of the results.
    """
    if again:
        _estimate_again(out)
        return
    found: list[dict[str, Any]] = []
    print("| recipe | side | batch | estimated | measured | difference |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes:
            for side in sides:
                data = _data(Path(folder), side, 3 if recipe in COLOUR else 1)
                for batch in batches:
                    row = _row(recipe, side, batch, data, most_gb, Path(folder) / "run")
                    if row is None:
                        continue
                    found.append(row)
                    print(_line(row), flush=True)
                    out.write_text(json.dumps({"machine": machine(), "trainings": found}, indent=1) + "\n", encoding="utf-8")


def _estimate_again(path: Path) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for row in told["trainings"]:
            data = _data(Path(folder), row["side"], 3 if row["recipe"] in COLOUR else 1)
            options = _options(row["recipe"], row["batch"], data, Path(folder) / "run")
            row |= _compared(_estimate(options), row["measured_gb"])
            print(_line(row), flush=True)
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _line(row: dict[str, Any]) -> str:
    estimated, measured = f"{row['estimated_gb']:.2f} GB", f"{row['measured_gb']:.2f} GB"
    return f"| {row['recipe']} | {row['side']} | {row['batch']} | {estimated} | {measured} | {row['difference']:+.0%} |"


def _data(folder: Path, side: int, channels: int) -> Path:
    path = folder / f"{side}-{channels}.npz"
    if not path.exists():
        shape = (IMAGES, side, side, 3) if channels == 3 else (IMAGES, side, side)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        np.savez(path, images=images, labels=np.arange(IMAGES) % 10)
    return path


def _row(recipe: str, side: int, batch: int, data: Path, most_gb: float, run: Path) -> dict[str, Any] | None:
    options = _options(recipe, batch, data, run)
    estimated = _estimate(options)
    if estimated > most_gb:
        return None
    measured = _digitgan("train", *options, "--quiet")[1] / 1e9
    return {"recipe": recipe, "side": side, "batch": batch, **_compared(estimated, measured)}


def _options(recipe: str, batch: int, data: Path, run: Path) -> tuple[str, ...]:
    return (
        recipe,
        f"--data={data}",
        f"--set=training.batch_size={batch}",
        f"--images={2 * batch}",
        f"--out={run}",
        "--overwrite",
        *(["--set=training.growth="] if recipe == "progressive" else []),  # at the full size from the beginning
    )


def _estimate(options: tuple[str, ...]) -> float:
    """Return the estimate of `--dry-run` in GB."""
    memory: dict[str, float] = json.loads(_digitgan("train", *options, "--dry-run", "--json")[0])["memory"]
    return memory["total"] / 1e9


def _compared(estimated: float, measured: float) -> dict[str, float]:
    return {
        "estimated_gb": round(estimated, 3),
        "measured_gb": round(measured, 3),
        "difference": round(estimated / measured - 1, 3),
    }


def _digitgan(*arguments: str) -> tuple[str, int]:
    """Return the output of a command, and the largest resident memory of its process in bytes."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "-m", "digitgan", *arguments], stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise DigitganError(f"{' '.join(arguments)}: exit code {process.returncode}")
        output.seek(0)
        return output.read(), usage.ru_maxrss * 1024


if __name__ == "__main__":
    tyro.cli(main)
