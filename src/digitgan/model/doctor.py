"""The report of `digitgan doctor` on the hardware, the software and the settings in use."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from digitgan.data import data_folder, load_image_set
from digitgan.device import choose_device, choose_precision, use_threads
from digitgan.errors import DataError
from digitgan.files import file_hash
from digitgan.model.registry import shipped_models
from digitgan.version import versions


def examine(device: str) -> dict[str, Any]:
    """Return the hardware and software of this machine and the settings that digitgan uses (`digitgan doctor`).

    Raises:
        UsageError: if the device is unknown or not available.
    """
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
        "data_folder": str(data_folder()),
        "mnist": _has_mnist(),
        **{f"model_{name}": f"SHA-256 {file_hash(path)}" for name, path in shipped_models().items()},
    }


def _has_mnist() -> str:
    try:
        found = load_image_set("mnist", allow_download=False)
    except DataError as problem:
        return f"not usable: {problem}"
    return f"{len(found):,} training images"
