"""`digitgan sample` and `write`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Device, Flag, Json, Unset
from digitgan.cli.threads import share_cores


def sample(
    model: str = "mnist",
    /,
    *,
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None,
    per_class: Annotated[int | None, arg(help_behavior_hint="(default: 10)")] = None,
    count: Annotated[int | None, Unset] = None,
    weights: Annotated[str | None, arg(metavar="0:3,1:1", help_behavior_hint="")] = None,
    zero_latent: Flag = False,
    seed: int = 0,
    truncation: Annotated[float | None, Unset] = None,
    min_confidence: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None,
    unique: Flag = False,
    statement: Flag = False,
    data: Annotated[str | None, arg(help_behavior_hint="(default: what the model was trained on)")] = None,
    data_dir: Annotated[Path | None, Unset] = None,
    format_: Annotated[str, arg(name="format", metavar="png|folder|npz|idx|parquet")] = "png",
    shard_size: Annotated[int | None, Unset] = None,
    workers: int = 1,
    out: Annotated[Path | None, Unset] = None,
    resume: Flag = False,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Draw labelled images from a model: a picture of some, or a set of millions.

    Args:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        labels: which classes; of conditional models
        per_class: so many images of each
        count: so many images in all, the classes taking turns
        weights: proportions of classes, by which --count is divided up
        zero_latent: the image of the all-zero latent instead, one of each class
        seed: image i is a function of the model, this seed, i and its label (and of the filters, where there are any)
        truncation: keep the latents within plus and minus this: likelier images, of less variety
        min_confidence: draw anew what the classifier doesn't take for its class with this probability
        unique: draw anew what is nearer to a training image than real images come
        statement: a card in the set that says what its images are worth (some minutes)
        data: what filters and statement know as real images
        data_dir: where downloaded data sets lie
        format_: one picture of all, a folder of pictures, a NumPy archive, MNIST's own format, or Parquet
        shard_size: a set of several files with so many images each, and a manifest
        workers: processes that draw the set; it is the same however many
        out: where to (default: samples.png or the like, or the next free name)
        resume: go on with a set that was interrupted
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan.generation import SampleRequest, sample_to_files
    from digitgan.session.session import console_printer

    request = SampleRequest(
        model=model,
        labels=labels,
        per_class=per_class,
        count=count,
        weights=weights,
        zero_latent=zero_latent,
        seed=seed,
        truncation=truncation,
        min_confidence=min_confidence,
        unique=unique,
        statement=statement,
        data=data,
        data_dir=data_dir,
        format=format_,
        shard_size=shard_size,
        workers=workers,
        out=out,
        resume=resume,
        overwrite=overwrite,
        device=device,
    )
    console = Output(quiet or json_, json_).console()
    drawn = sample_to_files(request, console, console_printer(console))
    if request.sharded and drawn.manifest is None:
        return  # of several processes that torchrun started, the first one tells
    output = Output(quiet, json_)
    output.lines(f"{drawn.count:,} images  {drawn.path}")
    if drawn.accepted:
        least = min((share, name) for name, share in drawn.accepted.items() if share is not None)
        output.lines(f"passed the filters: {least[0]:.1%} of class {least[1]}, and more of the others")
    facts = {"out": str(drawn.path), "images": drawn.count, "counts": drawn.counts, "model": model, "seed": seed}
    output.result({**facts, "accepted": drawn.accepted})


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
    """Write a string of digits as one picture, in one hand.

    Args:
        text: what to write, such as 2026 or 2026-11-22
        model: a run's folder, a model file, or the name of a shipped model
        seed: another seed, other hands
        style: which of the seed's hands
        repeat: a folder of so many pictures, each in another hand from that style on, with truth.csv
        out: the picture or folder (default: TEXT.png or TEXT, or the next free name)
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.generation.writings import write_to_file

    path = write_to_file(text, model, seed=seed, style=style, repeat=repeat, out=out, overwrite=overwrite, device=device)
    output = Output(quiet, json_)
    output.lines(f"{text!r}  {path}")
    output.result({"out": str(path), "text": text, "model": model, "seed": seed, "style": style})
