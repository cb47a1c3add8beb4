"""Ablation of the fixed recipes: the system as published, fixed, and fixed without one change at a time.

Each variant is trained in its own process, and 10,000 generated images are compared with MNIST's test images, as in systems.py.
The guard watches for non-finite numbers only, so that a collapse stays visible. After an interruption, variants in the file of
results are not trained again.

    python benchmarks/fixing.py --recipes mask-cgan-fixed --images 100000

Write the results to benchmarks/results/fixing.json after each run, and a table to standard output.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import tyro
from common import RESULTS, Reference, kept_rows, measured, reference_images, result_of, the_classifier
from machine import machine

from digitgan.recipes import RECIPES, Recipe

TITLES = {
    ("optimizer", "beta1"): "Adam's memory",
    ("optimizer", "beta2"): "Adam's memory",
    ("optimizer", "generator_learning_rate"): "learning rate",
    ("optimizer", "discriminator_learning_rate"): "learning rate",
    ("ema", "decay"): "moving average",
    ("ema", "statistics"): "moving average",
}
"""Titles of changes with several settings. Every other setting is a change by itself; a penalty is one change."""

WATCHES = ("discriminator_collapse", "mode_collapse")
"""The guard's checks that are turned off in this benchmark."""

UNWATCHED = tuple(f"guard.{name}=false" for name in WATCHES)

ASIDE = {("training", "images"), *(("guard", name) for name in WATCHES)}
"""Differences between published and fixed recipes that do not affect the weights."""


def changes(fixed: Recipe) -> dict[str, dict[str, str]]:
    """Return the changes of a fixed recipe: title -> changed settings -> values in the published system."""
    published = RECIPES[fixed.name.removesuffix("-fixed")]
    found: dict[str, dict[str, str]] = {}
    for section in ("generator", "discriminator", "loss", "penalty", "updates", "optimizer", "ema", "training", "guard"):
        before, after = (dataclasses.asdict(getattr(recipe, section)) for recipe in (published, fixed))
        for name, value in after.items():
            if value != before[name] and (section, name) not in ASIDE:
                title = TITLES.get((section, name), section if section == "penalty" else f"{section}.{name}")
                found.setdefault(title, {})[f"{section}.{name}"] = json.dumps(before[name])
    return found


def main(
    images: int = 100_000,
    seed: int = 10,
    recipes: tuple[str, ...] = tuple(name for name in RECIPES if name.endswith("-fixed")),
    reference: Reference = "test",
    grids: Path | None = None,
    out: Path = RESULTS / "fixing.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        images: number of images seen by each training.
        seed: seed of the trainings.
        recipes: names of fixed recipes.
        reference: real images for comparison.
        grids: folder for PNG grids of 100 generated images of each variant.
        out: JSON file of the results. Recipes in it that are not named now are kept.
    """
    here, classifier, real = machine(), the_classifier(), reference_images(reference)
    kept = kept_rows(out, "recipes", real)
    report = {**result_of("effect of each change of a fixed recipe", classifier, real), "recipes": kept}
    for name in recipes:
        undone = {title: tuple(f"{key}={value}" for key, value in was.items()) for title, was in changes(RECIPES[name]).items()}
        runs: dict[str, tuple[str, tuple[str, ...]]] = {
            "as published": (name.removesuffix("-fixed"), ()),
            "fixed": (name, UNWATCHED),
            **{f"without: {title}": (name, settings + UNWATCHED) for title, settings in undone.items()},
        }
        before = kept.get(name, {"images": images, "variants": []})
        done = {row["variant"]: row for row in before["variants"] if before["images"] == images and row["seed"] == seed}
        rows: list[dict[str, Any]] = []
        print(f"\n| {name} | class accuracy | Fréchet | coverage |\n|---|---|---|---|")
        for title, (recipe, settings) in runs.items():
            picture = None if grids is None else grids / f"{name}-{len(rows)}.png"
            run = done.get(title)
            if run is None or run["settings"] != list(settings):
                found = measured(
                    recipe, images, seed, settings=settings, classifier=classifier, reference=real.images, picture=picture
                )
                run = {"variant": title, "settings": list(settings), **found}
            rows.append(run)
            kept[name] = {"images": images, "machine": here, "variants": rows}
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            metrics = f"{run['class_accuracy']:.2%} | {run['frechet_distance']:.3f} | {run['coverage']:.3f}"
            print(f"| {title} | {metrics} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
