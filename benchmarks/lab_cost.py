"""Measure how much of a training's time a viewer in the Lab costs.

    python benchmarks/lab_cost.py --pairs 5

Trainings of `fast` on MNIST run in turns without and with a viewer, who keeps the training making snapshots, in processes of
their own. The differences are those of a noisy machine. The training also measures the share of the snapshots in its own time.
Results are written to benchmarks/results/lab_cost.json.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

import tyro
from common import RESULTS, train
from machine import machine

from digitgan.runs import RunFolder


def main(pairs: int = 5, images: int = 60_000, recipe: str = "fast", out: Path = RESULTS / "lab_cost.json") -> None:
    """Measure, print a table, write the JSON.

    Args:
        pairs: number of trainings without and with a viewer.
        images: length of each training.
        recipe: name of the recipe.
        out: JSON file of the results.
    """
    rows: list[dict[str, Any]] = []
    print(f"{'pair':>4} {'without':>9} {'with':>9} {'difference':>10} {'own time':>9} {'snapshots':>9}")
    for pair in range(pairs):
        alone, *_ = _seconds(recipe, images, watched=False)
        watched, snapshots, own = _seconds(recipe, images, watched=True)
        difference = watched / alone - 1
        rows.append(
            {"without": alone, "with": watched, "difference": round(difference, 4), "own_share": own, "snapshots": snapshots}
        )
        print(f"{pair:>4} {alone:>7.1f} s {watched:>7.1f} s {difference:>+9.1%} {own:>9.1%} {snapshots:>9}", flush=True)
    median = statistics.median(row["difference"] for row in rows)
    print(f"median difference {median:+.1%}, largest share of the snapshots {max(row['own_share'] for row in rows):.1%}")
    found = {"machine": machine(), "recipe": recipe, "images": images, "pairs": rows, "median_difference": median}
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _seconds(recipe: str, images: int, *, watched: bool) -> tuple[float, int, float]:
    """Return the training time in seconds, the number of snapshots that a viewer saw, and their share of the time."""
    own = 0.0
    ended, seen = threading.Event(), set[int]()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder) / "run")

        def look() -> None:
            while not ended.wait(0.1):
                if run.record.is_file():
                    run.lab.keep_alive()
                if run.lab.snapshot.is_file():
                    seen.add(run.lab.snapshot.stat().st_mtime_ns)

        viewer = threading.Thread(target=look)
        if watched:
            viewer.start()
        try:
            result = train(recipe, "--images", str(images), folder=run.path)
        finally:
            ended.set()
            if watched:
                viewer.join()
        if watched and (last := run.lab.read_snapshot()) is not None:
            own = float(last[1]["cost"])
    return round(float(result["seconds"]), 2), len(seen), own


if __name__ == "__main__":
    tyro.cli(main)
