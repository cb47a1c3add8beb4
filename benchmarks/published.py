"""Train the published systems to their published length, and measure them at intervals.

For each recipe, the command trains for the length of the recipe and saves numbered models. 10,000 images of each model are
compared with MNIST's test images, as in systems.py. An existing run is resumed, or only measured if it is finished.

    python benchmarks/published.py --recipes mask-cgan lstm-cgan

Write the results to benchmarks/results/published.json after each recipe, and tables to standard output.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
from pathlib import Path

import tyro
from common import RESULTS, figures_of, kept_rows, reference_images, result_of, the_classifier, train
from machine import machine

import digitgan
from digitgan.runs import RunFolder

NUMBERED = 9
"""Number of models of a run: one for every 200,000 images in 30 epochs of MNIST."""


def median_speed(run: RunFolder) -> float:
    """Return the images per second in the median interval of a run's history, which pauses and other work do not change."""
    lines = [(line["images_seen"], line["seconds"]) for line in run.read_history()]
    steps = [(seen - before, end - start) for (before, start), (seen, end) in itertools.pairwise(lines)]
    return statistics.median(images / seconds for images, seconds in steps if seconds > 0)


def main(
    recipes: tuple[str, ...] = ("lstm-cgan", "mask-cgan"),
    seed: int = 10,
    runs: Path = Path("runs/published"),
    pictures: Path | None = None,
    out: Path = RESULTS / "published.json",
) -> None:
    """Train, measure, print tables, write the JSON.

    Args:
        recipes: names of recipes.
        seed: seed of the trainings.
        runs: folder of the runs.
        pictures: folder for a PNG grid of 100 generated images and the animation of each recipe.
        out: JSON file of the results. Recipes in it that are not named now are kept.
    """
    classifier, real = the_classifier(), reference_images("test")
    kept = kept_rows(out, "systems", real)
    report = {
        **result_of("quality of the published systems at their published length, and at intervals", classifier, real),
        "systems": kept,
    }
    for name in recipes:
        run = RunFolder(runs / name)
        if not run.record.is_file():
            train(name, "--seed", str(seed), settings=(f"training.snapshots={NUMBERED}",), folder=run.path)
        elif run.read_record()["status"] != "finished":
            train("--resume", folder=run.path)
        record, rows = run.read_record(), []
        print(f"\n| {name} | images seen | class accuracy | Fréchet | coverage |\n|---|---|---|---|---|")
        for path in run.snapshot_files():
            found = figures_of(digitgan.load(path), classifier, real.images)
            rows.append({"images_seen": int(path.stem), **found})
            right = "–" if found["class_accuracy"] is None else f"{found['class_accuracy']:.2%}"
            print(f"| | {int(path.stem):,} | {right} | {found['frechet_distance']:.3f} | {found['coverage']:.3f} |", flush=True)
        kept[name] = {
            "seed": record["seed"],
            "precision": run.read_recipe().training.precision,
            "images_seen": record["images_seen"],
            "images_per_second": round(median_speed(run), 1),
            "rollbacks": len(record["rollbacks"]),
            "models": rows,
            "machine": machine(),
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if pictures is not None:
            figures_of(digitgan.load(run.path), classifier, real.images, pictures / f"{name}.png")
            shutil.copy(run.animation, pictures / f"{name}.gif")


if __name__ == "__main__":
    tyro.cli(main)
