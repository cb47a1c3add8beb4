"""The command line: each subcommand is one function and, inside it, one call into the rooms below; what is heavy is
imported there, so that `digitgan --help` comes at once.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, final

from tyro.conf import arg

from digitgan.arguments import Budget, Flag, Json, Settings, Unset, parse, print_completion
from digitgan.errors import DigitganError, UsageError
from digitgan.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from digitgan.training import Control

ABOUT = "Train a class-conditional GAN in a minute, on the machine you have; then draw any labelled digit on demand."
Device = Literal["auto", "cpu", "cuda", "mps"]
Source = Annotated[str | None, arg(metavar="mnist|digits|auto|FOLDER|FILE.npz", help_behavior_hint="(default: mnist)")]


@final
@dataclass(frozen=True)
class Output:
    """Where a command's words go: results to standard output, progress to standard error.

    Attributes:
        quiet: nothing is printed.
        json: one JSON object is printed, and nothing else on standard output.
    """

    quiet: bool
    json: bool

    def lines(self, *lines: str) -> None:
        """Say something to a person."""
        if not self.quiet and not self.json:
            print(*lines, sep="\n")

    def result(self, facts: dict[str, Any]) -> None:
        """Give the result to a program."""
        if self.json:
            print(json.dumps(facts))

    def console(self) -> Console:
        """Where progress is shown."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet, soft_wrap=True, highlight=False)


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
        device: where to compute
        resume: go on with the run in --out; --images may make it longer
        overwrite: replace the run in --out
        dry_run: say what would be done, write nothing
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.api import run_plan
    from digitgan.planning import Wish, make_plan
    from digitgan.training import Control

    output = Output(quiet, json_)
    console = output.console()
    wish = Wish(
        recipe=recipe,
        config=config,
        settings=set_,
        data=data,
        data_dir=data_dir,
        out=out,
        seed=seed,
        images=images,
        epochs=epochs,
        minutes=minutes,
        device=device,
        resume=resume,
        overwrite=overwrite,
    )
    plan = make_plan(wish, console.print)
    if dry_run:
        output.lines(*plan.summary(), "nothing was written: this is a dry run")
        output.result({**plan.facts(), "run": str(plan.run.path), "dry_run": True})
        return
    console.print("\n".join(plan.summary()), markup=False)
    control = Control()
    with _stopping_on_signals(control) as received:
        result = run_plan(plan, console, "none" if quiet else "auto", control)
    run = plan.run
    state = "finished" if result.finished else f"stopped; go on with: digitgan train --resume --out {run.path}"
    output.lines(
        f"run        {run.path}  ({result.images_seen:,} images in {result.seconds:.1f} s, {state})",
        f"model      {run.model}",
        f"previews   {run.previews}",
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
            "finished": result.finished,
        }
    )
    if received and not result.finished:
        sys.exit(128 + received[0])


def recipes(name: Annotated[str | None, Unset] = None, /, *, quiet: Flag = False, json_: Json = False) -> None:
    """List the recipes, or print one in full, as TOML that --config takes.

    Args:
        name: the recipe to print
        quiet: print nothing
        json_: print one machine-readable result
    """
    import dataclasses

    from digitgan.recipes import RECIPES, find_recipe, to_toml

    output = Output(quiet, json_)
    if name is not None:
        recipe = find_recipe(name)
        output.lines(to_toml(recipe).rstrip())
        output.result(dataclasses.asdict(recipe))
        return
    output.lines(*(f"{recipe.name:<12}{recipe.description}" for recipe in RECIPES.values()))
    output.result({recipe.name: recipe.description for recipe in RECIPES.values()})


def sample(
    model: str = "mnist",
    /,
    *,
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None,
    per_class: Annotated[int | None, arg(help_behavior_hint="(default: 10)")] = None,
    count: Annotated[int | None, Unset] = None,
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
        model: a run's folder, a model file, or the name of a shipped model
        labels: which classes
        per_class: so many images of each
        count: so many images in all, the classes taking turns
        seed: image i is a function of the model, this seed and i
        format_: one picture of all, a folder of pictures, a NumPy archive, or MNIST's own format
        out: where to (default: samples.png or the like, or the next free name)
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.commands import draw_to_file

    drawn = draw_to_file(
        model,
        labels=labels,
        per_class=per_class,
        count=count,
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
    from digitgan.commands import write_to_file

    path = write_to_file(text, model, seed=seed, out=out, overwrite=overwrite, device=device)
    output = Output(quiet, json_)
    output.lines(f"{text!r}  {path}")
    output.result({"out": str(path), "text": text, "model": model, "seed": seed})


def animate(
    run: Path,
    /,
    *,
    out: Annotated[Path | None, Unset] = None,
    milliseconds: int = 120,
    overwrite: Flag = False,
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Show a run's learning as a GIF of its previews; also while it trains.

    Args:
        run: the run's folder
        out: the GIF (default: training.gif in the run's folder, made anew)
        milliseconds: for which each preview is shown
        overwrite: replace what is at --out
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.commands import animate_run

    path, frames = animate_run(run, out=out, milliseconds=milliseconds, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(f"{frames} previews  {path}")
    output.result({"out": str(path), "previews": frames})


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
    from digitgan.commands import plot_run

    path = plot_run(run, out=out, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(str(path))
    output.result({"out": str(path)})


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
    from digitgan.commands import show_data

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


def doctor(*, device: Device = "auto", quiet: Flag = False, json_: Json = False) -> None:
    """Say what this machine has and what will be used of it.

    Args:
        device: which device to ask about
        quiet: print nothing
        json_: print one machine-readable result
    """
    from digitgan.commands import examine

    facts = examine(device)
    output = Output(quiet, json_)
    output.lines(*(f"{name.replace('_', ' '):<18}{value}" for name, value in facts.items()))
    output.result(facts)


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "train": train,
    "recipes": recipes,
    "sample": sample,
    "write": write,
    "animate": animate,
    "plot": plot,
    "data show": data_show,
    "data verify": data_verify,
    "doctor": doctor,
}
GROUPS: Final = {"data": "Show or verify a source of images."}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the program with its exit code: 0, 2 for what the user can put right, or 130 and 143
    for a training that was told to stop.
    """
    try:
        _run(list(sys.argv[1:] if argv is None else argv))
    except DigitganError as problem:
        print(f"digitgan: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        print("digitgan: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _run(argv: list[str]) -> None:
    if argv == ["--version"]:
        print(f"digitgan {__version__}")
    elif argv[:1] == ["--completion"]:
        if len(argv) != 2:
            raise UsageError("--completion takes the name of a shell: bash, zsh or fish")
        print_completion(argv[1], COMMANDS, GROUPS, ABOUT)
    else:
        parse(argv or ["--help"], COMMANDS, GROUPS, ABOUT)()


@contextlib.contextmanager
def _stopping_on_signals(control: Control) -> Iterator[list[int]]:
    """While the context lasts, Ctrl-C and SIGTERM ask the training to stop; a second one ends the program at once.

    Yields:
        The signals received so far.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        control.stop()
        for each in before:
            signal.signal(each, signal.SIG_DFL)

    for number in before:
        signal.signal(number, stop)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
