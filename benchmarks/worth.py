"""What models are worth by `digitgan evaluate`: the shipped one, `fast` after one and five minutes, and published systems.

Each is a real command in a process of its own: `digitgan train`, then `digitgan evaluate` of what it leaves, 10,000 images
against MNIST's test images. Those are evaluated too, against training images, where they must come out at the real baseline.

    python benchmarks/worth.py
    python benchmarks/worth.py --minutes --systems lstm-cgan plain-gan --runs runs/systems

The results go to benchmarks/results/worth.json, which is written after each evaluation, and a table to standard output.
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
    """What `digitgan evaluate SUBJECT` finds: figures, intervals, floors, memorisation; usefulness where it is asked for."""
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
    """What a training leaves, evaluated; one that is there is taken as it is."""
    if not (folder / "run.json").is_file():
        train(recipe, *options, "--seed", str(seed), folder=folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run = {key: record[key] for key in ("images_seen", "seconds", "precision")}
    return {"seed": record["seed"], **run, **evaluated(folder)}


def row_of(name: str, rows: list[dict[str, Any]]) -> str:
    """A line of the table: means, and with several seeds standard deviations."""
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
    out: Path = RESULTS / "worth.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        minutes: budgets of `fast`; with none, neither is the shipped model evaluated, nor are real images.
        seeds: how many for each budget.
        first_seed: the first of them, and the systems' own.
        systems: further recipes.
        images: that each of those sees.
        runs: the folder of all runs; those that are there are only evaluated. By default none is kept.
        out: where the results go; rows that it has and that are not asked for now are kept.
    """
    there = json.loads(out.read_text(encoding="utf-8"))["rows"] if out.exists() else {}
    rows: dict[str, Any] = there
    here = machine()
    print(f"| | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")

    def keep(name: str, found: list[dict[str, Any]], last: bool = True) -> None:
        rows[name] = {"runs": found, "machine": here}
        report = {"question": "what models are worth by `digitgan evaluate`", "rows": rows}
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
