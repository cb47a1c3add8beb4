"""`digitgan data show`, `digitgan data verify` and `digitgan doctor`."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Literal

from digitgan.cli.output import Output
from digitgan.errors import DataError
from digitgan.options import DataDir, Device, Flag, Json, Out, Overwrite, PerClassLimit, Quiet, Show

SHOWN_IMAGES = 25
"""Images that `digitgan data show` draws."""


def data_show(
    source: str = "mnist",
    /,
    *,
    split: Literal["train", "test"] = "train",
    data_dir: DataDir = None,
    per_class_limit: PerClassLimit = None,
    out: Out = None,
    overwrite: Overwrite = False,
    show: Show = True,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Draw the first 25 images of a data source as one picture. Grey images are inverted, so that ink is dark.

    Args:
        source: {digitgan.data:DATASETS}, digits, {digitgan.data:READERS}
        split: split of the source
        out: output picture (default: first-25.png, or the next free name)
    """
    from digitgan.data import load_image_set
    from digitgan.files import claim_output, free_path
    from digitgan.images import enlarged, grid, save_png

    output = Output(quiet, json_)
    image_set = load_image_set(source, split, data_dir, notify=output.notify, per_class_limit=per_class_limit)
    path = out or free_path(Path(f"first-{SHOWN_IMAGES}.png"))
    claim_output(path, ".png", overwrite=overwrite)
    first = image_set.images[:SHOWN_IMAGES]
    paper = 255 if first.ndim == 3 else 0  # colour images are not inverted
    save_png(path, enlarged(grid(255 - first if paper else first, columns=5, background=paper), 3))
    if show:
        output.picture(path)
    output.lines(f"first 25 of {image_set.name}  {path}")
    output.result({"out": str(path), "name": image_set.name})


def data_verify(
    source: str = "mnist",
    /,
    *,
    data_dir: DataDir = None,
    per_class_limit: PerClassLimit = None,
    download: Flag = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Verify a data source, and print the number of images of each class.

    Args:
        source: {digitgan.data:DATASETS}, digits, {digitgan.data:READERS}
        download: first download a data set that is missing
    """
    from digitgan.data import verify

    output = Output(quiet, json_)
    found = verify(source, data_dir, per_class_limit, output.notify, download)
    for split, facts in found.items():
        channels, height, width = facts["shape"]
        output.lines(f"{split}: {facts['images']:,} images {height}x{width}x{channels}, SHA-256 {facts['content_hash']}")
        output.lines(*(f"  {name:<12}{count:>8,}" for name, count in facts["counts"].items()))
    output.result({split: dict(facts) for split, facts in found.items()})


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
    output.lines(*(f"{name.replace('_', ' '):<18}{value}" for name, value in facts.items()))
    output.result(facts)


def _facts_of_machine(device: str) -> dict[str, Any]:
    import torch

    from digitgan.data import data_folder
    from digitgan.device import choose_device, choose_precision, use_threads
    from digitgan.files import file_hash
    from digitgan.model.registry import shipped_models
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
        "data_folder": str(data_folder()),
        "mnist": _facts_of_mnist(),
        **{f"model_{name}": f"SHA-256 {file_hash(path)}" for name, path in shipped_models().items()},
    }


def _facts_of_mnist() -> str:
    from digitgan.data import load_image_set

    try:
        found = load_image_set("mnist", allow_download=False)
    except DataError as problem:
        return f"not usable: {problem}"
    return f"{len(found):,} training images"
