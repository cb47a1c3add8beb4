"""Measure what the pictures of the live display cost: trainings in a pseudo-terminal, with and without the display, in turns.

    python benchmarks/display_cost.py --pairs 5

Write the images per second of each training to benchmarks/results/display_cost.json.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import pexpect
import tyro
from common import RESULTS
from machine import machine

SIZES = ((80, 24), (120, 40))


def main(pairs: int = 5, images: int = 60_000, out: Path = RESULTS / "display_cost.json") -> None:
    """Train in turns, print a table, write the JSON.

    Args:
        pairs: number of trainings with and without the display, for each size of the terminal.
        images: length of each training.
        out: JSON file of the results.
    """
    found = {}
    for size in SIZES:
        speeds: dict[str, list[float]] = {"quiet": [], "live": []}
        for pair in range(pairs):
            for kind in sorted(speeds, reverse=pair % 2 == 1):  # the order alternates, against drift
                speeds[kind].append(speed(images, size, quiet=kind == "quiet"))
        cost = 1 - statistics.median(speeds["live"]) / statistics.median(speeds["quiet"])
        found["x".join(map(str, size))] = {**speeds, "cost": round(cost, 4)}
        print(f"{size[0]}x{size[1]}: {cost:.1%} of the images per second", flush=True)
    report = {"question": "images per second with and without the live display", "images": images, "sizes": found, **machine()}
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def speed(images: int, size: tuple[int, int], *, quiet: bool) -> float:
    """Return the images per second of a training."""
    without = {"CI", "NO_COLOR", "COLUMNS", "LINES"}
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with tempfile.TemporaryDirectory() as folder:
        argv = ["-m", "digitgan", "train", "--images", str(images), "--out", "run", *(["--quiet"] if quiet else [])]
        pexpect.run(
            f"{sys.executable} {' '.join(argv)}",
            cwd=folder,
            env=environment,  # type: ignore[arg-type]
            timeout=None,
            dimensions=size[::-1],
        )
        record = json.loads((Path(folder) / "run" / "run.json").read_text(encoding="utf-8"))
    return round(record["images_seen"] / record["seconds"], 1)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
