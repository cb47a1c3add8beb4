"""`digitgan data show`, `digitgan data verify` and `digitgan doctor`."""

from __future__ import annotations

from typing import Literal

from digitgan.cli.output import Output
from digitgan.options import DataDir, Device, Json, Out, Overwrite, PerClassLimit, Quiet, Show


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
    """Draw the first 25 images of a data source, in inverted grey.

    Args:
        source: {digitgan.data:DATASETS}, digits, a folder or an NPZ file
        split: split of the source
        out: output picture (default: first-25.png, or the next free name)
    """
    from digitgan.data.sources import show_data

    path, image_set = show_data(
        source, split=split, data_dir=data_dir, per_class_limit=per_class_limit, out=out, overwrite=overwrite
    )
    output = Output(quiet, json_)
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
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Verify a data source, and print the number of images of each class.

    Args:
        source: {digitgan.data:DATASETS}, digits, a folder or an NPZ file
    """
    from digitgan.data import verify

    found = verify(source, data_dir, per_class_limit)
    output = Output(quiet, json_)
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
    from digitgan.model.doctor import examine

    output = Output(quiet, json_)
    facts = examine(device)
    output.lines(*(f"{name.replace('_', ' '):<18}{value}" for name, value in facts.items()))
    output.result(facts)
