"""What an evaluation costs: seconds and memory of `digitgan evaluate`, and what scores on the way add to a training.

    python benchmarks/evaluation.py

The real command is run in a process of its own, by all metrics but train-on-synthetic, against MNIST's 10,000 test images.
What is kept of the real images is put aside at first, so that the first of each number finds it anew. `seconds` is what the
report says, drawing included; `process_seconds` the whole command, with loading torch and MNIST, and finding the real side.

Then `fast` is trained with and without `--evaluate-every 20000`, in turn, by the same seed: the same weights come out, and what
it takes longer is what the scores cost. The results go to benchmarks/results/evaluation.json, and tables to standard output.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro
from common import RESULTS, command, train
from machine import machine

from digitgan.data import data_folder


def main(
    images: tuple[int, ...] = (10_000, 100_000),
    times: int = 3,
    trained: int = 60_000,
    evaluate_every: int = 20_000,
    out: Path = RESULTS / "evaluation.json",
) -> None:
    """Measure, print tables, write the JSON.

    Args:
        images: drawn from the shipped model; each number in turn.
        times: how many times all of it.
        trained: images that each training sees.
        evaluate_every: after which it is scored each time.
        out: where the results go.
    """
    here, runs, pairs = machine(), list[dict[str, Any]](), list[dict[str, Any]]()
    report = {"question": "what an evaluation costs", "runs": runs, "scores_while_training": pairs, "machine": here}
    cache = tempfile.TemporaryDirectory()
    os.environ["DIGITGAN_DATA"] = str(data_folder())
    os.environ["XDG_CACHE_HOME"] = cache.name
    print("| images | seconds | of the whole command | peak memory (GB) |\n|---|---|---|---|")
    for _ in range(times):
        for count in images:
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                found = command("evaluate", "mnist", "--images", str(count), "--report", folder)
                whole = time.perf_counter() - started
            run = {
                "images": count,
                "seconds": found["seconds"],
                "process_seconds": round(whole, 1),
                "peak_memory_gb": round(found["peak_memory_gb"], 3),
            }
            runs.append(run)
            out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            print(f"| {count:,} | {run['seconds']} | {run['process_seconds']} | {run['peak_memory_gb']} |", flush=True)
    print("\n| training, seconds | with scores | added |\n|---|---|---|")
    for _ in range(times):
        plain, scored = (training_seconds(trained, options) for options in ((), ("--evaluate-every", str(evaluate_every))))
        pair = {"images": trained, "evaluate_every": evaluate_every, "seconds": plain, "seconds_with_scores": scored}
        pairs.append(pair | {"added": round(scored / plain - 1, 4)})
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"| {plain} | {scored} | {pairs[-1]['added']:.1%} |", flush=True)


def training_seconds(images: int, options: tuple[str, ...]) -> float:
    """Seconds of a training of `fast`, as its own history counts them."""
    with tempfile.TemporaryDirectory() as folder:
        found = train("fast", "--images", str(images), "--seed", "0", *options, folder=Path(folder) / "run")
    return round(found["seconds"], 1)


if __name__ == "__main__":
    tyro.cli(main)
