"""Compare a step in bfloat16 with one in float32. `digitgan.device.choose_precision` is based on the results.

For each recipe, steps in float32 and in bfloat16 alternate, so that other work on the machine slows both. The result is the
median, least and largest ratio of their times.

    python benchmarks/precision.py [--pairs 15] [--recipes fast,dcgan]
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import torch
from machine import machine

from digitgan.device import choose_precision, cpu_multiplies_bfloat16, prepare
from digitgan.networks import ImageSpec
from digitgan.recipes import RECIPES
from digitgan.training.speed import Trial

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=RESULTS / "precision.json")
    options = parser.parse_args()
    device, threads = prepare(options.device)
    rows = [_row(name, options.pairs, device) for name in options.recipes.split(",")]
    found = {
        "machine": machine(),
        "device": device.type,
        "threads": threads,
        "cpu_multiplies_bfloat16": cpu_multiplies_bfloat16(),
        "chosen": choose_precision(device),
        "recipes": rows,
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _row(name: str, pairs: int, device: torch.device) -> dict[str, Any]:
    recipe = RECIPES[name]
    spec = ImageSpec(1, 28, 28, 10 if recipe.conditional else 1)
    trials = [Trial(recipe, spec, device, precision) for precision in ("float32", "bfloat16")]
    for trial in trials:
        trial.seconds(2)  # compiles and caches kernels
    seconds = [[trial.seconds(1) for trial in trials] for _ in range(pairs)]
    ratios = sorted(bfloat16 / float32 for float32, bfloat16 in seconds)
    row = {
        "recipe": name,
        "float32_ms": round(1000 * statistics.median(pair[0] for pair in seconds), 2),
        "bfloat16_ms": round(1000 * statistics.median(pair[1] for pair in seconds), 2),
        "ratio": round(statistics.median(ratios), 3),
        "least": round(ratios[0], 3),
        "largest": round(ratios[-1], 3),
    }
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
