"""`digitgan sample` and `write`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.arguments import Device, Flag, Json, Unset
from digitgan.subcommands.output import Output


def sample(
    model: str = "mnist",
    /,
    *,
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None,
    per_class: Annotated[int | None, arg(help_behavior_hint="(default: 10)")] = None,
    count: Annotated[int | None, Unset] = None,
    zero_latent: Flag = False,
    seed: int = 0,
    format_: Annotated[str, arg(name="format", metavar="png|folder|npz|idx")] = "png",
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Draw labelled images from a model.

    Args:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        labels: which classes; of conditional models
        per_class: so many images of each
        count: so many images in all, the classes taking turns
        zero_latent: the image of the all-zero latent instead, one of each class
        seed: image i is a function of the model, this seed, i and its label
        format_: one picture of all, a folder of pictures, a NumPy archive, or MNIST's own format
        out: where to (default: samples.png or the like, or the next free name)
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.actions import draw_to_file

    drawn = draw_to_file(
        model,
        labels=labels,
        per_class=per_class,
        count=count,
        zero_latent=zero_latent,
        seed=seed,
        format_name=format_,
        out=out,
        overwrite=overwrite,
        device=device,
        console=Output(quiet or json_, json_).console(),
    )
    output = Output(quiet, json_)
    output.lines(f"{drawn.count:,} images  {drawn.path}")
    output.result({"out": str(drawn.path), "images": drawn.count, "counts": drawn.counts, "model": model, "seed": seed})


def write(
    text: str,
    model: str = "mnist",
    /,
    *,
    seed: int = 0,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Write a string of digits as one picture, in one hand.

    Args:
        text: what to write, such as 2026
        model: a run's folder, a model file, or the name of a shipped model
        seed: another seed, another hand
        out: the picture (default: TEXT.png, or the next free name)
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.actions import write_to_file

    path = write_to_file(text, model, seed=seed, out=out, overwrite=overwrite, device=device)
    output = Output(quiet, json_)
    output.lines(f"{text!r}  {path}")
    output.result({"out": str(path), "text": text, "model": model, "seed": seed})
