"""Measure the experiments of the studio's section Break it, beside the healthy training with the same seed.

    python benchmarks/experiments.py --seeds 3

Each training has the recipe, settings and length of the page, on MNIST, and all threads
(on the page, each of the two has half of them). 10,000 generated images are compared with MNIST's
test images after a quarter of the run and at its end. A training that its guard ends is measured at its last checkpoint. Write
the results to benchmarks/results/experiments.json after each run, and a table of means to standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import tyro
from common import RESULTS, figures_of, kept_rows, reference_images, result_of, the_classifier
from machine import machine

import digitgan
from digitgan.evaluation import FeatureClassifier
from digitgan.recipes import DEFAULT_RECIPE
from digitgan.runs import RunFolder
from digitgan.studio.experiments import COMMON_SETTINGS, EXPERIMENTS, IMAGES

PARTS = 4
"""Number of equal parts of a run; the first one ends at the first measurement."""


def main(seeds: int = 3, names: tuple[str, ...] = tuple(EXPERIMENTS), out: Path = RESULTS / "experiments.json") -> None:
    """Measure, print a table, write the JSON.

    Args:
        seeds: number of seeds, from 0 on.
        names: names of the experiments.
        out: JSON file of the results. Rows in it are not measured again.
    """
    here, classifier, real = machine(), the_classifier(), reference_images("test")
    report = {**result_of("what each experiment breaks", classifier, real), "images": IMAGES}
    rows: dict[str, Any] = kept_rows(out, "rows", real)
    settings = {"healthy": (), **{name: EXPERIMENTS[name].settings for name in names}}
    for seed in range(seeds):
        for name, changes in settings.items():
            if f"{name}, seed {seed}" not in rows:
                recipe = EXPERIMENTS[name].recipe if name in EXPERIMENTS else DEFAULT_RECIPE
                found = trained(recipe, seed, (*COMMON_SETTINGS, *changes), classifier, real.images)
                rows[f"{name}, seed {seed}"] = {**found, "machine": here}
                out.write_text(json.dumps({**report, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print("| training | class accuracy, a quarter | at the end | Fréchet distance | coverage | real, fakes right | ended |")
    print("|---|---|---|---|---|---|---|")
    for name in settings:
        print(f"| {name} | {row_of([rows[f'{name}, seed {seed}'] for seed in range(seeds)])} |")


def trained(recipe: str, seed: int, settings: tuple[str, ...], classifier: FeatureClassifier, reference: Any) -> dict[str, Any]:
    """Train once, and return the metrics after a quarter and at the end, with the guard's messages."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        changes = [f"--set={setting}" for setting in (*settings, f"training.snapshots={PARTS}")]
        given = ["train", recipe, "--images", str(IMAGES), "--seed", str(seed), "--out", str(path), "--quiet", *changes]
        ended = subprocess.run([sys.executable, "-m", "digitgan", *given], stderr=subprocess.PIPE, text=True, check=False)
        run = RunFolder(path)
        record, history = run.read_record(), list(run.read_history())
        if ended.returncode and record["status"] != "failed":
            raise SystemExit(ended.stderr)
        snapshots = sorted(run.snapshots.glob("*.safetensors"))
        return {
            "status": record["status"],
            "images_seen": record["images_seen"],
            "messages": [*(each["alarm"] for each in record.get("rollbacks", [])), *record.get("warnings", [])],
            "quarter": figures_of(digitgan.load(snapshots[0]), classifier, reference) if snapshots else None,
            "end": figures_of(digitgan.load(run.model), classifier, reference),
            "last_line": history[-1] if history else {},
        }


def row_of(rows: list[dict[str, Any]]) -> str:
    """Return the cells of the means of the seeds."""
    quarters = [row["quarter"]["class_accuracy"] for row in rows if row["quarter"]]
    ends = [row["end"] for row in rows]
    right = ", ".join(f"{mean(row['last_line'][f'accuracy_{kind}'] for row in rows):.0%}" for kind in ("real", "fake"))
    failed = sum(row["status"] == "failed" for row in rows)
    cells = [
        f"{mean(quarters):.1%}" if quarters else "–",
        f"{mean(end['class_accuracy'] for end in ends):.1%}",
        f"{mean(end['frechet_distance'] for end in ends):.2f}",
        f"{mean(end['coverage'] for end in ends):.3f}",
        right,
        f"by the guard, {failed} of {len(rows)}" if failed else "finished",
    ]
    return " | ".join(cells)


if __name__ == "__main__":
    tyro.cli(main)
