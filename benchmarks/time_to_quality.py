"""Measure the quality of `digitgan train` after a given time, over several seeds.

    python benchmarks/time_to_quality.py --seeds 5 --seconds 10,20,60,300
    python benchmarks/time_to_quality.py --seconds 10,20 --earlier 7f48076 --out FILE

Each training runs in its own process with a time limit. 10,000 generated images with labels that cycle through the classes are
compared with MNIST's test images, as in a report: class accuracy by the classifier, Fréchet distance by its features, and
coverage with 5 neighbours. As many training images give the real baseline. `seconds` is the time of training. `process_seconds`
is that of the whole command, including loading of PyTorch and data, the measurement of the speed, and the animation.

Do not choose settings by these results: tune recipes against training images (--reference train), with other seeds. Write the
results to benchmarks/results/time_to_quality.json after each run, and a table to standard output.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro
from common import RESULTS, Reference, figures_of, reference_images, result_of, the_classifier, train, versions
from machine import machine

import digitgan

FIGURES = ("class_accuracy", "frechet_distance", "coverage", "recall", "speckles")


def main(
    recipes: tuple[str, ...] = ("fast",),
    seconds: str = "10,20,60,300",
    seeds: int = 5,
    first_seed: int = 10,
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    reference: Reference = "test",
    earlier: str = "",
    out: Path = RESULTS / "time_to_quality.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        recipes: names of recipes.
        seconds: times of training in seconds, separated by commas.
        seeds: number of seeds for each time.
        first_seed: first seed.
        set: changes to the recipes, section.key=value.
        reference: real images for comparison; "train" to choose between changes.
        earlier: commit of an earlier version, which is measured in turns; "" for none.
        out: JSON file of the results. Rows in it that are not named now are kept.
    """
    classifier, real = the_classifier(), reference_images(reference)
    there: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if there and there["reference"] != real.name:
        raise SystemExit(f"{out}: holds metrics against {there['reference']}; name another --out")
    rows: dict[str, Any] = there.get("rows", {})
    report = result_of("quality of a training after a given time", classifier, real) | {"rows": rows}
    print(f"| | images/s | {' | '.join(FIGURES)} |\n|---|---|{'---|' * len(FIGURES)}")
    here = machine()
    with versions(earlier) as sources:
        for recipe in recipes:
            for budget in map(float, seconds.split(",")):
                names = {version: f"{recipe}, {budget:g} s" + (f", {version}" if earlier else "") for version in sources}
                for name in names.values():
                    rows[name] = {"settings": list(set), "runs": [], "machine": here}
                for seed in range(first_seed, first_seed + seeds):
                    for version, source in sources.items():
                        rows[names[version]]["runs"].append(one(recipe, budget, seed, set, classifier, real, source))
                        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
                for name in names.values():
                    print(row_of(name, rows[name]["runs"]), flush=True)


def one(
    recipe: str,
    budget: float,
    seed: int,
    settings: tuple[str, ...],
    classifier: Any,
    real: digitgan.ImageSet,
    source: Path | None,
) -> dict[str, Any]:
    """Train once, and return the result with its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        options = ("--minutes", f"{budget / 60:.6f}", "--seed", str(seed))
        found = train(recipe, *options, settings=settings, folder=Path(folder) / "run", source=source)
        whole = time.perf_counter() - started
        quality = figures_of(digitgan.load(Path(folder) / "run"), classifier, real.images)
    return {
        "seed": seed,
        "images_seen": found["images_seen"],
        "seconds": round(found["seconds"], 1),
        "process_seconds": round(whole, 1),
        "images_per_second": round(found["images_seen"] / found["seconds"]),
        "precision": found["precision"],
        **quality,
    }


def row_of(name: str, runs: list[dict[str, Any]]) -> str:
    """Return a row of the table: means and standard deviations."""
    cells = [f"{statistics.mean(run['images_per_second'] for run in runs):,.0f}"]
    for figure in FIGURES:
        values = [run[figure] for run in runs]
        form = ".2%" if figure in ("class_accuracy", "speckles") else ".3f"
        spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):{form}}{spread}")
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    tyro.cli(main)
