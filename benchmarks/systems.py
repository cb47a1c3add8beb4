"""The systems side by side: every recipe trained for the same number of images, and what it draws then.

For each recipe and seed the real command is run in a process of its own, 10,000 images are drawn from what it leaves, the
labels taking turns, and compared with 10,000 real ones by the features of a classifier, a classifier trained on MNIST's
training
images: class accuracy (of conditional recipes), Fréchet distance, coverage (k = 5). The same figures for real images against
real ones stand beside them as the real baseline. The reference is MNIST's test images; to choose anything by these figures,
take `--reference train`: the last 10,000 training images.

    python benchmarks/systems.py --images 200000
    python benchmarks/systems.py --recipes mask-cgan --set penalty.name=r1 --reference train --out build/trial.json

The results go to benchmarks/results/systems.json, which is written after each run, and a table to standard output.
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
    """How many trained numbers each network has."""
    spec = ImageSpec(1, 28, 28, 10)
    built = with_settings(RECIPES[recipe], settings)
    return {
        "generator": trained_parameters(build_generator(built, spec)),
        "discriminator": trained_parameters(build_discriminator(built, spec)),
    }


def of_longer_run(
    run: RunFolder, images: int, seed: int, *, classifier: FeatureClassifier, reference: Pixels, picture: Path | None
) -> dict[str, Any] | None:
    """What `measured` would find, from a numbered model of a longer run; None where that has none of just this length and seed.

    Where the learning rate does not depend on a training's length, nothing in its weights does.
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
    """A line of the table: means over the seeds."""

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
        images: seen by each.
        seeds: how many for each recipe.
        first_seed: the first of them.
        recipes: which.
        set: changes to all of them, section.key=value.
        reference: what drawn images are compared with.
        grids: a folder for a picture of 100 drawn images of each recipe.
        runs: a folder of longer runs, by recipe, with numbered models, as published.py leaves them: where one has seen just as
            many images by the seed asked for, it is measured, and nothing trained.
        out: where the results go; recipes that it has and that are not asked for now are kept.
    """
    here, classifier = machine(), the_classifier()
    test, real = digitgan.load_image_set("mnist", "test"), reference_images(reference)
    real_against_real = baseline(classifier, real.images)
    kept = kept_rows(out, "systems", real)
    print(f"real images against real ones: {real_against_real}")
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
            "question": "what each recipe draws after the same number of images",
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
