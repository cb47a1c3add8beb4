"""`digitgan train`, `digitgan recipes`, `digitgan animate` and `digitgan plot`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from digitgan.cli.output import Output
from digitgan.cli.signals import stopping_on_signals
from digitgan.cli.threads import import_torch
from digitgan.options import Fields, Flag, Json, Out, Overwrite, Quiet, TrainOptions, Unset

if TYPE_CHECKING:
    from digitgan.session.plan import TrainPlan
    from digitgan.session.session import TrainingResult


def train(options: Fields[TrainOptions], *, dry_run: Flag = False, quiet: Quiet = False, json_: Json = False) -> None:
    """Train a GAN and write a run: model, previews, curves, animation and checkpoints.

    Ctrl-C or SIGTERM ends the training after the current step, with a checkpoint and a usable model. The exit code is then 130
    or 143. Continue with --resume.

    Args:
        dry_run: print the plan, write nothing
    """
    import_torch()

    from digitgan.device import seconds_of_process
    from digitgan.errors import DivergenceError
    from digitgan.session.account import TimeAccount
    from digitgan.session.callbacks.progress import console_printer
    from digitgan.session.plan import plan_training
    from digitgan.session.session import run_training
    from digitgan.training import Control

    output = Output(quiet, json_)
    console = output.console()
    plan = plan_training(options, console_printer(console), TimeAccount(seconds_of_process()))
    control = Control()
    if plan.follows and not dry_run:
        with stopping_on_signals(control, quiet=True) as received:  # the leading process decides when to stop
            result = run_training(plan, console, "none", control)
        _end(result, received)
    if plan.follows:
        return
    if dry_run:
        memory = plan.memory()
        told = "memory   unknown" if memory is None else f"memory   {memory.text}"
        output.lines(*plan.summary(), told, "dry run: nothing was written")
        output.result({**plan.facts(), "run": str(plan.run.path), "memory": memory and memory.facts(), "dry_run": True})
        return
    console.print("\n".join(plan.summary()), markup=False)
    with stopping_on_signals(control, quiet=quiet) as received:
        try:
            result = run_training(plan, console, "none" if quiet else "auto", control)
        except DivergenceError:
            _report_failure(plan, output)
            raise
    plan = result.plan or plan  # with the length that was decided during the training
    run = plan.run
    warnings = [*result.warnings, *([short] if (short := plan.too_short()) else [])]
    budget = "" if options.minutes is None else f" of {60 * options.minutes:g} s"
    state = "finished" if result.finished else f"stopped; continue with: digitgan train --resume --out {run.path}"
    output.lines(
        f"run        {run.path}  ({result.images_seen:,} images in {result.seconds:.1f} s, {state})",
        *([f"model      {run.model}"] if run.model.exists() else []),
        *([f"best       {run.best}"] if run.best.exists() else []),
        *([f"previews   {run.previews}"] if run.previews.exists() else []),
        *([f"curves     {run.curves}"] if run.curves.exists() else []),
        *([f"animation  {run.animation}"] if run.animation.exists() else []),
        *([f"repeat     {plan.command}"] if plan.command else []),
        f"time       {plan.account.seconds:.1f} s{budget}: {plan.account}",
        *(f"warning    {each}" for each in warnings),
    )
    output.result(
        {
            **plan.facts(),
            "run": str(run.path),
            "model": str(run.model),
            "images_seen": result.images_seen,
            "seconds": result.seconds,
            "time": {"whole": round(plan.account.seconds, 3), **plan.account.facts()},
            "rollbacks": result.rollbacks,
            "finished": result.finished,
            "warnings": warnings,
            **({"command": plan.command} if plan.command else {}),
            **({"from": plan.start.record()} if plan.start is not None else {}),
        }
    )
    _end(result, received)


def _report_failure(plan: TrainPlan, output: Output) -> None:
    """Print the JSON object of a training that the guard has given up."""
    record = plan.run.read_record()
    kept = {name: record.get(name) for name in ("status", "diagnosis", "images_seen", "seconds", "rollbacks", "warnings")}
    model = str(plan.run.model) if plan.run.model.exists() else None
    facts = {**plan.facts(), "images": record.get("images")}  # the length may have been decided during the training
    output.result({**facts, "run": str(plan.run.path), "model": model, **kept, "finished": False})


def _end(result: TrainingResult, received: list[int]) -> None:
    """Exit with the code of the signal that stopped the training: first Ctrl-C or SIGTERM, then any other, or SIGTERM."""
    if not result.finished:
        asked = [number for number in received if number in (signal.SIGINT, signal.SIGTERM)]
        sys.exit(128 + (asked or received or [signal.SIGTERM])[0])


def recipes(
    name: Annotated[str | None, Unset] = None,
    /,
    *,
    summary: Flag = False,
    diagram: Flag = False,
    untrained: Flag = False,
    out: Out = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """List the recipes, or print one recipe as TOML for --config.

    Args:
        name: recipe to print
        summary: print the layers of its networks instead, for images of the size of MNIST
        diagram: draw its networks instead, for images of the size of MNIST
        untrained: print instead the score that its untrained discriminator gives to an image of its untrained generator
        out: output diagram (default: NAME.png, or the next free name)
    """
    import dataclasses

    from digitgan.errors import UsageError
    from digitgan.recipes import DEFAULT_RECIPE, RECIPES, find_recipe, to_toml

    if untrained and (summary or diagram):
        raise UsageError(f"--untrained, --{'summary' if summary else 'diagram'}: give only one of them")
    if not diagram and (out is not None or overwrite):
        raise UsageError(f"--{'overwrite' if out is None else 'out'}: applies only to a diagram; add --diagram, or omit it")
    output = Output(quiet, json_)
    if untrained:
        from digitgan.networks.summary import score_untrained

        found = score_untrained(name or DEFAULT_RECIPE)
        output.lines(f"score of an untrained image by the untrained discriminator: {found['score']:+.4f}")
        output.lines(f"probability of being real: {found['probability']:.4f}")
        output.lines("The weights are random: the mean over many seeds is 0.5, but one discriminator may be far from it.")
        output.result({"recipe": name or DEFAULT_RECIPE, **found})
        return
    if summary or diagram:
        from digitgan.networks.summary import describe_recipe

        described = describe_recipe(name, summary=summary, diagram=diagram, out=out, overwrite=overwrite)
        output.lines(*described.tables, *([str(described.picture)] if described.picture else []))
        output.result({"recipe": name, "parameters": described.parameters, "out": described.picture and str(described.picture)})
        return
    if name is not None:
        recipe = find_recipe(name)
        output.lines(to_toml(recipe).rstrip())
        output.result(dataclasses.asdict(recipe))
        return
    width = max(map(len, RECIPES)) + 2
    output.lines(*(f"{recipe.name:<{width}}{recipe.description}" for recipe in RECIPES.values()))
    output.result({recipe.name: recipe.description for recipe in RECIPES.values()})


def animate(
    run: Path,
    /,
    *,
    out: Out = None,
    rows: Flag = False,
    milliseconds: int = 120,
    overwrite: Flag = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Make a GIF of the previews of a run, finished or still training.

    Args:
        run: folder of the run
        out: output GIF (default: training.gif or, with --rows, rows.gif in the run's folder, which is replaced)
        rows: show the images of its model row by row (recurrent recipes only)
        milliseconds: duration of each frame, 20 to 60000
        overwrite: replace an existing --out
    """
    from digitgan.session.plots import animate_run

    path, frames = animate_run(run, out=out, rows=rows, milliseconds=milliseconds, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(f"{frames} {'rows' if rows else 'previews'}  {path}")
    output.result({"out": str(path), "rows" if rows else "previews": frames})


def plot(
    run: Path,
    /,
    *,
    out: Out = None,
    overwrite: Flag = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Plot the losses and the scores of a run, finished or still training, over the images seen.

    Args:
        run: folder of the run
        out: output picture (default: losses.png in the run's folder, which is replaced)
        overwrite: replace an existing --out
    """
    from digitgan.session.plots import plot_run

    path = plot_run(run, out=out, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(str(path))
    output.result({"out": str(path)})
