"""`digitgan train`, `recipes`, `animate` and `plot`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Budget, Device, Flag, Json, Settings, Unset
from digitgan.cli.signals import stopping_on_signals
from digitgan.cli.threads import share_cores

if TYPE_CHECKING:
    from digitgan.session.session import TrainingResult

Source = Annotated[str | None, arg(metavar="mnist|digits|auto|FOLDER|FILE.npz", help_behavior_hint="(default: mnist)")]


def train(
    recipe: Annotated[str | None, Unset] = None,
    /,
    *,
    data: Source = None,
    data_dir: Annotated[Path | None, Unset] = None,
    out: Annotated[Path | None, Unset] = None,
    seed: Annotated[int | None, arg(help_behavior_hint="(default: 0)")] = None,
    images: Annotated[int | None, Budget, Unset] = None,
    epochs: Annotated[float | None, Budget, Unset] = None,
    minutes: Annotated[float | None, Budget, Unset] = None,
    set_: Annotated[Settings, arg(name="set")] = (),
    config: Annotated[Path | None, Unset] = None,
    pretrain_discriminator: Flag = False,
    evaluate_every: Annotated[int | None, arg(metavar="IMAGES", help_behavior_hint="")] = None,
    tensorboard: Flag = False,
    device: Device = "auto",
    resume: Flag = False,
    overwrite: Flag = False,
    dry_run: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Train a GAN and leave a run's folder: model, previews, curves, animation, checkpoints.

    Ctrl-C (or SIGTERM) ends it after the step it is in, with a checkpoint and a usable model; the exit code is then 130
    (143). Go on with --resume.

    Args:
        recipe: which recipe, by default fast; `digitgan recipes` lists them
        data: what to train on; auto is MNIST where it can be had, otherwise the embedded digits
        data_dir: where downloaded data sets lie (default: $DIGITGAN_DATA, or the user's cache folder)
        out: the run's folder (default: the next free one in runs/)
        seed: of everything random
        images: train until this many images are seen
        epochs: train for so many passes over the data
        minutes: train for so many minutes, turned into images by the speed measured at the start
        set_: change one value of the recipe; can be given again
        config: a TOML file with a recipe; its `base` names the recipe it changes
        pretrain_discriminator: let the discriminator learn to tell real images from uniform noise first
        evaluate_every: score what is drawn after every so many images, and keep the best model as best.safetensors
        tensorboard: write event files for TensorBoard into the run's folder as well
        device: where to compute
        resume: go on with the run in --out; --images may make it longer
        overwrite: replace the run in --out
        dry_run: say what would be done, write nothing
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan.session.options import TrainOptions
    from digitgan.session.plan import plan_training
    from digitgan.session.session import console_printer, run_training
    from digitgan.training import Control

    output = Output(quiet, json_)
    console = output.console()
    options = TrainOptions(
        recipe=recipe,
        config=config,
        settings=set_,
        pretrain_discriminator=pretrain_discriminator,
        evaluate_every=evaluate_every,
        data=data,
        data_dir=data_dir,
        out=out,
        seed=seed,
        images=images,
        epochs=epochs,
        minutes=minutes,
        tensorboard=tensorboard,
        device=device,
        resume=resume,
        overwrite=overwrite,
    )
    plan = plan_training(options, console_printer(console))
    control = Control()
    if plan.follows and not dry_run:
        with stopping_on_signals(control, quiet=True) as received:  # the process that leads hears of it, and says when to end
            result = run_training(plan, console, "none", control)
        _end(result, received)
    if plan.follows:
        return
    if dry_run:
        output.lines(*plan.summary(), "nothing was written: this is a dry run")
        output.result({**plan.facts(), "run": str(plan.run.path), "dry_run": True})
        return
    console.print("\n".join(plan.summary()), markup=False)
    with stopping_on_signals(control, quiet=quiet) as received:
        result = run_training(plan, console, "none" if quiet else "auto", control)
    run = plan.run
    state = "finished" if result.finished else f"stopped; go on with: digitgan train --resume --out {run.path}"
    output.lines(
        f"run        {run.path}  ({result.images_seen:,} images in {result.seconds:.1f} s, {state})",
        *([f"model      {run.model}"] if run.model.exists() else []),
        *([f"best       {run.best}"] if run.best.exists() else []),
        *([f"previews   {run.previews}"] if run.previews.exists() else []),
        *([f"curves     {run.curves}"] if run.curves.exists() else []),
        *([f"animation  {run.animation}"] if run.animation.exists() else []),
    )
    output.result(
        {
            **plan.facts(),
            "run": str(run.path),
            "model": str(run.model),
            "images_seen": result.images_seen,
            "seconds": result.seconds,
            "rollbacks": result.rollbacks,
            "finished": result.finished,
        }
    )
    _end(result, received)


def _end(result: TrainingResult, received: list[int]) -> None:
    """With the exit code of the signal that stopped it, which another process may have had; of somebody's wish above all."""
    if not result.finished:
        asked = [number for number in received if number in (signal.SIGINT, signal.SIGTERM)]
        sys.exit(128 + (asked or received or [signal.SIGTERM])[0])


def recipes(
    name: Annotated[str | None, Unset] = None,
    /,
    *,
    summary: Flag = False,
    diagram: Flag = False,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """List the recipes, or print one in full, as TOML that --config takes.

    Args:
        name: the recipe to print
        summary: print the layers of its networks instead, for images like MNIST's
        diagram: draw its networks instead, for images like MNIST's
        out: the diagram (default: NAME.png, or the next free name)
        overwrite: replace what is there
        quiet: print nothing
        json_: print one machine-readable result
    """
    import dataclasses

    from digitgan.recipes import RECIPES, find_recipe, to_toml

    output = Output(quiet, json_)
    if summary or diagram:
        from digitgan.networks.describe import describe_recipe

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
    out: Annotated[Path | None, Unset] = None,
    rows: Flag = False,
    milliseconds: int = 120,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Show a run's learning as a GIF of its previews; also while it trains.

    Args:
        run: the run's folder
        out: the GIF (default: training.gif, or with --rows rows.gif, in the run's folder, made anew)
        rows: show its model's digits being written row by row; of recurrent recipes
        milliseconds: for which each picture is shown
        overwrite: replace what is at --out
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.session.pictures import animate_run

    path, frames = animate_run(run, out=out, rows=rows, milliseconds=milliseconds, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(f"{frames} {'rows' if rows else 'previews'}  {path}")
    output.result({"out": str(path), "rows" if rows else "previews": frames})


def plot(
    run: Path,
    /,
    *,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Draw a run's curves, losses and scores over images seen; also while it trains.

    Args:
        run: the run's folder
        out: the picture (default: losses.png in the run's folder, made anew)
        overwrite: replace what is at --out
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.session.pictures import plot_run

    path = plot_run(run, out=out, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(str(path))
    output.result({"out": str(path)})
