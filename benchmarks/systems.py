"""The systems side by side: every recipe trained for the same number of images, and what it draws then.

For each recipe and seed the real command is run in a process of its own, 10,000 images are drawn from what it leaves, the
labels taking turns, and compared with 10,000 real ones by the features of a judge, a classifier trained on MNIST's training
images: class accuracy (of conditional recipes), Fréchet distance, coverage (k = 5). The same figures for real images against
real ones stand beside them as the floor. The reference is MNIST's test images; to choose anything by these figures, take
`--reference train`: the last 10,000 training images.

    python benchmarks/systems.py --images 200000
    python benchmarks/systems.py --recipes mask-cgan --set penalty.name=r1 --reference train --out build/trial.json

The results go to benchmarks/results/systems.json, which is written after each run, and a table to standard output.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tyro
from judging import DRAWN, RESULTS, the_judge, train
from machine import machine

import digitgan
from digitgan.evaluation import Judge, class_accuracy, coverage, frechet_distance, judge_features
from digitgan.images import grid, save_png
from digitgan.networks import ImageForm, build_discriminator, build_generator, trained_parameters
from digitgan.recipes import RECIPES, with_settings

Pixels = npt.NDArray[np.uint8]


def figures(judge: Judge, reference: Pixels, drawn: Pixels, labels: npt.NDArray[np.int64] | None) -> dict[str, Any]:
    """What drawn images are worth; without labels, no class accuracy."""
    real, fake = judge_features(judge, reference), judge_features(judge, drawn)
    return {
        "class_accuracy": None if labels is None else round(class_accuracy(judge, drawn, labels), 4),
        "frechet_distance": round(frechet_distance(real, fake), 4),
        "coverage": round(coverage(real, fake), 4),
    }


def parameters(recipe: str, settings: tuple[str, ...]) -> dict[str, int]:
    """How many trained numbers each network has."""
    form = ImageForm(1, 28, 28, 10)
    built = with_settings(RECIPES[recipe], settings)
    return {
        "generator": trained_parameters(build_generator(built, form)),
        "discriminator": trained_parameters(build_discriminator(built, form)),
    }


def row_of(name: str, runs: list[dict[str, Any]], sizes: dict[str, int]) -> str:
    """A line of the table: means over the seeds."""

    def mean(key: str, form: str) -> str:
        values = [run[key] for run in runs if run[key] is not None]
        return format(statistics.mean(values), form) if values else "–"

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
    reference: Literal["test", "train"] = "test",
    grids: Path | None = None,
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
        out: where the results go; recipes that it has and that are not asked for now are kept.
    """
    here, judge = machine(), the_judge()
    train_set, test = digitgan.load_image_set("mnist"), digitgan.load_image_set("mnist", "test")
    real = (
        test
        if reference == "test"
        else digitgan.ImageSet(
            train_set.images[-DRAWN:], train_set.labels[-DRAWN:], train_set.class_names, "the last training images"
        )
    )
    floor = figures(judge, real.images, train_set.images[:DRAWN], train_set.labels[:DRAWN])
    labels = np.arange(DRAWN) % 10
    kept = json.loads(out.read_text(encoding="utf-8"))["systems"] if out.exists() else {}
    print(f"real images against real ones: {floor}")
    print("| recipe | generator | discriminator | images/s | right class | Fréchet | coverage |\n|---|---|---|---|---|---|---|")
    for name in recipes:
        runs, sizes = [], parameters(name, set)
        for seed in range(first_seed, first_seed + seeds):
            with tempfile.TemporaryDirectory() as folder:
                result = train(name, "--images", str(images), "--seed", str(seed), settings=set, folder=Path(folder) / "run")
                model = digitgan.load(Path(folder) / "run")
            conditional = len(model.class_names) > 1
            drawn = model.sample(labels if conditional else np.zeros(DRAWN, dtype=np.int64), seed=1)
            if grids is not None and seed == first_seed:
                save_png(grids / f"{name}.png", grid(drawn[:100], columns=10))
            runs.append(
                {
                    "seed": seed,
                    "images_seen": result["images_seen"],
                    "images_per_second": round(result["images_seen"] / result["seconds"], 1),
                    "seconds": round(result["seconds"], 1),
                    "peak_memory_gb": round(result["peak_memory_gb"], 3),
                    "precision": result["precision"],
                    "rollbacks": result["rollbacks"],
                    **figures(judge, real.images, drawn, labels if conditional else None),
                }
            )
        print(row_of(name, runs, sizes), flush=True)
        kept[name] = {"parameters": sizes, "images": images, "settings": list(set), "runs": runs, "machine": here}
        report = {
            "question": "what each recipe draws after the same number of images",
            "drawn": DRAWN,
            "reference": real.name,
            "features": "last hidden layer of the judge, trained for three epochs of the training images",
            "judge_accuracy_on_test_images": class_accuracy(judge, test.images, test.labels),
            "real_against_real": floor,
            "systems": kept,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
