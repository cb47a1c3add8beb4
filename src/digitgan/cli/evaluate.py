"""`digitgan evaluate`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import EvaluateOptions, Fields, Json, Quiet

if TYPE_CHECKING:
    from rich.console import Console

    from digitgan.evaluation.summary import Chunk


def evaluate(options: Fields[EvaluateOptions], *, quiet: Quiet = False, json_: Json = False) -> None:
    """Measure the quality of the images of a model or of a file, and write report.html and report.json."""
    import_torch()

    from digitgan.evaluation import run
    from digitgan.session.callbacks.progress import console_printer

    output = Output(quiet, json_)
    console = Output(quiet or json_, json_).console()
    found = run.evaluate(options, console_printer(console), functools.partial(_watched, console))
    output.lines(*_table(found.record), f"report     {found.html}")
    output.result({**found.record, "report": str(found.html)})


def _watched(console: Console, chunks: Iterator[Chunk], count: int) -> Iterator[Chunk]:
    """Yield the chunks while a progress bar shows the number of generated and classified images."""
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=console.quiet or not console.is_terminal) as progress:
        task = progress.add_task("generating and classifying", total=count)
        for images, labels in chunks:
            yield images, labels
            progress.advance(task, len(images))


def _table(record: dict[str, Any]) -> list[str]:
    rows = [f"{'':22} {'value':>10}  {'95 % interval':>23}  {'real baseline':>13}"]
    for metric in record["metrics"].values():
        if metric["missing"]:
            rows.append(f"{metric['title']:22} {metric['missing']}")
            continue
        between = f"{metric['low']:.4g} to {metric['high']:.4g}"
        baseline = "–" if metric["baseline"] is None else f"{metric['baseline']:.4g}"
        rows.append(f"{metric['title']:22} {metric['value']:>10.4g}  {between:>23}  {baseline:>13}")
    near = record["memorisation"]["closer_than_any_held_out"]
    rows.append(f"{'Memorised':22} {near:>10.2%}  of the images are nearer to a training image than the nearest held-out image")
    if record["train_on_synthetic"]:
        tstr = record["train_on_synthetic"]
        rows.append(
            f"{'Train on synthetic':22} {tstr['train_synthetic_test_real']:>10.2%}  accuracy on real images after training on "
            f"these; after training on real images {tstr['train_real_test_real']:.2%}"
        )
    if record["inception"]:
        seen = record["inception"]
        rows.append(f"{'FID by Inception':22} {seen['frechet_distance']:>10.4g}  {'':>23}  {seen['frechet_baseline']:>11.4g}")
        rows.append(f"{'KID by Inception':22} {seen['kernel_distance']:>10.4g}  {'':>23}  {seen['kernel_baseline']:>11.4g}")
    return [record["headline"], "", *rows, *(f"warning: {flag}" for flag in record["flags"]), ""]
