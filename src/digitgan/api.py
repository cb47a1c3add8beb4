"""What `import digitgan` offers: train, load, draw, evaluate, compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from digitgan.comparison import compare
from digitgan.data import SPLITS, Pixels, ProgressFn, load_image_set
from digitgan.errors import DataError
from digitgan.evaluation.run import evaluate
from digitgan.exporters.run import export, import_keras
from digitgan.generation import SampleRequest, SampleResult, sample
from digitgan.model.registry import load
from digitgan.session.options import TrainOptions
from digitgan.session.plan import plan_training
from digitgan.session.session import ProgressKind, TrainingResult, console_printer, run_training
from digitgan.training import Control

__all__ = ["compare", "evaluate", "export", "import_keras", "load", "load_data", "sample_to_files", "train"]


def sample_to_files(request: SampleRequest, notify: ProgressFn = lambda line: None) -> SampleResult:
    """Draw labelled images into a file, or a set of many.

    Args:
        request: what is asked for, by the options of `digitgan sample`.
        notify: takes a line now and then.

    Raises:
        DigitganError: of the kind that fits, before anything is written, where something asked for can't be.
        StoppedError: where a set was interrupted; its finished files stay.
    """
    return sample.sample_to_files(request, Console(stderr=True, quiet=True), notify)


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
    tensorboard: bool = False,
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
        tensorboard: write event files for TensorBoard into the run's folder as well.
        resume: go on with the run in `out`.
        overwrite: replace the run in `out`.
        progress: "none", "plain" lines, a "live" display, or "auto": live on a terminal.

    Raises:
        DigitganError: where something asked for can't be; nothing that was there is lost.
    """
    options = TrainOptions(
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
        tensorboard=tensorboard,
        device=device,
        resume=resume,
        overwrite=overwrite,
    )
    console = Console(stderr=True, quiet=progress == "none")
    return run_training(plan_training(options, console_printer(console)), console, progress, Control())


def load_data(source: str = "mnist", data_dir: Path | str | None = None) -> tuple[tuple[Pixels, Pixels], tuple[Pixels, Pixels]]:
    """A data source as `keras.datasets.mnist.load_data` gives it: ((x_train, y_train), (x_test, y_test)), all uint8.

    Args:
        source: "mnist", "digits", or whatever else `digitgan train --data` takes that has a test part.
        data_dir: where downloaded data sets lie.

    Returns:
        Images (n, height, width[, channels]), and labels (n,).

    Raises:
        DataError: where the source can't be had, has no test part, or more classes than a byte counts.
    """
    train_set, test_set = (load_image_set(source, split, _path(data_dir)) for split in SPLITS)
    if len(train_set.class_names) > 256:
        raise DataError(f"{source}: {len(train_set.class_names)} classes don't fit into bytes; load_image_set is right")
    first, second = ((each.images, each.labels.astype(np.uint8)) for each in (train_set, test_set))
    return first, second


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)
