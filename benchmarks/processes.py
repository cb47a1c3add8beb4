"""Measure the speed of training by two processes and the cost of their communication, and extrapolate to many GPUs.

    python benchmarks/processes.py

The same training (batches of 128 in two parts, the embedded digits) runs in three modes: one process with one thread, one
process with two threads, and two processes with one thread each under torchrun. The order is random in each round, and the
result is the median. The benchmark also counts the bytes that a step sends and the operations of a step. It measures the time
that two processes on this machine need to exchange these bytes. Write the results to benchmarks/results/processes.json, and
tables to standard output.

The table for GPUs is computed from these counts and the assumptions in `ASSUMED`. It was not measured on GPUs.
"""

from __future__ import annotations

import json
import math
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
import tyro
from common import RESULTS
from machine import machine
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from digitgan.data import Batches, sklearn_digits
from digitgan.networks import ImageSpec
from digitgan.recipes import find_recipe
from digitgan.training import NoiseSource, Trainer

RECIPES = ("fast", "quality")
BATCH, PARTS = 128, 2
SETTINGS = (
    "training.precision=float32",
    f"training.batch_size={BATCH}",
    f"updates.microbatches={PARTS}",
    "training.previews=1",
)
STEPS = 16
"""Number of steps whose operations are counted, so that a penalty with an interval counts in proportion."""

MODES = {
    "one process, one thread": (1, 1),
    "one process, two threads": (1, 2),
    "two processes, one thread each": (2, 1),
}
"""The number of processes and of threads in each."""

ASSUMED = {
    "arithmetic_per_second": 100e12,  # an H100's dense bfloat16 is 989e12; networks this small reach a tenth
    "seconds_of_launches": 4e-3,  # about 800 kernels a step, at 5 microseconds
    "bytes_per_second_in_a_machine": 300e9,  # NVLink of eight H100, of 450e9 in each direction
    "bytes_per_second_between_machines": 40e9,  # for each GPU, of 400 Gbit/s
    "seconds_of_a_hop_in_a_machine": 5e-6,
    "seconds_of_a_hop_between_machines": 15e-6,
    "gpus_in_a_machine": 8,
}
BATCHES = (128, 8_192, 131_072)
GPUS = (1, 8, 64, 1_024)


def main(images: int = 12_800, times: int = 5, out: Path = RESULTS / "processes.json") -> None:
    """Measure, print tables, write the JSON.

    Args:
        images: number of images seen by each training.
        times: number of rounds.
        out: JSON file of the results.
    """
    here = machine()
    found: dict[str, dict[str, list[float]]] = {recipe: {mode: [] for mode in MODES} for recipe in RECIPES}
    for number in range(times):
        order = [(recipe, mode) for recipe in RECIPES for mode in MODES]
        random.Random(number).shuffle(order)
        for recipe, mode in order:
            found[recipe][mode].append(speed(recipe, *MODES[mode], images))
    rows = {}
    for recipe, modes in found.items():
        medians = {mode: round(statistics.median(speeds), 1) for mode, speeds in modes.items()}
        alone, _, together = medians.values()
        sent = bytes_of_a_step(recipe)
        rows[recipe] = {
            "images_per_second": medians,
            "all": {mode: [round(value, 1) for value in values] for mode, values in modes.items()},
            "efficiency_of_two_processes": round(together / (2 * alone), 3),
            "bytes_sent_a_step": sent,
            "seconds_of_a_step_alone": round(BATCH / alone, 4),
            "seconds_to_exchange_them_here": round(exchange(sent), 5),
            "arithmetic_an_image": arithmetic(recipe),
        }
    report = {
        "question": "speed of two processes, and the cost of their communication",
        "batch": BATCH,
        "rows": rows,
        "assumed_of_gpus": ASSUMED,
        "reckoned": {recipe: reckoned(row["arithmetic_an_image"], row["bytes_sent_a_step"]) for recipe, row in rows.items()},
        "machine": here,
    }
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(
        "| recipe | "
        + " | ".join(MODES)
        + " | efficiency | bytes per step | exchange | step of one process |\n"
        + "|---" * 8
        + "|"
    )
    for recipe, row in rows.items():
        speeds = " | ".join(f"{value:,.0f}" for value in row["images_per_second"].values())
        print(
            f"| {recipe} | {speeds} | {row['efficiency_of_two_processes']:.0%} | {row['bytes_sent_a_step']:,} | "
            f"{1000 * row['seconds_to_exchange_them_here']:.1f} ms | {1000 * row['seconds_of_a_step_alone']:.0f} ms |"
        )
    for recipe, table in report["reckoned"].items():  # type: ignore[attr-defined]
        print(
            f"\n{recipe}, computed: images per second, and efficiency\n\n| batch | " + " | ".join(f"{n:,}" for n in GPUS) + " |"
        )
        print("|---" * (len(GPUS) + 1) + "|")
        for batch, cells in table.items():
            print(
                f"| {batch} | "
                + " | ".join(f"{c['per_second']:,.0f} ({c['efficiency']:.0%})" if c else "–" for c in cells)
                + " |"
            )


def speed(recipe: str, processes: int, threads: int, images: int) -> float:
    """Return the images per second of a training, without its start and end."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        settings = [f"--set={setting}" for setting in SETTINGS]
        train = ["train", recipe, "--data", "digits", "--images", str(images), "--out", str(run), "--quiet", *settings]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        subprocess.run([sys.executable, *torchrun, "-m", "digitgan", *train], check=True, env=environment)
        lines = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    first, last = lines[len(lines) // 10], lines[-1]
    return float((last["images_seen"] - first["images_seen"]) / (last["seconds"] - first["seconds"]))


def new_trainer(recipe: str) -> Trainer:
    return Trainer(find_recipe(recipe), ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))


def bytes_of_a_step(recipe: str) -> int:
    """Return the bytes of both networks' gradients in float64, which a process sends in a step."""
    trainer = new_trainer(recipe)
    networks = (trainer.generator, trainer.discriminator)
    return 8 * sum(weight.numel() for network in networks for weight in network.parameters() if weight.requires_grad)


def arithmetic(recipe: str) -> float:
    """Return the multiplications and additions of a step per image."""
    trainer = new_trainer(recipe)
    batches = Batches(sklearn_digits("train"), BATCH, 0)
    size = trainer.recipe.training.batch_size
    noise_source = NoiseSource(0, trainer.generator.latent, 10, size, torch.device("cpu"), trainer.recipe.updates)
    with Arithmetic() as counter:
        for _ in range(STEPS):
            trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
    return counter.done / trainer.images_seen


class Arithmetic(TorchDispatchMode):
    """A counter of the operations of convolutions and matrix products, also in second derivatives, which PyTorch's omits."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        result = function(*arguments, **(named or {}))
        if (count := flop_registry.get(function._overloadpacket)) is not None:
            self.done += count(*arguments, **(named or {}), out_val=result)
        return result


def exchange(size: int) -> float:
    """Return the seconds that two processes need to sum this number of bytes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.NamedTemporaryFile() as file:
        multiprocessing.spawn(_exchange, (size, port, file.name), nprocs=2)
        return float(Path(file.name).read_text(encoding="utf-8"))


def _exchange(rank: int, size: int, port: int, place: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    values, times = torch.zeros(size // 8, dtype=torch.float64), []
    for _ in range(30):
        started = time.perf_counter()
        dist.all_reduce(values)
        times.append(time.perf_counter() - started)
    if rank == 0:
        Path(place).write_text(str(statistics.median(times)), encoding="utf-8")
    dist.destroy_process_group()


def reckoned(arithmetic_an_image: float, sent: int) -> dict[int, list[dict[str, float] | None]]:
    """Return the images per second and the efficiency for each batch size and number of GPUs."""
    return {batch: [_reckoned(arithmetic_an_image, sent, batch, gpus) for gpus in GPUS] for batch in BATCHES}


def _reckoned(arithmetic_an_image: float, sent: int, batch: int, gpus: int) -> dict[str, float] | None:
    """Return the speed on a number of GPUs, or None if the batch is smaller.

    A step takes the time to compute a GPU's part of the batch, at least that of the kernel launches, and to exchange gradients.
    """
    if batch < gpus:
        return None
    alone, shared = (_compute(arithmetic_an_image * batch / count) for count in (1, gpus))
    far = gpus > ASSUMED["gpus_in_a_machine"]
    width = ASSUMED["bytes_per_second_between_machines" if far else "bytes_per_second_in_a_machine"]
    hop = ASSUMED["seconds_of_a_hop_between_machines" if far else "seconds_of_a_hop_in_a_machine"]
    # Two exchanges per step, one for each network: the bytes as in a ring, the latency as in a tree.
    agree = 2 * sent * (gpus - 1) / gpus / width + 2 * 2 * math.ceil(math.log2(gpus)) * hop if gpus > 1 else 0.0
    step = shared + agree
    return {"per_second": round(batch / step), "efficiency": round(alone / (gpus * step), 4)}


def _compute(arithmetic: float) -> float:
    return max(arithmetic / ASSUMED["arithmetic_per_second"], ASSUMED["seconds_of_launches"])


if __name__ == "__main__":
    tyro.cli(main)
