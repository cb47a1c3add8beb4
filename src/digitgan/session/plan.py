"""From what a user asks for to a training that is fully decided: recipe, data, seed, device, length, folder."""

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
from digitgan.recipes import ALIASES, BLANK, RECIPES, Recipe, differences, from_toml, to_toml
from digitgan.runs import RunFolder, check_out, free_run_path, open_run
from digitgan.session.callbacks import check_tensorboard
from digitgan.session.options import TrainOptions, check_lengths, checked_recipe, requested_recipe
from digitgan.training import Ranks, checkpoints, join_ranks
from digitgan.training.speed import images_within, training_speed
from digitgan.version import versions

RUNS = Path("runs")
"""Where runs go that are given no other place."""

MAX_IMAGES = 10**12
"""Longest run, in images; a slip of the finger lies beyond."""

AUTO = "auto"
"""The data source that is MNIST where it can be had and otherwise the embedded digits."""

MINUTES_SHARE = 0.96
"""Share of a budget in minutes that is turned into steps; the rest is for previews, checkpoints and the model at the end."""


@final
@dataclass(frozen=True)
class TrainPlan:
    """A training, fully decided.

    Attributes:
        recipe: every value explicit, the length and the precision included.
        image_set: what it trains on.
        labelled: the same with its labels, which an unconditional recipe is not shown.
        source: how the user named that.
        seed: of everything random.
        device: where it runs.
        threads: how many CPU threads it uses.
        run: its folder.
        resumed: whether it goes on with a run that is there.
        overwrite: whether a run that is there is replaced.
        tensorboard: whether event files for TensorBoard are written.
        ranks: the processes that torchrun has started for it; None where there is this one alone.
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
        """Whether this process is one that computes for another, which shows and writes."""
        return self.ranks is not None and not self.ranks.leads

    @property
    def spec(self) -> ImageSpec:
        """The form of the images it trains on."""
        return image_spec(self.image_set)

    def arithmetic(self) -> dict[str, Any]:
        """What decides how its sums round; see `digitgan.device.arithmetic`."""
        # Parts of a batch are computed by one thread each, however many there are.
        threads = 1 if self.recipe.updates.microbatches > 1 else self.threads
        return arithmetic(self.device, threads, self.recipe.training.precision)

    def data_record(self) -> dict[str, Any]:
        """What the run's record says of its data."""
        return {
            "source": self.source,
            "name": self.image_set.name,
            "images": len(self.image_set),
            "shape": list(self.image_set.shape),
            "classes": list(self.image_set.class_names),
            "content_hash": self.image_set.content_hash,
        }

    def facts(self) -> dict[str, Any]:
        """The plan as JSON values, for `--json` and the record."""
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
        """The plan in words, a line each."""
        generator = trained_parameters(build_generator(self.recipe, self.spec))
        discriminator = trained_parameters(build_discriminator(self.recipe, self.spec))
        channels, height, width = self.image_set.shape
        training = self.recipe.training
        return [
            f"recipe   {self.recipe.name}: generator {generator:,} and discriminator {discriminator:,} parameters",
            f"data     {self.image_set.name}: {len(self.image_set):,} images {height}x{width}x{channels}, "
            f"{len(self.image_set.class_names)} classes",
            f"machine  {self.device.type}, {self.threads} threads, {training.precision}",
            f"length   {training.images:,} images ({training.images / len(self.image_set):.2f} epochs), seed {self.seed}",
            f"run      {self.run.path}",
        ]


def plan_training(options: TrainOptions, notify: ProgressFn) -> TrainPlan:
    """Decide everything that a wish leaves open, and refuse what can't be; nothing is written.

    Args:
        options: what is asked for.
        notify: is told, a line at a time, of anything that takes a while or turns out otherwise than asked.

    Raises:
        DigitganError: of the kind that fits, where an option is wrong, the data can't be had, or a run that is to be resumed
            was started otherwise; where torchrun has started several processes, also if they can't agree on one plan.
    """
    ranks = join_ranks()
    if ranks is not None and not ranks.leads:
        notify = silent
    check_lengths(options)
    if options.data == "":
        raise UsageError("--data is empty; leave it out, or name a source")
    if options.out is not None and not options.resume:
        check_out(options.out, overwrite=options.overwrite)
    if options.tensorboard:
        check_tensorboard()
    plan = _resumed(options, notify) if options.resume else _new(options, notify)
    plan = dataclasses.replace(plan, tensorboard=options.tensorboard, ranks=ranks)
    return plan if ranks is None else _agreed(plan, ranks)


def image_spec(image_set: ImageSet) -> ImageSpec:
    """The form of a set's images."""
    return ImageSpec(*image_set.shape, classes=len(image_set.class_names))


def _new(options: TrainOptions, notify: ProgressFn) -> TrainPlan:
    recipe = checked_recipe(requested_recipe(options))
    seed = 0 if options.seed is None else options.seed
    device, threads = prepare(options.device)
    source, labelled = _load("mnist" if options.data is None else options.data, options.data_dir, notify)
    image_set = _for_recipe(labelled, recipe)
    _check_scores(recipe, labelled)
    spec = image_spec(image_set)
    # Networks that can't be built for these images are refused here, before a run's folder is touched.
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
        raise UsageError("--resume needs --out: the folder of the run to go on with")
    if options.overwrite:
        raise UsageError("--resume and --overwrite exclude each other; give one")
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
    """The leader's plan, which measured the speed and chose a folder, on every rank."""
    ranks.share_of(plan.recipe.updates.microbatches)
    own = [to_toml(plan.recipe), plan.seed, str(plan.run.path), plan.image_set.content_hash]
    recipe, seed, path, data = json.loads(ranks.hand_out(json.dumps(own).encode()))
    if plan.image_set.content_hash != data:
        raise DataError(
            f"{plan.image_set.name}: process {ranks.rank} has other data under this name than the first one "
            f"(SHA-256 {plan.image_set.content_hash[:12]}…, not {data[:12]}…); give all machines the same"
        )
    ranks.wait()  # before the leader makes the folder, of which the others have looked whether it is free
    return dataclasses.replace(
        plan, recipe=from_toml(recipe, "the first process's recipe", BLANK), seed=seed, run=RunFolder(Path(path))
    )


def _check_record(run: RunFolder, record: dict[str, Any]) -> None:
    """Refuse a record that lacks what a resume needs of it."""
    data = record.get("data")
    whole = isinstance(record.get("seed"), int) and isinstance(data, dict)
    if not whole or not {"source", "name", "images", "content_hash"} <= set(data or {}):
        raise RunError(
            f"{run.record}: damaged: it doesn't say which seed and data the run was started with; it can't be resumed"
        )
    if record.get("status") == "finished" and not checkpoints(run.checkpoints):
        raise RunError(f"{run.path}: is finished and has no checkpoint to go on from; train anew with another --out")


def _refuse(run: RunFolder, what: str, changes: list[str]) -> None:
    if changes:
        listed = "\n  ".join(changes)
        raise RunError(
            f"{run.path}: was started with another {what}; resuming would mix two runs:\n  {listed}\n"
            "Resume without these options, or start a new run with another --out"
        )


def _like(asked: Recipe, recipe: Recipe) -> Recipe:
    """Return the recipe asked for, with the length, a former name, and a precision left open as they are in another."""
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
        notify("MNIST is not on this machine and could not be downloaded: training on the embedded digits instead.")
        return "digits", load_image_set("digits", "train")


def _for_recipe(image_set: ImageSet, recipe: Recipe) -> ImageSet:
    """The set as the recipe needs it: without its labels where it is unconditional.

    Raises:
        RecipeError: if the recipe needs labels and the set has none.
    """
    if not recipe.conditional:
        return image_set.unlabelled()
    if len(image_set.class_names) == 1:
        plain = ", ".join(name for name, other in RECIPES.items() if not other.conditional)
        raise RecipeError(
            f"recipe {recipe.name} with data {image_set.name}: it draws images of a class that is asked for, and all images "
            f"here are of one. A folder for each class is right; or take a recipe that needs no labels: {plain}"
        )
    return image_set


def _check_scores(recipe: Recipe, labelled: ImageSet) -> None:
    if recipe.training.evaluate_every and len(labelled.class_names) == 1:
        raise UsageError(
            f"--evaluate-every with data {labelled.name}: scores are by a classifier of the training images, and all images "
            "here are of one class. Leave it out, or name data with a folder for each class"
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
    """The recipe with its length in images; `started` is when the minutes began to count."""
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
        raise UsageError(f"this would be {images:,} images; {MAX_IMAGES:,} at most are possible")
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=images))
