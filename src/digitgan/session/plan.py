"""The plan of a training: resolves the options to a recipe, data, seed, device, length and folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch

from digitgan.data import DataRequest, ImageSet, ProgressFn, ReadOptions, count_warnings, silent, with_filled_classes
from digitgan.data.notes import counted
from digitgan.device import arithmetic, available_devices, prepare
from digitgan.errors import DataError, RunError, UsageError
from digitgan.evaluation.groups import check_groups
from digitgan.networks import ImageSpec, build_discriminator, build_generator, trained_parameters
from digitgan.options import TrainOptions
from digitgan.recipes import BLANK, RECIPES, Recipe, find_recipe, from_toml, to_toml
from digitgan.runs import RunFolder, check_out, free_run_path, open_run
from digitgan.session.account import TimeAccount
from digitgan.session.callbacks import check_tensorboard
from digitgan.session.capacity import check_capacity, check_stated_size
from digitgan.session.recipe import (
    check_lengths,
    check_names,
    check_networks,
    check_settings,
    check_still_grown,
    checked_recipe,
    fitting_labels,
    image_spec,
    images_for,
    origins_of,
    requested_recipe,
    suitable_recipe,
    with_length,
    with_microbatches,
    with_precision,
)
from digitgan.session.repetition import Repetition
from digitgan.session.resumed_run import check_length, check_resumable, check_unchanged
from digitgan.session.start import StartingPoint, started_recipe
from digitgan.session.time_budget import OpenLength, can_decide_later
from digitgan.training import Ranks, checkpoints, join_ranks
from digitgan.training.memory import MemoryEstimate, estimate_memory
from digitgan.version import versions

LEAST_OF_LENGTH = 0.01
"""Share of a recipe's own length below which its images show nothing: `dcgan` has 3,600,000, and shows shapes after 36,000."""

RUNS = Path("runs")
"""Default folder of new runs."""


@final
@dataclass(frozen=True)
class TrainPlan:
    """A resolved plan of a training.

    Attributes:
        recipe: recipe with explicit values, including the length and the precision.
        image_set: training images, without labels if the recipe is unconditional.
        labelled: training images with labels.
        data: source of the images, as the user requested it.
        seed: seed of all random numbers.
        device: device of the training.
        threads: number of CPU threads.
        run: folder of the run.
        resumed: whether the training continues an existing run.
        overwrite: whether the training replaces an existing run.
        tensorboard: whether TensorBoard event files are written.
        repetition: how to repeat a training of which the speed of the machine chose the length; else None.
        open_length: decides the length during the training; None once it is decided.
        start: earlier model, from whose weights a new run starts; None for random weights.
        ranks: processes that torchrun started for this training; None if it runs in a single process.
        account: account of the time, to which the training adds.
    """

    recipe: Recipe
    image_set: ImageSet
    labelled: ImageSet
    data: DataRequest
    seed: int
    device: torch.device
    threads: int
    run: RunFolder
    resumed: bool
    overwrite: bool
    tensorboard: bool = False
    repetition: Repetition | None = None
    open_length: OpenLength | None = field(default=None, compare=False)
    start: StartingPoint | None = None
    ranks: Ranks | None = None
    account: TimeAccount = field(default_factory=TimeAccount, compare=False)

    @property
    def follows(self) -> bool:
        """Return whether this process follows a leader, which alone displays and writes."""
        return self.ranks is not None and not self.ranks.leads

    @property
    def spec(self) -> ImageSpec:
        """The shape and the number of classes of the training images."""
        return image_spec(self.image_set)

    @property
    def command(self) -> str:
        """The command that repeats a training whose length was chosen by the speed of the machine; else ""."""
        return "" if self.repetition is None else self.repetition.command(self.recipe)

    def decided(self, images: int) -> TrainPlan:
        """Return the plan with a length in images that was decided during the training."""
        training = dataclasses.replace(self.recipe.training, images=images)
        return dataclasses.replace(self, recipe=dataclasses.replace(self.recipe, training=training), open_length=None)

    def about_length(self) -> str:
        """Return a line about a length that was chosen by the speed of the machine, with the command of a repetition."""
        threads = counted(self.arithmetic()["threads"], "thread")
        images = f"{self.recipe.training.images:,} images"
        return f"length {images}, chosen by the speed of this machine; the same weights, with {threads}: {self.command}"

    def arithmetic(self) -> dict[str, Any]:
        """Return the facts that determine the rounding of sums; see `digitgan.device.arithmetic`."""
        # Each microbatch is computed by one thread, whatever the number of threads.
        threads = 1 if self.recipe.updates.microbatches > 1 else self.threads
        return arithmetic(self.device, threads, self.recipe.training.precision)

    def data_record(self) -> dict[str, Any]:
        """Return the entry of the run's record about its data."""
        return {
            **self.data.record(),
            "name": self.image_set.name,
            "images": len(self.image_set),
            "shape": list(self.image_set.shape),
            "classes": list(self.image_set.class_names),
            "content_hash": self.image_set.content_hash,
        }

    def facts(self) -> dict[str, Any]:
        """Return the plan as JSON values, for `--json` and the record."""
        added = origins_of(self.recipe)
        return {
            "recipe": self.recipe.name,
            **({"origins": added} if added else {}),
            "seed": self.seed,
            "images": self.recipe.training.images,
            "precision": self.recipe.training.precision,
            "device": self.device.type,
            "threads": self.threads,
            "arithmetic": self.arithmetic(),
            "data": self.data_record(),
            "versions": versions(),
        }

    def too_short(self) -> str:
        """Return a warning if the run is too short for its recipe to draw anything; "" otherwise."""
        usual = RECIPES.get(self.recipe.name)
        needed = 0 if usual is None or self.start is not None else round(LEAST_OF_LENGTH * usual.training.images)
        if self.recipe.training.images >= needed:
            return ""
        images, name = self.recipe.training.images, self.recipe.name
        return f"{images:,} images are too few for {name} to draw anything: it needs about {needed:,}"

    def memory(self) -> MemoryEstimate | None:
        """Estimate the memory of the training, None if that is not possible; this takes a second or two."""
        return estimate_memory(self.recipe, self.spec, self.device, len(self.image_set), self.threads)

    def summary(self) -> list[str]:
        """Return the plan as lines of text."""
        with torch.device("meta"):
            built = build_generator(self.recipe, self.spec)
            discriminator = trained_parameters(build_discriminator(self.recipe, self.spec))
        generator = trained_parameters(built)
        channels, height, width = self.image_set.shape
        training = self.recipe.training
        made = getattr(built, "inner", built).spec
        fitted = "" if made == self.spec else f"; the networks make {made.width}x{made.height}, which is cut to this size"
        balance = "" if training.balance == "none" else f", balance {training.balance}"
        whole = -(-training.images // training.batch_size) * training.batch_size
        batches = f", in whole batches {whole:,}" if whole != training.images else ""
        length = f"{training.images:,} images{batches}"
        if self.open_length is not None:
            length = f"about {training.images:,} images, decided during the training"
        ancestry = [] if self.start is None else [f"from     {self.start.name}"]
        return [
            f"recipe   {self.recipe.name}: generator {generator:,} and discriminator {discriminator:,} parameters",
            f"data     {self.image_set.name}: {len(self.image_set):,} images {width}x{height}x{channels}, "
            f"{counted(len(self.image_set.class_names), 'class', 'es')}{balance}{fitted}",
            f"machine  {self.device.type}, {self.threads} thread{'s' if self.threads > 1 else ''}, {training.precision}",
            *ancestry,
            f"length   {length} ({training.images / len(self.image_set):.2f} epochs), seed {self.seed}",
            f"run      {self.run.path}",
        ]


def plan_training(options: TrainOptions, notify: ProgressFn, account: TimeAccount | None = None) -> TrainPlan:
    """Validate the options and resolve them to a plan; nothing is written.

    Args:
        options: options of the training. A budget in minutes begins with the account.
        notify: called with lines about slow operations and replaced settings.
        account: account of the time; None for one that begins now.

    Raises:
        DigitganError: one of its subclasses, if an option is invalid, the data cannot be loaded, or the run to resume was
            started with other settings. With torchrun, also if the processes cannot agree on one plan.
    """
    ranks = join_ranks(options.device)
    if ranks is not None and not ranks.leads:
        notify = silent
    check_lengths(options)
    if "" in options.data:
        raise UsageError("--data: is empty; give a source or omit the option")
    if options.out is not None and not options.resume:
        check_out(options.out, overwrite=options.overwrite)
    account = account or TimeAccount()
    plan = _resumed(options, notify, account) if options.resume else _new(options, ranks, notify, account)
    plan = dataclasses.replace(plan, tensorboard=plan.tensorboard or options.tensorboard, ranks=ranks, account=account)
    if plan.tensorboard:
        check_tensorboard()
    return plan if ranks is None else _agreed(plan, ranks)


def _new(options: TrainOptions, ranks: Ranks | None, notify: ProgressFn, account: TimeAccount) -> TrainPlan:
    check_settings(options)  # before the data is loaded
    seed = 0 if options.seed is None else options.seed
    device, threads = prepare(options.device)
    start = None if options.from_ is None else StartingPoint.found(options.from_, notify)
    if start is not None and start.run is not None and options.out and options.out.resolve() == start.run.path.resolve():
        raise UsageError(f"--from {options.from_}, --out {options.out}: are one folder; choose another --out")
    check_stated_size(options, device, threads)
    read = ReadOptions.of(options)
    data = DataRequest.requested(options.data, options.data_dir, options.per_class_limit, read=read)
    labelled = data.load(notify=notify)
    data, labelled = with_filled_classes(data, labelled, notify)
    account.end("data")
    recipe = _recipe_for(labelled, options, device, notify, start)
    for line in count_warnings(labelled, recipe.training.balance):
        notify(f"warning: {line}")
    recipe = fitting_labels(recipe, labelled, notify)
    parts = recipe.updates.microbatches
    recipe = checked_recipe(with_microbatches(recipe, 1 if ranks is None else ranks.count, notify))
    image_set = images_for(recipe, labelled)
    if recipe.training.evaluate_every and len(labelled.class_names) == 1:
        check_groups(labelled)
    if start is not None:
        start.check(recipe, image_set)
        for line in start.inherited(recipe, labelled, options):
            notify(line)
    spec = image_spec(image_set)
    recipe = with_precision(recipe, device)
    check_capacity(recipe, spec, device, len(image_set), threads)  # builds the networks on the meta device
    account.end("checks")
    whole = recipe
    recipe = with_length(whole, options, len(image_set), spec, device, notify, account)
    account.end("speed")
    check_networks(recipe, spec)
    run = RunFolder(options.out or free_run_path(RUNS, recipe.name, Path(data.source).stem))
    plan = TrainPlan(recipe, image_set, labelled, data, seed, device, threads, run, resumed=False, overwrite=options.overwrite)
    plan = dataclasses.replace(plan, start=start)
    if options.minutes is not None:
        later = can_decide_later(recipe, device)
        named = options.recipe if options.config is not None or options.from_ is not None else recipe.name
        plan = dataclasses.replace(
            plan,
            repetition=Repetition(options, named, whole, parts),
            open_length=OpenLength(options.minutes, account) if later else None,
        )
        if not later:
            notify(plan.about_length())
    if warning := plan.too_short():
        notify(f"warning: {warning}")
    return plan


def _recipe_for(
    image_set: ImageSet, options: TrainOptions, device: torch.device, notify: ProgressFn, start: StartingPoint | None
) -> Recipe:
    """Return the requested recipe; if the options name none, that of the earlier model, or the one that suits the images."""
    if start is not None:
        named = options.config is not None or options.recipe is not None
        base = requested_recipe(dataclasses.replace(options, settings=())) if named else start.recipe()
        return requested_recipe(dataclasses.replace(options, recipe=None, config=None), started_recipe(base))
    if options.recipe is not None or options.config is not None:
        return requested_recipe(options)
    spec = image_spec(image_set.unlabelled() if options.unconditional else image_set)
    name, reason = suitable_recipe(spec, len(image_set), device)
    notify(f"recipe {name}: suits {reason}; `digitgan recipes` lists others")
    return requested_recipe(options, find_recipe(name))


def _resumed(options: TrainOptions, notify: ProgressFn, account: TimeAccount) -> TrainPlan:
    if options.out is None:
        raise UsageError("--resume: needs --out, the folder of the run to continue")
    if options.overwrite:
        raise UsageError("--resume, --overwrite: give only one of them")
    if options.from_ is not None:
        raise UsageError("--resume, --from: give only one of them; --from starts a new run")
    run = open_run(options.out)
    recipe, record = run.read_recipe(), run.read_record()
    check_names(recipe, run.missing_origin(), str(run.path))
    check_resumable(run, record)
    device, threads = prepare(_device(options, record))
    read = ReadOptions.of(options)
    data = DataRequest.requested(options.data, options.data_dir, options.per_class_limit, record["data"], read)
    labelled = data.load(notify=notify)
    image_set = images_for(recipe, labelled)
    account.end("data")
    extended = with_length(recipe, options, len(image_set), image_spec(image_set), device, notify, account)
    account.end("speed")
    check_unchanged(run, recipe, record, options, image_set)
    check_networks(extended, image_spec(image_set))
    saved = checkpoints(run.checkpoints)
    if saved:
        check_length(run, extended, int(saved[-1].name))
        check_still_grown(recipe, extended, image_spec(image_set), int(saved[-1].name))
    plan = TrainPlan(extended, image_set, labelled, data, record["seed"], device, threads, run, resumed=True, overwrite=False)
    if not saved and isinstance(ancestry := record.get("from"), dict):  # it was stopped before the weights were taken over
        start = StartingPoint.found(str(ancestry.get("name")), notify)
        if start.sha256 != ancestry.get("sha256"):
            raise RunError(
                f"{run.path}: {start.name}, from which the run starts, has changed; start a new run with another --out"
            )
        plan = dataclasses.replace(plan, start=start)
    return dataclasses.replace(plan, tensorboard=record.get("tensorboard", False))


def _device(options: TrainOptions, record: dict[str, Any]) -> str:
    """Return the device of a resumed run: that of the option, else that of the run if this machine has it."""
    recorded = record.get("device")
    return recorded if options.device == "auto" and recorded in available_devices() else options.device


def _agreed(plan: TrainPlan, ranks: Ranks) -> TrainPlan:
    """Return the plan of the leader, which measured the speed and chose the folder, on every rank."""
    ranks.share_of(plan.recipe.updates.microbatches)
    own = [to_toml(plan.recipe), plan.seed, str(plan.run.path), plan.image_set.content_hash]
    recipe, seed, path, data = json.loads(ranks.broadcast(json.dumps(own).encode()))
    if plan.image_set.content_hash != data:
        raise DataError(
            f"{plan.image_set.name}: the data of process {ranks.rank} differs from that of the first process "
            f"(SHA-256 {plan.image_set.content_hash[:12]}…, not {data[:12]}…); give all machines the same data"
        )
    ranks.wait()  # all ranks have checked that the folder is free before the leader makes it
    return dataclasses.replace(
        plan, recipe=from_toml(recipe, "the first process's recipe", BLANK), seed=seed, run=RunFolder(Path(path))
    )
