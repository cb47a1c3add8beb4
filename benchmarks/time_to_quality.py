"""Time to quality: what `digitgan train` makes of so many seconds, over seeds.

    python benchmarks/time_to_quality.py --seeds 5 --seconds 20,60,300

Each run is the real command in a process of its own, with a budget in minutes. 10,000 digits are drawn from what it leaves,
their labels taking turns, and judged against MNIST's test images, as a report does it: class accuracy by the classifier, Fréchet
distance by its features, coverage with 5 neighbours; beside them stand as many training images. `seconds` is the time
trained, `process_seconds` that of the whole command, with loading torch and data, measuring the speed, and drawing the
animation.

Nothing here chooses anything: a recipe is tuned against training images (--reference train), by other seeds. The results go to
benchmarks/results/time_to_quality.json, which is written after each run, and a table to standard output.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro
from common import RESULTS, Reference, figures_of, reference_images, result_of, the_classifier, train
from machine import machine

import digitgan

FIGURES = ("class_accuracy", "frechet_distance", "coverage")


def main(
    recipes: tuple[str, ...] = ("fast",),
    seconds: str = "20,60,300",
    seeds: int = 5,
    first_seed: int = 10,
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    reference: Reference = "test",
    out: Path = RESULTS / "time_to_quality.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        recipes: which.
        seconds: budgets, with commas between.
        seeds: how many for each.
        first_seed: the first of them.
        set: changes to the recipes, section.key=value.
        reference: what drawn images are compared with; "train" for choosing between changes.
        out: where the results go; rows that it has and that are not asked for now are kept.
    """
    classifier, real = the_classifier(), reference_images(reference)
    there: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if there and there["reference"] != real.name:
        raise SystemExit(f"{out}: holds figures against {there['reference']}; name another --out")
    rows: dict[str, Any] = there.get("rows", {})
    report = result_of("what a training is worth after so many seconds", classifier, real) | {"rows": rows}
    print("| recipe | budget | images/s | class accuracy | Fréchet distance | coverage |\n|---|---|---|---|---|---|")
    for recipe in recipes:
        for budget in map(float, seconds.split(",")):
            runs: list[dict[str, Any]] = []
            rows[f"{recipe}, {budget:g} s"] = {"settings": list(set), "runs": runs, "machine": machine()}
            for seed in range(first_seed, first_seed + seeds):
                runs.append(one(recipe, budget, seed, set, classifier, real))
                out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            print(row_of(recipe, budget, runs), flush=True)


def one(
    recipe: str, budget: float, seed: int, settings: tuple[str, ...], classifier: Any, real: digitgan.ImageSet
) -> dict[str, Any]:
    """A run and what it is worth."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        options = ("--minutes", f"{budget / 60:.6f}", "--seed", str(seed))
        found = train(recipe, *options, settings=settings, folder=Path(folder) / "run")
        whole = time.perf_counter() - started
        worth = figures_of(digitgan.load(Path(folder) / "run"), classifier, real.images)
    return {
        "seed": seed,
        "images_seen": found["images_seen"],
        "seconds": round(found["seconds"], 1),
        "process_seconds": round(whole, 1),
        "images_per_second": round(found["images_seen"] / found["seconds"]),
        "precision": found["precision"],
        **worth,
    }


def row_of(recipe: str, budget: float, runs: list[dict[str, Any]]) -> str:
    """A line of the table: means and standard deviations."""
    cells = [f"{statistics.mean(run['images_per_second'] for run in runs):,.0f}"]
    for name in FIGURES:
        values = [run[name] for run in runs]
        form = ".2%" if name == "class_accuracy" else ".3f"
        spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):{form}}{spread}")
    return f"| {recipe} | {budget:g} s | {' | '.join(cells)} |"


if __name__ == "__main__":
    tyro.cli(main)
