"""What an evaluation costs: seconds and memory of `digitgan evaluate`, for 10,000 and for 100,000 drawn images.

    python benchmarks/evaluation.py

The real command is run in a process of its own, by all metrics but train-on-synthetic, against MNIST's 10,000 test images.
What is kept of the real images is put aside at first, so that the first of each number finds it anew. `seconds` is what the
report says, drawing included; `process_seconds` the whole command, with loading torch and MNIST, and finding the real side. The
results go to benchmarks/results/evaluation.json, and a table to standard output.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro
from judging import RESULTS, command
from machine import machine

from digitgan.data import data_folder


def main(images: tuple[int, ...] = (10_000, 100_000), times: int = 3, out: Path = RESULTS / "evaluation.json") -> None:
    """Measure, print a table, write the JSON.

    Args:
        images: drawn from the shipped model; each number in turn.
        times: how many times all of it.
        out: where the results go.
    """
    here, runs = machine(), list[dict[str, Any]]()
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
            report = {"question": "what an evaluation costs", "runs": runs, "machine": here}
            out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            print(f"| {count:,} | {run['seconds']} | {run['process_seconds']} | {run['peak_memory_gb']} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
