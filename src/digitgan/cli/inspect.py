"""`digitgan data show`, `data verify` and `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Device, Flag, Json, Unset


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
    """Draw the first 25 images of a data source, in reversed grey.

    Args:
        source: mnist, digits, a folder or a FILE.npz
        split: which part
        data_dir: where downloaded data sets lie (default: $DIGITGAN_DATA, or the user's cache folder)
        out: the picture (default: first-25.png, or the next free name)
        overwrite: replace what is there
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.data.show import show_data

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
    """Check a data source, and print how many images each class has.

    Args:
        source: mnist, digits, a folder or a FILE.npz
        data_dir: where downloaded data sets lie (default: $DIGITGAN_DATA, or the user's cache folder)
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
    untrained: Annotated[str | None, arg(metavar="RECIPE", help_behavior_hint="")] = None,
    device: Device = "auto",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Say what this machine has and what will be used of it.

    Args:
        untrained: say instead what this recipe's untrained discriminator thinks of an untrained generator's image
        device: which device to ask about
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.model.doctor import examine
    from digitgan.networks.describe import score_untrained

    output = Output(quiet, json_)
    if untrained is not None:
        told = score_untrained(untrained)
        output.lines(f"untrained {untrained}: its discriminator gives its generator's image the score {told['score']:+.4f}")
        output.lines(f"as a probability of being real: {told['probability']:.4f}; a half is no idea at all")
        output.result({"recipe": untrained, **told})
        return
    facts = examine(device)
    output.lines(*(f"{name.replace('_', ' '):<18}{value}" for name, value in facts.items()))
    output.result(facts)
