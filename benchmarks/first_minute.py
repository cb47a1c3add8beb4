"""Measure the class accuracy after one minute of training: `digitgan train --minutes 1` over several seeds.

For each seed, the command runs in its own process. A classifier trained on MNIST's training images then classifies 10,000
generated images. The accuracy of the classifier on MNIST's test images is given for comparison.

    python benchmarks/first_minute.py --seeds 3 --first-seed 10

The recipe was chosen by runs with the first few seeds, so report other seeds. Do not choose settings by the results.

Write the results to benchmarks/results/first_minute.json, and a table to standard output.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import tyro
from common import DRAWN, RESULTS, the_classifier, train
from machine import machine

import digitgan
from digitgan.evaluation import class_accuracy


def main(
    seeds: int = 3,
    first_seed: int = 10,
    minutes: float = 1.0,
    recipe: str = "fast",
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    out: Path = RESULTS / "first_minute.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        seeds: number of seeds.
        first_seed: first seed.
        minutes: length of each training in minutes.
        recipe: name of the recipe.
        set: changes to the recipe, section.key=value.
        out: JSON file of the results.
    """
    classifier = the_classifier()
    test = digitgan.load_image_set("mnist", "test")
    classifier_accuracy = class_accuracy(classifier, test.images, test.labels)
    labels = np.arange(DRAWN) % 10
    runs = []
    print(f"classifier on MNIST's test images: {classifier_accuracy:.2%}")
    print(f"{'seed':>4} {'images seen':>12} {'images/s':>9} {'seconds':>8} {'memory':>8} {'class accuracy':>12}")
    for seed in range(first_seed, first_seed + seeds):
        with tempfile.TemporaryDirectory() as folder:
            options = ("--minutes", str(minutes), "--seed", str(seed))
            result = train(recipe, *options, settings=set, folder=Path(folder) / "run")
            drawn = digitgan.load(Path(folder) / "run").sample(labels, seed=1)
        row = {
            "seed": seed,
            "images_seen": result["images_seen"],
            "seconds": round(result["seconds"], 2),
            "images_per_second": round(result["images_seen"] / result["seconds"], 1),
            "peak_memory_gb": round(result["peak_memory_gb"], 3),
            "class_accuracy": class_accuracy(classifier, drawn, labels),
            "precision": result["precision"],
        }
        runs.append(row)
        print(
            f"{seed:>4} {row['images_seen']:>12,} {row['images_per_second']:>9,.0f} {row['seconds']:>8.1f} "
            f"{row['peak_memory_gb']:>5.2f} GB {row['class_accuracy']:>12.2%}",
            flush=True,
        )
    accuracies = [row["class_accuracy"] for row in runs]
    mean = statistics.mean(accuracies)
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    print(f"mean {mean:.2%}, standard deviation {spread:.2%}, over {seeds} seeds")
    report = {
        "question": "class accuracy of 10,000 generated images, by an independent classifier",
        "recipe": recipe,
        "settings": list(set),
        "minutes": minutes,
        "classifier_accuracy_on_test_images": classifier_accuracy,
        "class_accuracy_mean": mean,
        "class_accuracy_deviation": spread,
        "runs": runs,
        "machine": machine(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
