"""What `import digitgan` offers: train, load. Puts observers around the loop."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from rich.console import Console

from digitgan.data import Batches
from digitgan.errors import CheckpointError, ModelFileError, RunError, nearest
from digitgan.model import Model, load_model
from digitgan.observers import (
    History,
    LiveProgress,
    NoProgress,
    Observer,
    PlainProgress,
    Previews,
    ProgressObserver,
    Saving,
    animate,
    plot,
)
from digitgan.planning import Plan, Wish, make_plan
from digitgan.runs import RunFolder, new_run
from digitgan.training import Control, Draws, Game, checkpoints, play, restore_checkpoint, sweep
from digitgan.training.machine import choose_device, use_threads

ProgressKind = Literal["none", "auto", "plain", "live"]

DEFAULT_MODEL = "mnist"


@final
@dataclass(frozen=True)
class TrainingResult:
    """What a training left.

    Attributes:
        run: the run's folder.
        model: the model file in it.
        images_seen: how far it came.
        seconds: of training, earlier sittings included.
        finished: false where it was stopped before its end.
    """

    run: Path
    model: Path
    images_seen: int
    seconds: float
    finished: bool


def train(
    recipe: str | None = None,
    *,
    data: str | None = None,
    data_dir: Path | str | None = None,
    out: Path | str | None = None,
    seed: int | None = None,
    images: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    device: str = "auto",
    settings: Sequence[str] = (),
    config: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressKind = "none",
) -> TrainingResult:
    """Train a GAN; the same names, defaults and errors as `digitgan train`.

    Args:
        recipe: a recipe's name; "fast" where nothing else is said.
        data: "mnist" (the default), "digits", "auto", a folder, or an NPZ file.
        data_dir: where downloaded data sets lie.
        out: the run's folder; by default the next free one in `runs/`.
        seed: of everything random; 0 by default.
        images: length in images seen; or
        epochs: in passes over the data; or
        minutes: in minutes, turned into images by the speed measured at the start.
        device: "auto", "cpu", "cuda" or "mps".
        settings: changes to the recipe, each "section.key=value".
        config: a TOML file with a recipe.
        resume: go on with the run in `out`.
        overwrite: replace the run in `out`.
        progress: "none", "plain" lines, a "live" display, or "auto": live on a terminal.

    Raises:
        DigitganError: where something asked for can't be; nothing that was there is lost.
    """
    wish = Wish(
        recipe=recipe,
        config=_path(config),
        settings=settings,
        data=data,
        data_dir=_path(data_dir),
        out=_path(out),
        seed=seed,
        images=images,
        epochs=epochs,
        minutes=minutes,
        device=device,
        resume=resume,
        overwrite=overwrite,
    )
    console = Console(stderr=True, quiet=progress == "none")
    return run_plan(make_plan(wish, teller(console)), console, progress, Control())


def run_plan(plan: Plan, console: Console, progress: ProgressKind, control: Control) -> TrainingResult:
    """Carry a plan out: play the game, with those who watch around it.

    Args:
        plan: from `make_plan`.
        console: where progress is shown.
        progress: how.
        control: stops the training early when asked; the run can then be resumed.

    Raises:
        DigitganError: where the run's folder can't be used or written to.
    """
    run = plan.run if plan.resumed else new_run(plan.run.path, overwrite=plan.overwrite)
    game = Game(plan.recipe, plan.form, plan.seed, plan.device)
    draws = Draws(plan.seed, game.generator.latent, plan.form.classes, plan.recipe.training.batch_size, plan.device)
    batches = Batches(plan.image_set, plan.recipe.training.batch_size, plan.seed, plan.device)
    history = History(run, plan.recipe)
    states = _restore(plan, game, teller(console)) if plan.resumed else {}
    if "history" in states:
        history.restore(states["history"], game.images_seen)
    display = _display(progress, console, plan, game.images_seen)
    card = _card(plan, history)
    observers: list[Observer] = [
        history,
        Previews(run, draws, display.notice),
        display,
        Saving(run, draws, {"history": history}, plan.image_set.class_names, card),
    ]
    record = {**plan.facts(), "status": "training"}
    run.write_recipe(plan.recipe)
    run.write_record(record)
    with display:
        for event in play(game, batches, draws, control):
            for observer in observers:
                observer.see(event)
    seconds = history.seconds
    finished = game.images_seen >= plan.recipe.training.images
    status = "finished" if finished else "stopped"
    run.write_record({**record, "status": status, "images_seen": game.images_seen, "seconds": round(seconds, 3)})
    if run.preview_files():
        animate(run, run.animation)
    if any(run.read_history()):
        plot(run, run.curves)
    return TrainingResult(run.path, run.model, game.images_seen, seconds, finished)


def teller(console: Console) -> Callable[[str], None]:
    """Prints lines on a console as they are, brackets included."""
    return functools.partial(console.print, markup=False, highlight=False)


def load(model: Path | str = DEFAULT_MODEL, device: str = "cpu") -> Model:
    """A model to draw from.

    Args:
        model: a run's folder, a model file, or the name of a shipped model.
        device: "cpu", "cuda", "mps" or "auto".

    Raises:
        ModelFileError: if there is no such model, or its file is damaged or not ours.
        RunError: if it is a run that has no model yet.
    """
    use_threads()
    return load_model(find_model(str(model))).to(choose_device(device))


def find_model(name: str) -> Path:
    """The model file that a name, a file's path, or a run's folder stands for.

    Raises:
        ModelFileError: if there is none.
        RunError: if it is a run that has no model yet.
    """
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.is_dir():
        run = RunFolder(path)
        if run.model.is_file():
            return run.model
        if run.record.is_file():
            raise RunError(
                f"{path}: this run has no model yet; let it train to its end, or go on: digitgan train --resume --out {path}"
            )
        raise ModelFileError(
            f"{path}: is a folder, but not a run's; name a run's folder, a model file, or one of: {', '.join(shipped)}"
        )
    if path.is_file():
        return path
    raise ModelFileError(f"no model {name!r}: neither a file nor a folder, nor a shipped model: {nearest(name, shipped)}")


def shipped_models() -> dict[str, Path]:
    """The models that come with the package, by name."""
    folder = Path(str(importlib.resources.files("digitgan") / "pretrained"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def _restore(plan: Plan, game: Game, say: Callable[[str], None]) -> dict[str, Any]:
    """Bring the game to its newest whole checkpoint; later ones, and leftovers of a save that was cut off, are removed."""
    folder = plan.run.checkpoints
    sweep(folder)
    for checkpoint in reversed(checkpoints(folder)):
        try:
            states = restore_checkpoint(checkpoint, game)
        except CheckpointError as problem:
            say(f"{problem}; going back to the one before")
            continue
        for later in checkpoints(folder):
            if int(later.name) > game.images_seen:
                shutil.rmtree(later)
        if game.images_seen >= plan.recipe.training.images + plan.recipe.training.batch_size:
            raise RunError(
                f"{plan.run.path}: has seen {game.images_seen:,} images already, more than the length asked for "
                "(--images, --epochs and --minutes mean the whole run)"
            )
        say(f"going on at {game.images_seen:,} images seen")
        return states
    if checkpoints(folder):
        raise CheckpointError(f"{folder}: no checkpoint is whole; the run can't be resumed. Start anew with --overwrite")
    say("the run has no checkpoint yet: it begins again")
    plan.run.history.unlink(missing_ok=True)
    return {}


def _display(progress: ProgressKind, console: Console, plan: Plan, images_seen: int) -> ProgressObserver:
    if progress == "auto":
        progress = "live" if console.is_terminal else "plain"
    if progress == "live":
        return LiveProgress(console, plan.recipe, images_seen)
    return PlainProgress(console, plan.recipe, images_seen) if progress == "plain" else NoProgress()


def _card(plan: Plan, history: History) -> Callable[[Game], dict[str, Any]]:
    def card(game: Game) -> dict[str, Any]:
        return {**plan.facts(), "images_seen": game.images_seen, "seconds": round(history.seconds, 1), "metrics": {}}

    return card


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)


def with_metrics(model: Model, metrics: dict[str, Any]) -> Model:
    """The model with its card's metrics filled in."""
    return dataclasses.replace(model, card={**model.card, "metrics": metrics})
