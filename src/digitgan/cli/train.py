"""`digitgan train`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from digitgan.cli.output import Output
from digitgan.cli.signals import stopping_on_signals
from digitgan.cli.threads import import_torch
from digitgan.options import Fields, Flag, Json, Quiet, TrainOptions

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
