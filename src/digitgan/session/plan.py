"""The plan of a training: resolves the options to a recipe, data, seed, device, length and folder."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch

from digitgan.data import ImageSet, ProgressFn, load_image_set, silent
from digitgan.device import arithmetic, choose_precision, prepare
from digitgan.errors import DataError, DownloadError, RecipeError, RunError, UsageError
from digitgan.networks import ImageSpec, build_discriminator, build_generator, trained_parameters
from digitgan.options import TrainOptions
from digitgan.recipes import ALIASES, BLANK, RECIPES, Recipe, differences, from_toml, to_toml
from digitgan.runs import RunFolder, check_out, free_run_path, open_run
from digitgan.session.callbacks import check_tensorboard
from digitgan.session.recipe import check_lengths, checked_recipe, requested_recipe
from digitgan.training import Ranks, checkpoints, join_ranks
from digitgan.training.speed import images_within, training_speed
from digitgan.version import versions

RUNS = Path("runs")
"""Default folder of new runs."""

MAX_IMAGES = 10**12
"""Longest run, in images; a larger number is likely a typing error."""

AUTO = "auto"
"""The data source that selects MNIST if it can be loaded, otherwise the embedded digits."""

MINUTES_SHARE = 0.96
"""Share of a budget in minutes for the steps; the rest is for previews, checkpoints and the final model."""


@final
@dataclass(frozen=True)
class TrainPlan:
    """A resolved plan of a training.

    Attributes:
        recipe: recipe with explicit values, including the length and the precision.
        image_set: training images, without labels if the recipe is unconditional.
        labelled: training images with labels.
        source: name of the data source, as given by the user.
        seed: seed of all random numbers.
        device: device of the training.
        threads: number of CPU threads.
        run: folder of the run.
        resumed: whether the training continues an existing run.
        overwrite: whether the training replaces an existing run.
        tensorboard: whether TensorBoard event files are written.
        ranks: processes that torchrun started for this training; None if it runs in a single process.
    """

    recipe: Recipe
    image_set: ImageSet
    labelled: ImageSet
    source: str
    seed: int
    device: torch.device
    threads: int
    run: RunFolder
    resumed: bool
    overwrite: bool
    tensorboard: bool = False
    ranks: Ranks | None = None

    @property
    def follows(self) -> bool:
        """Return whether this process follows a leader, which alone displays and writes."""
        return self.ranks is not None and not self.ranks.leads

    @property
    def spec(self) -> ImageSpec:
        """The shape and the number of classes of the training images."""
        return image_spec(self.image_set)

    def arithmetic(self) -> dict[str, Any]:
        """Return the facts that determine the rounding of sums; see `digitgan.device.arithmetic`."""
        # Each microbatch is computed by one thread, whatever the number of threads.
        threads = 1 if self.recipe.updates.microbatches > 1 else self.threads
        return arithmetic(self.device, threads, self.recipe.training.precision)

    def data_record(self) -> dict[str, Any]:
        """Return the entry of the run's record about its data."""
        return {
            "source": self.source,
            "name": self.image_set.name,
            "images": len(self.image_set),
            "shape": list(self.image_set.shape),
            "classes": list(self.image_set.class_names),
            "content_hash": self.image_set.content_hash,
        }

    def facts(self) -> dict[str, Any]:
        """Return the plan as JSON values, for `--json` and the record."""
        return {
            "recipe": self.recipe.name,
            "seed": self.seed,
            "images": self.recipe.training.images,
            "precision": self.recipe.training.precision,
            "device": self.device.type,
            "threads": self.threads,
            "arithmetic": self.arithmetic(),
            "data": self.data_record(),
            "versions": versions(),
        }

    def summary(self) -> list[str]:
        """Return the plan as lines of text."""
        generator = trained_parameters(build_generator(self.recipe, self.spec))
        discriminator = trained_parameters(build_discriminator(self.recipe, self.spec))
        channels, height, width = self.image_set.shape
        training = self.recipe.training
        return [
            f"recipe   {self.recipe.name}: generator {generator:,} and discriminator {discriminator:,} parameters",
            f"data     {self.image_set.name}: {len(self.image_set):,} images {height}x{width}x{channels}, "
            f"{len(self.image_set.class_names)} classes",
            f"machine  {self.device.type}, {self.threads} thread{'s' if self.threads > 1 else ''}, {training.precision}",
            f"length   {training.images:,} images ({training.images / len(self.image_set):.2f} epochs), seed {self.seed}",
            f"run      {self.run.path}",
        ]


def plan_training(options: TrainOptions, notify: ProgressFn) -> TrainPlan:
    """Validate the options and resolve them to a plan; nothing is written.

    Args:
        options: options of the training.
        notify: called with lines about slow operations and replaced settings.

    Raises:
        DigitganError: one of its subclasses, if an option is invalid, the data cannot be loaded, or the run to resume was
            started with other settings. With torchrun, also if the processes cannot agree on one plan.
    """
    ranks = join_ranks()
    if ranks is not None and not ranks.leads:
        notify = silent
    check_lengths(options)
    if options.data == "":
        raise UsageError("--data: is empty; give a source or omit the option")
    if options.out is not None and not options.resume:
        check_out(options.out, overwrite=options.overwrite)
    if options.tensorboard:
        check_tensorboard()
    plan = _resumed(options, notify) if options.resume else _new(options, notify)
    plan = dataclasses.replace(plan, tensorboard=options.tensorboard, ranks=ranks)
    return plan if ranks is None else _agreed(plan, ranks)


def image_spec(image_set: ImageSet) -> ImageSpec:
    """Return the shape and the number of classes of an image set."""
    return ImageSpec(*image_set.shape, classes=len(image_set.class_names))


def _new(options: TrainOptions, notify: ProgressFn) -> TrainPlan:
    recipe = checked_recipe(requested_recipe(options))
    seed = 0 if options.seed is None else options.seed
    device, threads = prepare(options.device)
    source, labelled = _load("mnist" if options.data is None else options.data, options.data_dir, notify)
    image_set = _for_recipe(labelled, recipe)
    _check_scores(recipe, labelled)
    spec = image_spec(image_set)
    # Building the networks checks that they fit the images before a run's folder is changed.
    build_generator(recipe, spec)
    build_discriminator(recipe, spec)
    started = time.monotonic()
    recipe = _with_precision(recipe, device)
    recipe = _with_length(recipe, options, image_set, spec, device, started, notify)
    path = options.out or free_run_path(RUNS, recipe.name, Path(source).stem)
    return TrainPlan(
        recipe, image_set, labelled, source, seed, device, threads, RunFolder(path), resumed=False, overwrite=options.overwrite
    )


def _resumed(options: TrainOptions, notify: ProgressFn) -> TrainPlan:
    if options.out is None:
        raise UsageError("--resume: needs --out, the folder of the run to continue")
    if options.overwrite:
        raise UsageError("--resume, --overwrite: give only one of them")
    run = open_run(options.out)
    recipe, record = run.read_recipe(), run.read_record()
    _check_record(run, record)
    device, threads = prepare(options.device)
    source, labelled = _load(options.data or record["data"]["source"], options.data_dir, notify)
    image_set = _for_recipe(labelled, recipe)
    length = _with_length(recipe, options, image_set, image_spec(image_set), device, time.monotonic(), notify)
    named = options.recipe, options.config, options.evaluate_every
    if any(value is not None for value in named) or options.settings or options.pretrain_discriminator:
        asked = requested_recipe(options, recipe)
        asked = _like(asked, recipe)
        _refuse(run, "recipe", differences(recipe, asked))
    if options.seed is not None and options.seed != record["seed"]:
        _refuse(run, "seed", [f"{record['seed']} -> {options.seed}"])
    if image_set.content_hash != record["data"]["content_hash"]:
        before, now = record["data"], image_set
        _refuse(
            run,
            "data",
            [
                f"{before['name']}, {before['images']:,} images, SHA-256 {before['content_hash'][:12]}… -> "
                f"{now.name}, {len(now):,} images, SHA-256 {now.content_hash[:12]}…"
            ],
        )
    return TrainPlan(length, image_set, labelled, source, record["seed"], device, threads, run, resumed=True, overwrite=False)


def _agreed(plan: TrainPlan, ranks: Ranks) -> TrainPlan:
    """Return the plan of the leader, which measured the speed and chose the folder, on every rank."""
    ranks.share_of(plan.recipe.updates.microbatches)
    own = [to_toml(plan.recipe), plan.seed, str(plan.run.path), plan.image_set.content_hash]
    recipe, seed, path, data = json.loads(ranks.hand_out(json.dumps(own).encode()))
    if plan.image_set.content_hash != data:
        raise DataError(
            f"{plan.image_set.name}: the data of process {ranks.rank} differs from that of the first process "
            f"(SHA-256 {plan.image_set.content_hash[:12]}…, not {data[:12]}…); give all machines the same data"
        )
    ranks.wait()  # all ranks have checked that the folder is free before the leader makes it
    return dataclasses.replace(
        plan, recipe=from_toml(recipe, "the first process's recipe", BLANK), seed=seed, run=RunFolder(Path(path))
    )


def _check_record(run: RunFolder, record: dict[str, Any]) -> None:
    """Raise `RunError` if the record lacks an entry that a resumed run needs."""
    data = record.get("data")
    whole = isinstance(record.get("seed"), int) and isinstance(data, dict)
    if not whole or not {"source", "name", "images", "content_hash"} <= set(data or {}):
        raise RunError(f"{run.record}: damaged: the seed or the data of the run is missing; start a new run with another --out")
    if record.get("status") == "finished" and not checkpoints(run.checkpoints):
        raise RunError(f"{run.path}: is finished and has no checkpoint to continue from; start a new run with another --out")


def _refuse(run: RunFolder, what: str, changes: list[str]) -> None:
    if changes:
        listed = "\n  ".join(changes)
        raise RunError(
            f"{run.path}: the run was started with another {what}:\n  {listed}\n"
            "Resume it without these options, or start a new run with another --out"
        )


def _like(asked: Recipe, recipe: Recipe) -> Recipe:
    """Return the requested recipe with the length, the former name and, if it is open, the precision of another recipe."""
    if ALIASES.get(recipe.name) == asked.name:
        asked = dataclasses.replace(asked, name=recipe.name)
    precision = recipe.training.precision if asked.training.precision == AUTO else asked.training.precision
    training = dataclasses.replace(asked.training, images=recipe.training.images, precision=precision)
    return dataclasses.replace(asked, training=training)


def _load(source: str, data_dir: Path | None, notify: ProgressFn) -> tuple[str, ImageSet]:
    if source != AUTO:
        return source, load_image_set(source, "train", data_dir, notify=notify)
    try:
        return "mnist", load_image_set("mnist", "train", data_dir, notify=notify)
    except DownloadError:
        notify("MNIST is not on this machine and could not be downloaded: training on the embedded digits instead")
        return "digits", load_image_set("digits", "train")


def _for_recipe(image_set: ImageSet, recipe: Recipe) -> ImageSet:
    """Return the image set for the recipe: without labels if the recipe is unconditional.

    Raises:
        RecipeError: if the recipe needs labels and the set has none.
    """
    if not recipe.conditional:
        return image_set.unlabelled()
    if len(image_set.class_names) == 1:
        plain = ", ".join(name for name, other in RECIPES.items() if not other.conditional)
        raise RecipeError(
            f"recipe {recipe.name} with data {image_set.name}: a conditional recipe needs at least two classes. Give a "
            f"folder for each class, or use a recipe without labels: {plain}"
        )
    return image_set


def _check_scores(recipe: Recipe, labelled: ImageSet) -> None:
    if recipe.training.evaluate_every and len(labelled.class_names) == 1:
        raise UsageError(
            f"--evaluate-every with data {labelled.name}: the classifier needs at least two classes. Omit the option, or "
            "give data with a folder for each class"
        )


def _with_precision(recipe: Recipe, device: torch.device) -> Recipe:
    if recipe.training.precision != AUTO:
        return recipe
    precision = choose_precision(device)
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, precision=precision))


def _with_length(
    recipe: Recipe,
    options: TrainOptions,
    image_set: ImageSet,
    spec: ImageSpec,
    device: torch.device,
    started: float,
    notify: ProgressFn,
) -> Recipe:
    """Return the recipe with its length in images; `started` is the start of the budget in minutes."""
    if options.images is not None:
        images = options.images
    elif options.epochs is not None:
        images = round(options.epochs * len(image_set))
    elif options.minutes is not None:
        notify("measuring the speed of training on this machine …")
        speed = training_speed(recipe, spec, device, 60 * options.minutes)
        seconds = 60 * options.minutes * MINUTES_SHARE - (time.monotonic() - started)
        images = images_within(seconds, recipe, spec, device, speed)
    else:
        return recipe
    images = max(recipe.training.batch_size, images)
    if images > MAX_IMAGES:
        raise UsageError(f"the length of {images:,} images is too large; at most {MAX_IMAGES:,} are possible")
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=images))
