"""Measure the speed of training on a GPU and the share of its peak performance.

    python benchmarks/gpu.py [--recipes fast,dcgan] [--batch-sizes 128,1024]

For each recipe and batch size: images per second and milliseconds per step, in float32 and bfloat16. Then the same for a
step without penalty, with its share of the GPU's peak: the speed of a product of two 8192 x 8192 matrices in bfloat16,
measured in the same run. `torch.utils.flop_counter` counts the operations; it does not see inside recurrent layers, so no
share is given for those. `graph` is that step recorded once as a CUDA graph and replayed: the time that remains when the CPU
has nothing to launch. Its optimisers keep one learning rate, so it measures speed and trains nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from machine import machine
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from digitgan.device import prepare
from digitgan.networks import ImageSpec
from digitgan.recipes import RECIPES, Recipe
from digitgan.training.speed import Trial

RESULTS = Path(__file__).with_name("results")
REPEATS = 3
STEPS = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default="fast,mask-cgan-fixed,onehot-cgan-fixed,dcgan,lstm-cgan")
    parser.add_argument("--batch-sizes", default="128,1024")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json")
    options = parser.parse_args()
    device, _ = prepare("cuda")
    peak = _peak()
    rows: list[dict[str, Any]] = []
    found = {
        "question": "images per second of training on a GPU, and the share of its peak",
        "machine": machine(),
        "peak_tflops": round(peak / 1e12, 1),
        "rows": rows,
    }
    print(f"{torch.cuda.get_device_name()}: {peak / 1e12:.0f} TFLOP/s")
    for name in options.recipes.split(","):
        for size in map(int, options.batch_sizes.split(",")):
            for precision in ("float32", "bfloat16"):
                rows.append(_row(name, size, precision, device, peak))
                print(rows[-1], flush=True)
                options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _peak() -> float:
    """Return the floating-point operations per second of a large bfloat16 matrix product."""
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        left @ right
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(20):
        left @ right
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - started)


def _row(name: str, size: int, precision: str, device: torch.device, peak: float) -> dict[str, Any]:
    recipe = RECIPES[name]
    recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, batch_size=size))
    spec = ImageSpec(1, 28, 28, 10 if recipe.conditional else 1)
    trial, interval = Trial(recipe, spec, device, precision), recipe.penalty.interval
    steps = -(-STEPS // interval) * interval  # whole penalty intervals, so that the penalty counts in proportion
    trial.seconds(steps)
    seconds = statistics.median(trial.seconds(steps) for _ in range(REPEATS)) / steps
    return {
        "recipe": name,
        "batch_size": size,
        "precision": precision,
        "images_per_second": round(size / seconds),
        "step_ms": round(1000 * seconds, 3),
        "without_penalty": _without_penalty(recipe, spec, precision, device, peak),
        "memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
    }


def _without_penalty(recipe: Recipe, spec: ImageSpec, precision: str, device: torch.device, peak: float) -> dict[str, Any]:
    """Return the milliseconds of a step without penalty, its share of the peak, and its milliseconds as a CUDA graph."""
    recipe = dataclasses.replace(recipe, penalty=dataclasses.replace(recipe.penalty, interval=10**9))
    trial = Trial(recipe, spec, device, precision)
    trial.seconds(STEPS)
    seconds = statistics.median(trial.seconds(STEPS) for _ in range(REPEATS)) / STEPS
    networks = nn.ModuleList([trial.trainer.generator, trial.trainer.discriminator])
    row: dict[str, Any] = {"step_ms": round(1000 * seconds, 3)}
    if not any(isinstance(layer, nn.RNNBase) for layer in networks.modules()):
        with FlopCounterMode(display=False) as counter:
            trial.seconds(1)
        row["share_of_peak"] = round(counter.get_total_flops() / seconds / peak, 5)
    graph = _graph_milliseconds(trial)
    if isinstance(graph, float) and "share_of_peak" in row:
        row["graph_share_of_peak"] = round(row["share_of_peak"] * row["step_ms"] / graph, 5)
    return row | {"graph_step_ms": graph}


def _graph_milliseconds(trial: Trial) -> float | str:
    """Return the milliseconds of a step replayed as a CUDA graph, or the reason why it cannot be recorded."""
    for optimizer in (trial.trainer.generator_optimizer, trial.trainer.discriminator_optimizer):
        optimizer.param_groups[0]["capturable"] = True
    try:
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                trial.trainer.step(trial.batch, trial.noise)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            trial.trainer.step(trial.batch, trial.noise)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(200):
        graph.replay()
    torch.cuda.synchronize()
    return round((time.perf_counter() - started) / 200 * 1000, 3)


if __name__ == "__main__":
    main()
