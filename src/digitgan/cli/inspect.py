"""`digitgan data show`, `digitgan data verify` and `digitgan doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from digitgan.cli.output import Output
from digitgan.cli.parser import Json
from digitgan.options import Device, Flag, Unset


def data_show(
    source: str = "mnist",
    /,
    *,
    split: Literal["train", "test"] = "train",
    data_dir: Annotated[Path | None, Unset] = None,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Draw the first 25 images of a data source, in inverted grey.

    Args:
        source: mnist, digits, a folder or an NPZ file
        split: split of the source
        data_dir: folder of downloaded data sets (default: $DIGITGAN_DATA, or the user's cache folder)
        out: output picture (default: first-25.png, or the next free name)
        overwrite: replace an existing output
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.data.sources import show_data

    path, image_set = show_data(source, split=split, data_dir=data_dir, out=out, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(f"first 25 of {image_set.name}  {path}")
    output.result({"out": str(path), "name": image_set.name})


def data_verify(
    source: str = "mnist",
    /,
    *,
    data_dir: Annotated[Path | None, Unset] = None,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Verify a data source, and print the number of images of each class.

    Args:
        source: mnist, digits, a folder or an NPZ file
        data_dir: folder of downloaded data sets (default: $DIGITGAN_DATA, or the user's cache folder)
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.data import verify

    found = verify(source, data_dir)
    output = Output(quiet, json_)
    for split, facts in found.items():
        channels, height, width = facts["shape"]
        output.lines(f"{split}: {facts['images']:,} images {height}x{width}x{channels}, SHA-256 {facts['content_hash']}")
        output.lines(*(f"  {name:<12}{count:>8,}" for name, count in facts["counts"].items()))
    output.result({split: dict(facts) for split, facts in found.items()})


def doctor(
    *,
    device: Device = "auto",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Print the hardware and the software of this machine, and the defaults that follow from them.

    Args:
        device: device to examine
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.model.doctor import examine

    output = Output(quiet, json_)
    facts = examine(device)
    output.lines(*(f"{name.replace('_', ' '):<18}{value}" for name, value in facts.items()))
    output.result(facts)
