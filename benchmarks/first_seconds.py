"""Account for every second of `digitgan train --minutes` from the start of the process to its end, over seeds.

    python benchmarks/first_seconds.py --seconds 10,20,60 --seeds 5

Each training runs in its own process, which reports the durations of its parts: start (Python and the imports), data, checks,
speed (its measurement), networks (building them), pretraining, training (with previews and checkpoints) and pictures. `whole`
is the time of the process, measured from outside. `--earlier COMMIT` measures the same command of an earlier version in turns,
by its whole time and its images, from a worktree of the repository. Write the results to benchmarks/results/first_seconds.json
after each training, and a table to standard output.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import tyro
from common import RESULTS, train, versions
from machine import machine

PARTS = ("start", "data", "checks", "speed", "networks", "pretraining", "training", "pictures")


def main(
    seconds: str = "10,20,60",
    seeds: int = 5,
    first_seed: int = 10,
    recipe: str = "fast",
    earlier: str = "",
    out: Path = RESULTS / "first_seconds.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        seconds: budgets in seconds, separated by commas.
        seeds: number of seeds for each budget.
        first_seed: first seed.
        recipe: name of the recipe.
        earlier: commit of an earlier version, which is measured in turns; "" for none.
        out: JSON file of the results.
    """
    here = machine()
    with versions(earlier) as sources:
        rows: dict[str, list[dict[str, Any]]] = {}
        for budget in map(float, seconds.split(",")):
            for seed in range(first_seed, first_seed + seeds):
                for version, source in sources.items():
                    rows.setdefault(f"{budget:g} s, {version}", []).append(measured(recipe, budget, seed, source))
                    report = {"question": "where the seconds of a budget go", "recipe": recipe, "rows": rows, "machine": here}
                    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"| budget | {' | '.join(PARTS)} | whole | images seen |\n|{'---|' * (len(PARTS) + 3)}")
    for name, runs in rows.items():
        cells = [f"{mean(run['time'][part] for run in runs):.2f}" if "time" in runs[0] else "" for part in PARTS]
        wholes = [run["whole"] for run in runs]
        print(f"| {name} | {' | '.join(cells)} | {min(wholes):.1f} to {max(wholes):.1f} | {images_of(runs)} |")


def measured(recipe: str, budget: float, seed: int, source: Path | None) -> dict[str, Any]:
    """Run the command once, and return its account, its whole time and the images that it saw."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--minutes", str(budget / 60), "--seed", str(seed), "--quiet")
        started = time.monotonic()
        found = train(recipe, *options, folder=Path(folder) / "run", source=source)
        whole = time.monotonic() - started
    kept = {key: found[key] for key in ("images_seen", "seconds", "time") if key in found}
    return {"seed": seed, "whole": round(whole, 2), **kept}


def images_of(runs: list[dict[str, Any]]) -> str:
    """Return the range of the numbers of images seen."""
    images = [run["images_seen"] for run in runs]
    return f"{min(images):,} to {max(images):,}"


if __name__ == "__main__":
    tyro.cli(main)
