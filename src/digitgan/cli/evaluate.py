"""`digitgan evaluate`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Device, Flag, Json, Unset
from digitgan.cli.threads import share_cores

if TYPE_CHECKING:
    from rich.console import Console

    from digitgan.evaluation.summary import Chunk


def evaluate(
    source: Annotated[str, arg(metavar="MODEL|IMAGES.npz")] = "mnist",
    /,
    *,
    data: Annotated[str | None, arg(help_behavior_hint="(default: what the model was trained on, or mnist)")] = None,
    data_dir: Annotated[Path | None, Unset] = None,
    images: Annotated[int | None, arg(help_behavior_hint="(default: 10000, or as many as training images)")] = None,
    seed: Annotated[int | None, arg(help_behavior_hint="(default: 0)")] = None,
    reference: Literal["test", "train"] = "test",
    train_on_synthetic: Flag = False,
    inception: Annotated[Path | None, Unset] = None,
    report: Annotated[Path | None, arg(help_behavior_hint="(default: the run's folder, or report, report-2, …)")] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Say what a model's images are worth, or those of a file, beside real ones: report.html and report.json.

    Args:
        source: a run's folder, a model file, the name of a shipped model, or images as NPZ
        data: the real images: mnist, digits, a folder or an NPZ file
        data_dir: where downloaded data sets lie
        images: how many are drawn from a model
        seed: image i is a function of the model, this seed, i and its label
        reference: compare with held-out images, or with training images
        train_on_synthetic: train a classifier on the images, and try it on real ones (some minutes)
        inception: a file of Inception's weights, to compare by its features too (FID and KID; many minutes)
        report: the folder for report.html and report.json
        overwrite: replace a report that is there
        device: where images are drawn
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan import api
    from digitgan.session.session import console_printer

    output = Output(quiet, json_)
    console = Output(quiet or json_, json_).console()
    found = api.evaluate(
        source,
        data=data,
        data_dir=data_dir,
        images=images,
        seed=seed,
        reference=reference,
        train_on_synthetic=train_on_synthetic,
        inception=inception,
        report=report,
        overwrite=overwrite,
        device=device,
        notify=console_printer(console),
        track=functools.partial(_watched, console),
    )
    output.lines(*_table(found.record), f"report     {found.html}")
    output.result({**found.record, "report": str(found.html)})


def _watched(console: Console, chunks: Iterator[Chunk], count: int) -> Iterator[Chunk]:
    """The chunks, while a bar shows how many of the images have been drawn and judged."""
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=console.quiet or not console.is_terminal) as progress:
        task = progress.add_task("drawing and judging", total=count)
        for images, labels in chunks:
            yield images, labels
            progress.advance(task, len(images))


def _table(record: dict[str, Any]) -> list[str]:
    rows = [f"{'':22} {'value':>10}  {'95 % interval':>23}  {'real images':>11}"]
    for metric in record["metrics"].values():
        if metric["missing"]:
            rows.append(f"{metric['title']:22} {metric['missing']}")
            continue
        between = f"{metric['low']:.4g} to {metric['high']:.4g}"
        baseline = "–" if metric["baseline"] is None else f"{metric['baseline']:.4g}"
        rows.append(f"{metric['title']:22} {metric['value']:>10.4g}  {between:>23}  {baseline:>11}")
    near = record["memorisation"]["closer_than_any_held_out"]
    rows.append(f"{'Memorised':22} {near:>10.2%}  nearer to a training image than any held-out one")
    if record["train_on_synthetic"]:
        tstr = record["train_on_synthetic"]
        rows.append(
            f"{'Useful':22} {tstr['drawn_on_real']:>10.2%}  right on real images after learning from these; "
            f"from real ones {tstr['real_on_real']:.2%}"
        )
    if record["inception"]:
        seen = record["inception"]
        rows.append(f"{'FID by Inception':22} {seen['frechet_distance']:>10.4g}  {'':>23}  {seen['frechet_baseline']:>11.4g}")
        rows.append(f"{'KID by Inception':22} {seen['kernel_distance']:>10.4g}  {'':>23}  {seen['kernel_baseline']:>11.4g}")
    return [record["headline"], "", *rows, *(f"mind: {flag}" for flag in record["flags"]), ""]
