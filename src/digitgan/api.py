"""The functions of `import digitgan`: train, load, sample, evaluate, compare, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
from rich.console import Console

from digitgan.comparison import compare
from digitgan.data import SPLITS, Pixels, ProgressFn, load_image_set
from digitgan.errors import DataError, UsageError, nearest
from digitgan.evaluation.run import evaluate
from digitgan.exporters.run import export, import_keras
from digitgan.generation import SampleRequest, SampleResult, sample
from digitgan.model.registry import load
from digitgan.options import TrainOptions, make_options, signature_of
from digitgan.session.callbacks.progress import ProgressKind, console_printer
from digitgan.session.plan import plan_training
from digitgan.session.session import TrainingResult, run_training
from digitgan.training import Control

__all__ = ["compare", "evaluate", "export", "import_keras", "load", "load_data", "sample_to_files", "train"]


def sample_to_files(request: SampleRequest, notify: ProgressFn = lambda line: None) -> SampleResult:
    """Generate labelled images and write them to one file or to a set of several files.

    Args:
        request: the options of `digitgan sample`.
        notify: called with each progress line.

    Raises:
        DigitganError: one of its subclasses, before anything is written, if the request is invalid.
        StoppedError: if the generation of a set was interrupted; its finished files are kept.
    """
    return sample.sample_to_files(request, Console(stderr=True, quiet=True), notify)


def train(recipe: str | None = None, *, progress: ProgressKind = "none", **options: Any) -> TrainingResult:
    """Train a GAN, with the names, defaults and errors of `digitgan train`.

    Args:
        recipe: name of a recipe; "fast" by default.
        progress: "none", "plain" lines, a "live" display, or "auto" (live on a terminal, otherwise plain).
        options: other fields of `TrainOptions`, such as `data`, `images` or `out`. A path may be a string.

    Raises:
        UsageError: if an option does not exist or cannot be combined with the others.
        DigitganError: if the training fails; existing files are kept.
    """
    if progress not in get_args(ProgressKind):
        raise UsageError(f"progress={progress!r}: {nearest(str(progress), get_args(ProgressKind))}")
    asked = make_options(TrainOptions, {"recipe": recipe, **options})
    console = Console(stderr=True, quiet=progress == "none")
    return run_training(plan_training(asked, console_printer(console)), console, progress, Control())


train.__signature__ = signature_of(train, TrainOptions)  # type: ignore[attr-defined]


def load_data(source: str = "mnist", data_dir: Path | str | None = None) -> tuple[tuple[Pixels, Pixels], tuple[Pixels, Pixels]]:
    """Load both splits of a data source, in the layout of `keras.datasets.mnist.load_data`.

    Args:
        source: "mnist", "digits", or another source of `digitgan train --data` that has a test split.
        data_dir: folder of downloaded data sets.

    Returns:
        ((x_train, y_train), (x_test, y_test)), all uint8: images (n, height, width[, channels]) and labels (n,).

    Raises:
        DataError: if the source cannot be loaded, has no test split, or has more than 256 classes.
    """
    train_set, test_set = (load_image_set(source, split, _path(data_dir)) for split in SPLITS)
    if len(train_set.class_names) > 256:
        raise DataError(f"{source}: {len(train_set.class_names)} classes do not fit into uint8 labels; use load_image_set")
    first, second = ((each.images, each.labels.astype(np.uint8)) for each in (train_set, test_set))
    return first, second


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)
