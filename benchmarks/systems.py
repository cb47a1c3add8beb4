"""Compare all recipes after the same number of images.

For each recipe and seed, the command runs in its own process. 10,000 generated images, whose labels cycle through the classes,
are compared with 10,000 real images. The features are those of a classifier trained on MNIST's training images. The metrics
are class accuracy (of conditional recipes), Fréchet distance and coverage (k = 5). The same metrics of real images are the
real baseline. The reference images are MNIST's test images. To choose settings by these metrics, use `--reference train`, the
last 10,000 training images.

    python benchmarks/systems.py --images 200000
    python benchmarks/systems.py --recipes mask-cgan --set penalty.name=r1 --reference train --out build/trial.json

Write the results to benchmarks/results/systems.json after each run, and a table to standard output.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

import tyro
from common import (
    DRAWN,
    RESULTS,
    Pixels,
    Reference,
    baseline,
    figures_of,
    kept_rows,
    measured,
    reference_images,
    the_classifier,
)
from machine import machine

import digitgan
from digitgan.evaluation import FeatureClassifier, class_accuracy
from digitgan.networks import ImageSpec, build_discriminator, build_generator, trained_parameters
from digitgan.recipes import RECIPES, with_settings
from digitgan.runs import RunFolder


def parameters(recipe: str, settings: tuple[str, ...]) -> dict[str, int]:
    """Return the number of trained parameters of each network."""
    spec = ImageSpec(1, 28, 28, 10)
    built = with_settings(RECIPES[recipe], settings)
    return {
        "generator": trained_parameters(build_generator(built, spec)),
        "discriminator": trained_parameters(build_discriminator(built, spec)),
    }


def of_longer_run(
    run: RunFolder, images: int, seed: int, *, classifier: FeatureClassifier, reference: Pixels, picture: Path | None
) -> dict[str, Any] | None:
    """Return the result of `measured` from a numbered model of a longer run, or None if it has none of this length and seed.

    The weights are the same if the learning rate does not depend on the length of the training.
    """
    if not run.record.is_file():
        return None
    record, recipe = run.read_record(), run.read_recipe()
    batch = recipe.training.batch_size
    seen = -(-images // batch) * batch
    same = dataclasses.replace(RECIPES[recipe.name], training=recipe.training) == recipe
    if record["seed"] != seed or not same or recipe.optimizer.decay != "none" or record["rollbacks"]:
        return None
    numbered = [path for path in run.snapshot_files() if int(path.stem) == seen]
    if not numbered:
        return None
    lines = [line for line in run.read_history() if line["images_seen"] <= seen]
    return {
        "seed": seed,
        "images_seen": seen,
        "images_per_second": round(lines[-1]["images_seen"] / lines[-1]["seconds"], 1),
        "seconds": round(lines[-1]["seconds"], 1),
        "of_a_run_of": recipe.training.images,
        "precision": recipe.training.precision,
        "rollbacks": 0,
        **figures_of(digitgan.load(numbered[0]), classifier, reference, picture),
    }


def row_of(name: str, runs: list[dict[str, Any]], sizes: dict[str, int]) -> str:
    """Return a row of the table: means over the seeds."""

    def mean(key: str, spec: str) -> str:
        values = [run[key] for run in runs if run[key] is not None]
        return format(statistics.mean(values), spec) if values else "–"

    return (
        f"| {name} | {sizes['generator']:,} | {sizes['discriminator']:,} | {mean('images_per_second', ',.0f')} "
        f"| {mean('class_accuracy', '.2%')} | {mean('frechet_distance', '.3f')} | {mean('coverage', '.3f')} |"
    )


def main(
    images: int = 200_000,
    seeds: int = 1,
    first_seed: int = 10,
    recipes: tuple[str, ...] = tuple(name for name in RECIPES),
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    reference: Reference = "test",
    grids: Path | None = None,
    runs: Path | None = None,
    out: Path = RESULTS / "systems.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        images: number of images seen by each training.
        seeds: number of seeds for each recipe.
        first_seed: first seed.
        recipes: names of recipes.
        set: changes to all recipes, section.key=value.
        reference: real images for comparison.
        grids: folder for a PNG grid of 100 generated images of each recipe.
        runs: folder of longer runs with numbered models, by recipe, as from published.py. A model with this number of images
            seen and this seed is measured instead of a new training.
        out: JSON file of the results. Recipes in it that are not named now are kept.
    """
    here, classifier = machine(), the_classifier()
    test, real = digitgan.load_image_set("mnist", "test"), reference_images(reference)
    real_against_real = baseline(classifier, real.images)
    kept = kept_rows(out, "systems", real)
    print(f"real baseline: {real_against_real}")
    print(
        "| recipe | generator | discriminator | images/s | class accuracy | Fréchet | coverage |\n|---|---|---|---|---|---|---|"
    )
    for name in recipes:
        sizes = parameters(name, set)
        found = []
        for seed in range(first_seed, first_seed + seeds):
            picture = grids / f"{name}.png" if grids is not None and seed == first_seed else None
            there = None
            if runs is not None and not set:
                longer = RunFolder(runs / name)
                there = of_longer_run(longer, images, seed, classifier=classifier, reference=real.images, picture=picture)
            found.append(
                there
                or measured(name, images, seed, settings=set, classifier=classifier, reference=real.images, picture=picture)
            )
        kept[name] = {"parameters": sizes, "images": images, "settings": list(set), "runs": found, "machine": here}
        report = {
            "question": "quality of each recipe after the same number of images",
            "drawn": DRAWN,
            "reference": real.name,
            "features": "last hidden layer of the classifier, trained for three epochs of the training images",
            "classifier_accuracy_on_test_images": class_accuracy(classifier, test.images, test.labels),
            "real_against_real": real_against_real,
            "systems": kept,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(row_of(name, found, sizes), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
