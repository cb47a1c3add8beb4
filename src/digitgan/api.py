"""What `import digitgan` offers: train, load, and finding models by name."""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from digitgan.errors import ModelFileError, RunError, UsageError, nearest
from digitgan.model import Model, load_model
from digitgan.planning import Wish, make_plan
from digitgan.runs import RunFolder, open_run
from digitgan.sitting import ProgressKind, TrainingResult, run_plan, teller
from digitgan.training import Control
from digitgan.training.machine import choose_device, use_threads

DEFAULT_MODEL = "mnist"


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
    pretrain_discriminator: bool = False,
    evaluate_every: int | None = None,
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
        pretrain_discriminator: let the discriminator learn to tell real images from noise first.
        evaluate_every: score what is drawn after every so many images, and keep the best model.
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
        pretrain_discriminator=pretrain_discriminator,
        evaluate_every=evaluate_every,
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
    """The model file that a name, a file's path, a run's folder, or a numbered model of a run (RUN@51200) stands for.

    Raises:
        ModelFileError: if there is none.
        RunError: if it is a run that has no model yet.
    """
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    folder, at, number = name.rpartition("@")
    if at and not path.exists():
        return _find_snapshot(folder, number)
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


def _find_snapshot(folder: str, number: str) -> Path:
    run = open_run(Path(folder))
    there = run.snapshot_files()
    found = [path for path in there if number.isdecimal() and int(path.stem) == int(number)]
    if found:
        return found[0]
    if not there:
        raise RunError(f"{folder}: has no numbered models; training with --set training.snapshots=10 leaves ten")
    raise UsageError(f"{folder}@{number}: {nearest(number.rjust(8, '0'), [path.stem for path in there])}")


def shipped_models() -> dict[str, Path]:
    """The models that come with the package, by name."""
    folder = Path(str(importlib.resources.files("digitgan") / "pretrained"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)


def with_metrics(model: Model, metrics: dict[str, Any]) -> Model:
    """The model with its card's metrics filled in."""
    return dataclasses.replace(model, card={**model.card, "metrics": metrics})
