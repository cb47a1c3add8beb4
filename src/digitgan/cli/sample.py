"""`digitgan sample` and `digitgan write`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Json
from digitgan.cli.threads import share_cores
from digitgan.options import Device, Flag, SampleRequest, Unset


def sample(request: Annotated[SampleRequest, arg(name="")], *, quiet: Flag = False, json_: Json = False) -> None:
    """Generate labelled images with a model: a grid picture, or a data set of millions.

    Args:
        request: see `SampleRequest`
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before torch is imported

    from digitgan.generation import is_sharded, sample_to_files
    from digitgan.session.callbacks.progress import console_printer

    console = Output(quiet or json_, json_).console()
    drawn = sample_to_files(request, console, console_printer(console))
    if is_sharded(request) and drawn.manifest is None:
        return  # a torchrun process other than the first: the first one prints the result
    output = Output(quiet, json_)
    output.lines(f"{drawn.count:,} images  {drawn.path}")
    if drawn.accepted:
        least = min((share, name) for name, share in drawn.accepted.items() if share is not None)
        output.lines(f"accepted by the filters: {least[0]:.1%} of class {least[1]}, the lowest share")
    facts = {"out": str(drawn.path), "images": drawn.count, "counts": drawn.counts, "accepted": drawn.accepted}
    output.result({**facts, "model": request.model, "seed": request.seed})


def write(
    text: str,
    model: str = "mnist",
    /,
    *,
    seed: int = 0,
    style: int = 0,
    repeat: Annotated[int | None, Unset] = None,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Write a string of digits as one picture, in one style.

    Args:
        text: text to write, such as 2026 or 2026-11-22
        model: a run's folder, a model file, or the name of a shipped model
        seed: seed of the styles
        style: number of the style
        repeat: write a folder of this number of pictures in consecutive styles, starting at --style, with truth.csv
        out: output picture or folder (default: TEXT.png or TEXT, or the next free name)
        overwrite: replace an existing output
        device: device to compute on
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.generation.text import write_to_file

    path = write_to_file(text, model, seed=seed, style=style, repeat=repeat, out=out, overwrite=overwrite, device=device)
    output = Output(quiet, json_)
    output.lines(f"{text!r}  {path}")
    output.result({"out": str(path), "text": text, "model": model, "seed": seed, "style": style})
