"""Evaluate models with `digitgan evaluate`: the shipped one, `fast` after one and five minutes, and published systems.

`digitgan train` and `digitgan evaluate` run in their own processes. Each evaluation compares 10,000 generated images with
MNIST's test images. The test images are evaluated against training images too, where their metrics must equal the real
baseline.

    python benchmarks/published_quality.py
    python benchmarks/published_quality.py --minutes --systems lstm-cgan plain-gan --runs runs/systems

Write the results to benchmarks/results/published_quality.json after each evaluation, and a table to standard output.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from common import RESULTS, command, train
from machine import machine

import digitgan

COLUMNS = ("class_accuracy", "frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")


def evaluated(source: Path | str, *options: str) -> dict[str, Any]:
    """Return the results of `digitgan evaluate`: metrics, intervals, real baselines, memorisation, train on synthetic."""
    with tempfile.TemporaryDirectory() as folder:
        found = command("evaluate", str(source), *options, "--report", folder)
    metrics = {
        name: {key: metric[key] for key in ("value", "low", "high", "baseline")}
        for name, metric in found["metrics"].items()
        if not metric["missing"]
    }
    near = ("closer_than_any_held_out", "closer_than_one_in_hundred")
    return {
        "metrics": metrics,
        "memorisation": {name: found["memorisation"][name] for name in near},
        "train_on_synthetic": found["train_on_synthetic"],
        "features_sha256": found["protocol"]["features_sha256"],
        "seconds_of_evaluation": found["seconds"],
    }


def trained(recipe: str, *options: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train a recipe unless the run exists, and return its evaluation."""
    if not (folder / "run.json").is_file():
        train(recipe, *options, "--seed", str(seed), folder=folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run = {key: record[key] for key in ("images_seen", "seconds", "precision")}
    return {"seed": record["seed"], **run, **evaluated(folder)}


def row_of(name: str, rows: list[dict[str, Any]]) -> str:
    """Return a row of the table: means, and standard deviations of several seeds."""
    cells = []
    for column in COLUMNS:
        values = [row["metrics"][column]["value"] for row in rows if column in row["metrics"]]
        form = ".2%" if column == "class_accuracy" else ".4f" if column == "kernel_distance" else ".3f"
        spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):{form}}{spread}" if values else "–")
    return f"| {name} | {' | '.join(cells)} |"


def main(
    minutes: tuple[float, ...] = (1.0, 5.0),
    seeds: int = 3,
    first_seed: int = 10,
    systems: tuple[str, ...] = (),
    images: int = 200_000,
    runs: Path | None = None,
    out: Path = RESULTS / "published_quality.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        minutes: times of training of `fast` in minutes. Without any, the shipped model and real images are not evaluated.
        seeds: number of seeds for each time.
        first_seed: first seed, also of the systems.
        systems: names of further recipes.
        images: number of images seen by each of those recipes.
        runs: folder of the runs. Existing runs are only evaluated. Default: a temporary folder.
        out: JSON file of the results. Rows in it that are not named now are kept.
    """
    there = json.loads(out.read_text(encoding="utf-8"))["rows"] if out.exists() else {}
    rows: dict[str, Any] = there
    here = machine()
    print(f"| | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")

    def keep(name: str, found: list[dict[str, Any]], last: bool = True) -> None:
        rows[name] = {"runs": found, "machine": here}
        report = {"question": "quality of models by `digitgan evaluate`", "rows": rows}
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if last:
            print(row_of(name, found), flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        if minutes:
            test = digitgan.load_image_set("mnist", "test")
            np.savez(Path(scratch) / "test.npz", images=test.images, labels=test.labels, class_names=test.class_names)
            keep("real test images", [evaluated(Path(scratch) / "test.npz", "--reference", "train")])
            keep("shipped model", [evaluated("mnist", "--train-on-synthetic")])
        folder = Path(scratch) if runs is None else runs
        for budget in minutes:
            found: list[dict[str, Any]] = []
            for seed in range(first_seed, first_seed + seeds):
                place = folder / f"fast-{budget:g}-{seed}"
                found.append(trained("fast", "--minutes", f"{budget:g}", seed=seed, folder=place))
                keep(f"fast, {budget:g} min", found, last=len(found) == seeds)
        for name in systems:
            found = [trained(name, "--images", str(images), seed=first_seed, folder=folder / name)]
            keep(f"{name}, {images:,} images", found)


if __name__ == "__main__":
    tyro.cli(main)
