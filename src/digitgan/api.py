"""The functions of `import digitgan`: train, load, sample, evaluate, compare, export.

Each takes the options of its command as keywords, with the same names, defaults and errors. A path may be a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from rich.console import Console

from digitgan import comparison
from digitgan.comparison import Comparison
from digitgan.data import DataRequest, Pixels, ProgressFn
from digitgan.errors import DataError, UsageError, nearest
from digitgan.evaluation import run as evaluation
from digitgan.evaluation.run import EvaluationResult
from digitgan.exporters import export_import as exporters
from digitgan.exporters.export_import import ExportResult, ImportResult
from digitgan.generation import SampleResult, sample
from digitgan.model.registry import DEFAULT_MODEL, load
from digitgan.options import (
    CompareOptions,
    EvaluateOptions,
    ExportOptions,
    ImportOptions,
    SampleOptions,
    TrainOptions,
    make_options,
    takes_options,
)
from digitgan.session.callbacks.displays import in_notebook
from digitgan.session.callbacks.progress import ProgressKind, console_printer
from digitgan.session.plan import plan_training
from digitgan.session.session import TrainingResult, run_training
from digitgan.training import Control

if TYPE_CHECKING:
    from typing import Unpack

    from digitgan.options.keywords import (
        CompareKeywords,
        EvaluateKeywords,
        ExportKeywords,
        ImportKeywords,
        SampleKeywords,
        TrainKeywords,
    )

__all__ = ["compare", "evaluate", "export", "import_keras", "load", "load_data", "sample_to_files", "train"]


def _ignore(line: str) -> None:
    """Ignore a progress line."""


@takes_options(TrainOptions)
def train(
    recipe: str | None = None, *, progress: ProgressKind | None = None, **options: Unpack[TrainKeywords]
) -> TrainingResult:
    """Train a GAN and write a run, as `digitgan train` does.

    Args:
        recipe: name of a recipe; by default the one that suits the images, which is "fast" for MNIST.
        progress: "none", "plain" lines, a "live" display, or "auto" (live on a terminal and in a notebook, otherwise plain).
            The default is "auto" in a notebook, otherwise "none".
        options: see below.

    Raises:
        UsageError: if an option does not exist or cannot be combined with the others.
        DigitganError: if the training fails; existing files are kept.
    """
    asked = make_options(TrainOptions, {"recipe": recipe, **options})
    display = _display(progress)
    console = Console(stderr=True, quiet=display == "none", soft_wrap=True)
    return run_training(plan_training(asked, console_printer(console)), console, display, Control())


@takes_options(SampleOptions)
def sample_to_files(
    model: Path | str = DEFAULT_MODEL, *, notify: ProgressFn = _ignore, **options: Unpack[SampleKeywords]
) -> SampleResult:
    """Generate labelled images and write them to one file or to a set of several files, as `digitgan sample` does.

    Args:
        model: a run's folder, a snapshot of a run, a model file, or the name of a shipped model.
        notify: called with each progress line.
        options: see below.

    Raises:
        DigitganError: if an option is invalid; raised before anything is written.
        StoppedError: if the generation of a set was interrupted; its finished files are kept.
    """
    return sample.sample_to_files(
        make_options(SampleOptions, {"model": model, **options}), Console(stderr=True, quiet=True), notify
    )


@takes_options(EvaluateOptions)
def evaluate(
    source: Path | str = DEFAULT_MODEL, *, notify: ProgressFn = _ignore, **options: Unpack[EvaluateKeywords]
) -> EvaluationResult:
    """Measure the quality of images against real images and write a report, as `digitgan evaluate` does.

    Args:
        source: a run folder, a snapshot of a run, a model file, the name of a shipped model, or an NPZ file of images.
        notify: called with each progress line.
        options: see below.

    Returns:
        The report and the paths of its two files.

    Raises:
        DigitganError: if the source or the data cannot be loaded, do not match, or the report cannot be written.
    """
    return evaluation.evaluate(make_options(EvaluateOptions, {"source": source, **options}), notify)


@takes_options(CompareOptions)
def compare(
    what: Sequence[Path | str], *, progress: ProgressKind | None = None, **options: Unpack[CompareKeywords]
) -> Comparison:
    """Compare finished runs, or train recipes with several seeds and the same budget, as `digitgan compare` does.

    An interrupted comparison continues when it is called again with the same options.

    Args:
        what: at least two finished runs, or at least two recipes to train.
        progress: "none", "plain" lines, a "live" display, or "auto" (live on a terminal and in a notebook, otherwise plain).
            The default is "auto" in a notebook, otherwise "none".
        options: see below.

    Returns:
        The runs, the table and the significance of the differences.

    Raises:
        DigitganError: if an option is invalid; raised before any training.
    """
    asked = make_options(CompareOptions, {"what": what, **options})
    return comparison.compare(asked, _display(progress))


@takes_options(ExportOptions)
def export(
    model: Path | str = DEFAULT_MODEL, *, notify: ProgressFn = _ignore, **options: Unpack[ExportKeywords]
) -> ExportResult:
    """Export a model for other programs and compare the export with the model, as `digitgan export` does.

    Args:
        model: a run's folder, a snapshot of a run, a model file, or the name of a shipped model.
        notify: called with each progress line.
        options: see below.

    Raises:
        DigitganError: if the model cannot be read, a required package is missing, or the path cannot be written. No partial
            output remains.
    """
    return exporters.export(make_options(ExportOptions, {"model": model, **options}), notify)


@takes_options(ImportOptions)
def import_keras(source: Path | str, **options: Unpack[ImportKeywords]) -> ImportResult:
    """Convert a generator saved by Keras 3 into a model file, as `digitgan import` does. No code in the source is executed.

    Args:
        source: a `.keras` file, or an architecture as JSON.
        options: see below.

    Raises:
        DigitganError: if a file cannot be read, a layer is not supported (the message names it), or the path cannot be
            written.
    """
    return exporters.import_keras(make_options(ImportOptions, {"source": source, **options}))


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
    request = DataRequest(source, _path(data_dir))
    train_set = request.load()
    test_set = request.resolved(train_set).load("test")  # in the same form
    if len(train_set.class_names) > 256:
        raise DataError(f"{source}: {len(train_set.class_names)} classes do not fit into uint8 labels; use load_image_set")
    first, second = ((each.images, each.labels.astype(np.uint8)) for each in (train_set, test_set))
    return first, second


def _display(progress: ProgressKind | None) -> ProgressKind:
    """Return the progress display that a call requests."""
    if progress is None:
        return "auto" if in_notebook() else "none"
    if progress not in get_args(ProgressKind):
        raise UsageError(f"progress={progress!r}: {nearest(str(progress), get_args(ProgressKind))}")
    return progress


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)
