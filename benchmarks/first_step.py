"""Check that the first step of a training is bit-identical in every process.

Each trial takes the first step of a recipe and hashes the results. Some trials run in processes forked from one that has loaded
PyTorch but computed nothing, others in one process that does other work between the trials. Half of the trials run beside two
busy loops. Every recipe must have one hash.

    python benchmarks/first_step.py                          without changes
    python benchmarks/first_step.py --without-fix            with `initialize_vector_math` disabled
    python benchmarks/first_step.py --as-intel               MKL treats an AMD processor as an Intel one (needs cc)

`--as-intel` preloads a library of two lines that reports an Intel processor to MKL. On an AMD processor MKL 2024.2 selects
kernels that are not affected, so that the fault does not appear there without the option.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import hashlib
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
BATCH = 16
NARROWER = {"mask-cgan-fixed": ["generator.channels=[64, 32, 16]", "discriminator.channels=[16, 32]"]}
"""Settings of recipes whose step is slow. `mask-cgan-fixed` takes a second at full width, mostly for initialisation."""

INTEL = "int mkl_serv_intel_cpu_true(void) { return 1; }\nint mkl_serv_intel_cpu(void) { return 1; }\n"
AS_INTEL = "FIRST_STEP_AS_INTEL"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500, help="fresh processes for each recipe, half of them under load")
    parser.add_argument("--repeats", type=int, default=100, help="first steps in one process, with other work between them")
    parser.add_argument("--recipes", default="mask-cgan-fixed")
    parser.add_argument("--without-fix", action="store_true")
    parser.add_argument("--as-intel", action="store_true")
    parser.add_argument("--late-imports", action="store_true", help="let the first step import torch._dynamo")
    parser.add_argument("--quiet-only", action="store_true", help="omit the trials beside busy loops")
    parser.add_argument("--out", type=Path, default=RESULTS / "first_step.json")
    options = parser.parse_args()
    if options.as_intel and AS_INTEL not in os.environ:
        _run_as_intel()

    importlib.import_module("digitgan.training")
    if not options.late_imports:
        importlib.import_module("torch._dynamo")
    from digitgan.device import use_threads
    from digitgan.networks import base as interfaces

    _digits()
    if options.without_fix:
        interfaces.initialize_vector_math = lambda: None
    use_threads()
    rows = []
    for name in options.recipes.split(","):
        for beside in ("nothing",) if options.quiet_only else ("nothing", "two busy loops"):
            with _busy(0 if beside == "nothing" else 2):
                rows.append(_row(name, "a process each", beside, [_in_a_fork(name) for _ in range(options.trials // 2)]))
    # Last, because PyTorch's threads do not survive a fork.
    for name in options.recipes.split(","):
        with _busy(2):
            rows.append(_row(name, "one process", "two busy loops", list(_in_one_process(name, options.repeats))))
    _write(options, rows)


def _run_as_intel() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "intel.c", Path(folder) / "intel.so"
        source.write_text(INTEL, encoding="ascii")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        environment = os.environ | {"LD_PRELOAD": str(library), AS_INTEL: "1"}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode)


@contextlib.contextmanager
def _busy(loops: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _in_a_fork(name: str) -> str:
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        from digitgan.device import use_threads

        use_threads()
        os.write(write, _first_step(name).encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as answer:  # noqa: PTH123
        found = answer.read().decode()
    os.waitpid(process, 0)
    return found


def _in_one_process(name: str, repeats: int) -> Iterator[str]:
    """Yield the hashes of first steps, with other allocations, products and single-thread work between them."""
    import numpy as np
    import torch

    from digitgan.model.batching import side_by_side

    chance = random.Random(0)
    kept: list[Any] = []
    for _ in range(repeats):
        kept = [np.empty(chance.randrange(1, 200_000), np.uint8) for _ in range(chance.randrange(50))]
        kept += [torch.randn(chance.randrange(1, 200), 64) @ torch.randn(64, chance.randrange(1, 200)) for _ in range(5)]
        list(side_by_side(lambda size: torch.randn(size).exp().sum(), range(1, 4)))
        yield _first_step(name)
    del kept


@functools.cache
def _digits() -> Any:
    from digitgan.data import sklearn_digits

    return sklearn_digits("train")


def _first_step(name: str) -> str:
    import torch

    from digitgan.data import Batches
    from digitgan.networks import ImageSpec
    from digitgan.recipes import RECIPES, with_settings
    from digitgan.training import NoiseSource, Trainer

    recipe = RECIPES[name]
    settings = [f"training.batch_size={BATCH}", "training.precision=float32"]
    settings += [f"updates.generator_batch={2 * BATCH}"] if recipe.updates.generator_batch else []
    recipe = with_settings(recipe, [*settings, *NARROWER.get(name, [])])
    digits = _digits() if recipe.conditional else _digits().unlabelled()
    spec, device = ImageSpec(1, 28, 28, len(digits.class_names)), torch.device("cpu")
    trainer = Trainer(recipe, spec, 0, device)
    noise_source = NoiseSource(0, trainer.generator.latent, spec.classes, BATCH, device, recipe.updates)
    report = trainer.step(Batches(digits, BATCH, 0, device).at(0), noise_source.at(0))
    digest = hashlib.sha256(repr({term: value.item() for term, value in report.terms.items()}).encode())
    for network in (trainer.generator, trainer.discriminator):
        for tensor in network.state_dict().values():
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


def _row(name: str, where: str, beside: str, hashes: list[str]) -> dict[str, Any]:
    counts = collections.Counter(hashes).most_common()
    row = {"recipe": name, "where": where, "beside": beside, "trials": len(hashes), "hashes": dict(counts)}
    print(
        f"{time.strftime('%H:%M:%S')} {name:18} {where:15} beside {beside:15} {len(hashes):4} trials:", dict(counts), flush=True
    )
    return row


def _write(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    from machine import machine

    different = sum(row["trials"] - max(row["hashes"].values()) for row in rows)
    found = {
        "machine": machine(),
        "as_intel": options.as_intel,
        "with_fix": not options.without_fix,
        "late_imports": options.late_imports,
        "trials": sum(row["trials"] for row in rows),
        "different": different,
        "rows": rows,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{different} of {found['trials']} first steps differ from the majority; written to {options.out}")


if __name__ == "__main__":
    main()
