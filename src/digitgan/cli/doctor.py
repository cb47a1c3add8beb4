"""`digitgan doctor`."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

from digitgan.cli.output import Output
from digitgan.errors import DataError, DigitganError, nearest
from digitgan.lookup import entries_of_packages
from digitgan.options import Device, Json, Quiet

if TYPE_CHECKING:
    import torch


def doctor(
    *,
    device: Device = "auto",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Print the hardware and the software of this machine, and the defaults that follow from them.

    Args:
        device: device to examine
    """
    output = Output(quiet, json_)
    facts = _facts_of_machine(device)
    for name, value in facts.items():
        lines = (value or ["none"]) if isinstance(value, list) else [value]
        output.lines(*(f"{'' if number else name.replace('_', ' '):<18}{line}" for number, line in enumerate(lines)))
    output.result(facts)


def _facts_of_machine(device: str) -> dict[str, Any]:
    import torch

    from digitgan.data import data_folder
    from digitgan.device import available_memory, choose_device, choose_precision, use_threads
    from digitgan.files import file_hash
    from digitgan.model.registry import shipped_models
    from digitgan.training.memory import in_gigabytes
    from digitgan.version import versions

    chosen, threads = choose_device(device), use_threads()
    return {
        **versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_cores": os.cpu_count(),
        "cpu_instructions": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "mps": torch.backends.mps.is_available(),
        "device": chosen.type,
        "threads": threads,
        "precision": choose_precision(chosen),
        "memory_available": "unknown" if (free := available_memory(chosen)) is None else in_gigabytes(free),
        "memory_of_fast": _memory_of_fast(chosen, threads),
        "data_folder": str(data_folder()),
        "mnist": _facts_of_mnist(),
        "added": _added_entries(),
        **{f"model_{name}": f"SHA-256 {file_hash(path)}" for name, path in shipped_models().items()},
    }


def _memory_of_fast(device: torch.device, threads: int) -> str:
    """Return the memory of a training of the default recipe on MNIST, as text."""
    from digitgan.networks import ImageSpec
    from digitgan.recipes import DEFAULT_RECIPE, find_recipe
    from digitgan.session.recipe import with_precision
    from digitgan.training.memory import estimate_memory

    recipe = with_precision(find_recipe(DEFAULT_RECIPE), device)
    found = estimate_memory(recipe, ImageSpec(1, 28, 28, 10), device, 60_000, threads)
    return "unknown" if found is None else found.text


def _added_entries() -> list[str]:
    """Return the entries that other packages add to the registries, a line each, and why one cannot be used."""
    from digitgan.plugins import registries

    lines, groups = [], {registry.group: registry for registry in registries()}
    for group, name, package in sorted(entries_of_packages()):
        fault = ""
        if group not in groups:
            fault = f": not used; there is no such group, {nearest(group, groups)}"
        else:
            try:
                groups[group][name]
            except DigitganError as problem:
                fault = f": cannot be used: {problem}"
        lines.append(f"{group}: {name} ({package}){fault}")
    return lines


def _facts_of_mnist() -> str:
    from digitgan.data import load_image_set

    try:
        found = load_image_set("mnist", allow_download=False)
    except DataError as problem:
        return f"not usable: {problem}"
    return f"{len(found):,} training images"
