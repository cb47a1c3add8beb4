"""Measure discriminator rejection sampling: `digitgan sample --discriminator-rejection SHARE` against sampling without it.

    python benchmarks/discriminator_rejection.py --images 100000 --seeds 3
    python benchmarks/discriminator_rejection.py --runs runs/pretrained-mnist

A training of `fast` for each seed, or each run that is named. 10,000 images are generated from each with each share. 1.0 is no
rejection. Nothing is tuned: the shares are given.

Write the results to benchmarks/results/discriminator_rejection.json.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import DRAWN, RESULTS, Reference, baseline, command, metrics, reference_images, the_classifier, train
from machine import machine
from tyro import cli


def main(
    images: int = 100_000,
    seeds: int = 3,
    runs: tuple[Path, ...] = (),
    shares: tuple[float, ...] = (1.0, 0.5, 0.25),
    reference: Reference = "test",
    out: Path = RESULTS / "discriminator_rejection.json",
) -> None:
    """Measure, print a line for each run and share, write the JSON.

    Args:
        images: length of each training, in images.
        seeds: number of trainings, with seeds from 0 on.
        runs: folders of runs to measure in place of new trainings.
        shares: shares of the images to accept.
        reference: real images for comparison: MNIST's test images, or its last 10,000 training images.
        out: JSON file of the results.
    """
    classifier, real = the_classifier(), reference_images(reference)
    rows: dict[str, list[dict[str, Any]]] = {f"{share:g}": [] for share in shares}
    report = {
        "question": "what rejection by the discriminator gains, and what it costs",
        "images": images,
        "drawn": DRAWN,
        "reference": real.name,
        "real_against_real": baseline(classifier, real.images),
        "rows": rows,
        "machine": machine(),
    }
    with tempfile.TemporaryDirectory() as folder:
        for number in range(len(runs) or seeds):
            run = runs[number] if runs else Path(folder) / str(number)
            if not runs:
                train("fast", "--images", str(images), "--seed", str(number), folder=run)
            for share in shares:
                path = Path(folder) / f"{number}-{share}.npz"
                options = ("--count", str(DRAWN), "--format", "npz", "--seed", "1", "--out", str(path), "--quiet")
                rejection = ("--discriminator-rejection", str(share)) if share < 1 else ()
                started = time.monotonic()
                accepted = command("sample", str(run), *options, *rejection)["accepted"]
                rows[f"{share:g}"].append(
                    {
                        "run": run.name if runs else f"fast, {images:,} images, seed {number}",
                        "accepted": round(float(np.mean(list(accepted.values()))), 4) if accepted else 1.0,
                        "seconds": round(time.monotonic() - started, 1),
                        **metrics(classifier, real.images, *(np.load(path)[name] for name in ("images", "labels"))),
                    }
                )
                print(share, rows[f"{share:g}"][-1], flush=True)
                out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    cli(main)
