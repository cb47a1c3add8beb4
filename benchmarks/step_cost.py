"""Profile a training step and compare its speed with the peak performance of the machine.

    python benchmarks/step_cost.py

The floating-point operations of a step are counted (torch.utils.flop_counter: matrix products and convolutions, forward and
backward; a multiplication and an addition are two). The step alternates with two reference operations in float32 and in
bfloat16: a large matrix product, and a convolution of 64 channels. The profiler (torch.profiler) then gives the share of time
of each operator. On a machine with a GPU all measurements use it. An operation in a step that makes the host wait for the
device then raises an error.

Write the results to benchmarks/results/step_cost.json, and tables to standard output.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import tyro
from common import RESULTS
from machine import machine
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import digitgan
from digitgan.data import Batches
from digitgan.device import prepare
from digitgan.networks import ImageSpec
from digitgan.recipes import find_recipe, with_settings
from digitgan.training import NoiseSource, Trainer

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ROUNDS = 9


class Player:
    """A trainer that runs whole penalty intervals.

    Attributes:
        trainer: the trainer.
        steps: number of steps in an interval.
        images: number of images in an interval.
    """

    def __init__(self, recipe: str, settings: tuple[str, ...], device: torch.device) -> None:
        chosen = with_settings(find_recipe(recipe), settings)
        data = digitgan.load_image_set("mnist")
        channels, height, width = data.shape
        self.trainer = Trainer(chosen, ImageSpec(channels, height, width, len(data.class_names)), 0, device)
        size, latent = chosen.training.batch_size, self.trainer.generator.latent
        self._batches = Batches(data, size, seed=0, device=device)
        self._draws = NoiseSource(0, latent, len(data.class_names), size, device, chosen.updates)
        self.steps = chosen.penalty.interval if chosen.penalty.name != "none" else 1
        self.images = self.steps * size

    def run(self) -> None:
        """Run one interval."""
        for _ in range(self.steps):
            seen = self.trainer.images_seen
            self.trainer.step(self._batches.at(seen), self._draws.at(seen))


class Counter(TorchDispatchMode):
    """A counter of operations with PyTorch's formulae, also in second derivatives, which FlopCounterMode omits.

    Attributes:
        flops: number of operations so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out


def main(
    recipe: str = "fast",
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    device: str = "auto",
    out: Path = RESULTS / "step_cost.json",
) -> None:
    """Measure, print tables, write the JSON.

    Args:
        recipe: name of the recipe.
        set: changes to the recipe, section.key=value.
        device: auto, cpu, cuda or mps.
        out: JSON file of the results.
    """
    chosen, threads = prepare(device)
    print(f"on {torch.cuda.get_device_name() if chosen.type == 'cuda' else f'the CPU, {threads} threads'}")
    players = {name: Player(recipe, (f"training.precision={name}", *set), chosen) for name in PRECISIONS}
    tasks: dict[str, tuple[Callable[[], None], float]] = {}
    for name, player in players.items():
        player.run()  # warm-up
        with Counter() as counter:
            player.run()
        tasks[f"step, {name}"] = player.run, counter.flops
    for name, dtype in PRECISIONS.items():
        tasks[f"matrix product, {name}"] = matrix_product(dtype, chosen)
        tasks[f"convolution, {name}"] = convolution(dtype, chosen)
    rates = measured(tasks, chosen)
    rows = []
    print("| precision | images/s | Mflop an image | Gflop/s | share of the matrix product | share of the convolution |")
    print("|---|---|---|---|---|---|")
    for name, player in players.items():
        rate, flops = rates[f"step, {name}"], tasks[f"step, {name}"][1]
        row = {
            "precision": name,
            "images_per_second": round(player.images * rate / flops, 1),
            "flops_an_image": round(flops / player.images),
            "flops_per_second": round(rate),
            "matrix_product_flops_per_second": round(rates[f"matrix product, {name}"]),
            "convolution_flops_per_second": round(rates[f"convolution, {name}"]),
        }
        rows.append(row)
        shares = [rate / rates[f"{ceiling}, {name}"] for ceiling in ("matrix product", "convolution")]
        cells = [f"{row['images_per_second']:,.0f}", f"{row['flops_an_image'] / 1e6:.1f}", f"{rate / 1e9:.1f}"]
        print(f"| {name} | {' | '.join(cells + [f'{share:.0%}' for share in shares])} |")
    operators = {name: by_operator(player, chosen) for name, player in players.items()}
    for name, shares_of in operators.items():
        print(f"\n{name}: " + ", ".join(f"{operator} {share:.0%}" for operator, share in shares_of.items()))
    report = {
        "question": "time of a step by operator, and its share of the peak performance",
        "recipe": recipe,
        "settings": list(set),
        "device": chosen.type,
        "threads": threads,
        "rows": rows,
        "share_of_time_by_operator": operators,
        "machine": machine(),
    }
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measured(tasks: dict[str, tuple[Callable[[], None], float]], device: torch.device) -> dict[str, float]:
    """Return the median operations per second of each task. The tasks alternate."""
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        for name, (task, flops) in tasks.items():
            wait(device)
            started = time.perf_counter()
            if device.type == "cuda" and name.startswith("step"):
                torch.cuda.set_sync_debug_mode("error")
            task()
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")
            wait(device)
            rates[name].append(flops / (time.perf_counter() - started))
    return {name: statistics.median(found) for name, found in rates.items()}


def matrix_product(dtype: torch.dtype, device: torch.device) -> tuple[Callable[[], None], float]:
    """Return a product of square matrices of a size for peak speed, and its number of operations."""
    side, times = (8192, 8) if device.type == "cuda" else (1024, 16)
    one = torch.randn(side, side, device=device).to(dtype)

    def multiply() -> None:
        for _ in range(times):
            one @ one

    multiply()
    return multiply, 2.0 * times * side**3


def convolution(dtype: torch.dtype, device: torch.device) -> tuple[Callable[[], None], float]:
    """Return a 3×3 convolution of 64 to 64 channels on maps of 28×28, channels last, and its number of operations."""
    batch, times = (4096, 8) if device.type == "cuda" else (64, 4)
    maps = torch.randn(batch, 64, 28, 28, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False).to(device, dtype, memory_format=torch.channels_last)

    def convolve() -> None:
        with torch.inference_mode():
            for _ in range(times):
                layer(maps)

    convolve()
    return convolve, 2.0 * times * batch * 28 * 28 * 9 * 64 * 64


def by_operator(player: Player, device: torch.device, most: int = 14) -> dict[str, float]:
    """Return the share of the step's time of each operator by itself, the largest first, and of all others together."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=kinds) as found:
        player.run()
        wait(device)
    times: dict[str, float] = {}
    for event in found.key_averages():
        own: Any = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        times[event.key] = times.get(event.key, 0.0) + own
    whole = sum(times.values())
    largest = sorted(times, key=lambda name: -times[name])[:most]
    shares = {name.removeprefix("aten::"): round(times[name] / whole, 4) for name in largest}
    return shares | {"others": round(1 - sum(shares.values()), 4)}


def wait(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    tyro.cli(main)
