"""Forecast of a training on a data source: its recipe, its time and its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from digitgan.data import (
    DataRequest,
    ImageSet,
    ProgressFn,
    ReadOptions,
    Split,
    SplitFacts,
    load_splits,
    silent,
    split_facts,
    warnings_about,
    with_filled_classes,
)
from digitgan.device import prepare
from digitgan.errors import OutOfMemoryError, RecipeError
from digitgan.evaluation import held_out_count, left_out_for
from digitgan.recipes import find_recipe
from digitgan.session.capacity import check_capacity
from digitgan.session.recipe import check_networks, fitting_labels, image_spec, images_for, suitable_recipe, with_precision
from digitgan.training.memory import estimate_memory
from digitgan.training.speed import training_seconds

TRIAL_BUDGET = 25.0
"""Seconds of a training for which the speed is measured: the measurement takes a second or two."""


@final
@dataclass(frozen=True)
class Forecast:
    """Forecast of a training without further options.

    Attributes:
        recipe: the recipe that suits the images.
        reason: why it suits them.
        images: its length, in images.
        seconds: its duration on this machine, without the pretraining and the previews.
        memory_gb: estimate of the memory that it takes, in GB, with the images; on a GPU, that of the GPU. None if unknown.
        problem: why no training is possible, else "".
    """

    recipe: str
    reason: str
    images: int = 0
    seconds: float = 0.0
    memory_gb: float | None = None
    problem: str = ""

    def lines(self) -> list[str]:
        """Return the forecast as lines of text."""
        if self.problem:
            return [f"training: not possible: {self.problem}"]
        minutes = self.seconds / 60
        duration = f"{minutes:.0f} minutes" if minutes >= 2 else f"{self.seconds:.0f} s"
        memory = "" if self.memory_gb is None else f", with about {self.memory_gb:.1f} GB of memory in all, images included"
        return [
            f"training: recipe {self.recipe}, which suits {self.reason}",
            f"  {self.images:,} images in about {duration} on this machine{memory}",
        ]

    def facts(self) -> dict[str, Any]:
        """Return the forecast as JSON values."""
        return vars(self)


@final
@dataclass(frozen=True)
class Verified:
    """A data source that was read and checked.

    Attributes:
        splits: the facts about each split.
        warnings: what makes a training or its evaluation worse.
        forecast: what a training would do.
    """

    splits: dict[Split, SplitFacts]
    warnings: tuple[str, ...]
    forecast: Forecast


def verify_source(
    source: str,
    data_dir: Path | None,
    per_class_limit: int | None,
    read: ReadOptions,
    device: str,
    notify: ProgressFn,
    *,
    allow_download: bool = False,
) -> Verified:
    """Read and check every split of a data source, and estimate a training on it.

    Args:
        source: the data source.
        data_dir: the folder of downloaded data sets.
        per_class_limit: the number of training images of each class.
        read: how the images are read.
        device: the device of the training.
        notify: a function that receives lines of progress.
        allow_download: download a data set that is missing.

    Raises:
        DataError: if a split cannot be read.
    """
    sets = load_splits(source, data_dir, per_class_limit, notify, allow_download=allow_download, read=read)
    facts, warnings = {split: split_facts(images) for split, images in sets.items()}, tuple(warnings_about(sets))
    if "train" not in sets:
        return Verified(facts, warnings, Forecast("", "", problem="there are no training images, only test images"))
    warnings += _about_evaluation(sets)
    request = DataRequest(source, data_dir, per_class_limit, read)
    training = with_filled_classes(request, sets["train"], notify)[1]
    forecast = forecast_training(training, device)
    return Verified(facts, warnings, forecast)


def _about_evaluation(sets: Mapping[Split, ImageSet]) -> tuple[str, ...]:
    """Return a warning about metrics that need more test images; none if there are enough."""
    test = sets.get("test")
    count = held_out_count(len(sets["train"])) if test is None else len(test)
    if not (missing := left_out_for(count)):
        return ()
    held_out = f"{count:,} test images" if test is not None else f"an evaluation holds out {count:,} of the images, which"
    return (f"{held_out} are too few for {missing}",)


def forecast_training(images: ImageSet, device: str) -> Forecast:
    """Estimate a training on images, with the recipe that suits them.

    Args:
        images: the training images.
        device: the device of the training.
    """
    chosen, threads = prepare(device)
    name, reason = suitable_recipe(image_spec(images), len(images), chosen)
    recipe = fitting_labels(with_precision(find_recipe(name), chosen), images, silent)
    spec = image_spec(images_for(recipe, images))
    try:
        check_networks(recipe, spec)
        check_capacity(recipe, spec, chosen, len(images), threads)
    except (RecipeError, OutOfMemoryError) as error:
        return Forecast(name, reason, problem=str(error))
    memory = estimate_memory(recipe, spec, chosen, len(images), threads)
    seconds = training_seconds(recipe, spec, chosen, TRIAL_BUDGET)
    return Forecast(name, reason, recipe.training.images, seconds, None if memory is None else memory.total / 1e9)
