"""The published systems trained to their published end, and what they draw on the way.

For each recipe the real command trains for the recipe's own length and leaves numbered models; 10,000 images are drawn from
each of those and compared with MNIST's test images, as in systems.py. A run that is there is gone on with, or only measured if
it is finished.

    python benchmarks/published.py --recipes mask-cgan lstm-cgan

The results go to benchmarks/results/published.json, which is written after each recipe, and tables to standard output.
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
"""Models that a run leaves: one in 200,000 images of 30 epochs of MNIST."""


def median_speed(run: RunFolder) -> float:
    """Images a second in the median interval of a run's history: what a pause or other work beside it does not change."""
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
        recipes: which.
        seed: of the trainings.
        runs: the folder of the runs.
        pictures: a folder for a picture of 100 drawn images, and the animation, of each recipe.
        out: where the results go; recipes that it has and that are not asked for now are kept.
    """
    classifier, real = the_classifier(), reference_images("test")
    kept = kept_rows(out, "systems", real)
    report = {
        **result_of("what the published systems draw at their published end, and on the way", classifier, real),
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
