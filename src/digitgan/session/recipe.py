"""The recipe of a training: selected by the options, validated, and with its precision and its length in images."""

from __future__ import annotations

import dataclasses
from typing import Final

import torch

from digitgan import rng
from digitgan.data import ImageSet, ProgressFn
from digitgan.device import choose_precision
from digitgan.errors import RecipeError, RunError, UsageError
from digitgan.lookup import origins
from digitgan.networks import DISCRIMINATORS, GENERATORS, ImageSpec, build_discriminator, build_generator
from digitgan.options import TrainOptions
from digitgan.recipes import DEFAULT_RECIPE, Recipe, check_recipe, find_recipe, read_recipe, with_settings, without_labels
from digitgan.session.account import TimeAccount
from digitgan.session.short_run import SHORT_RATES, batch_for, names_batch, shortened
from digitgan.session.time_budget import can_decide_later, images_in_budget, with_fixed_pretraining
from digitgan.training.augmentation import AUGMENTATIONS, check_operations, operations_of
from digitgan.training.growth import check_can_grow, growth_of
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES
from digitgan.training.trainer import freeze

DISCRIMINATOR_PRETRAINING_STEPS = 50
"""Number of pretraining steps of the discriminator; a convolutional one separates digits from noise in fewer."""

FEW_IMAGES = 500
"""Number of images of each class below which a discriminator learns them by heart, unless they are augmented."""

LARGE_SIDE = 40
"""Side in pixels above which images need networks of more stages."""

MAX_RUN_IMAGES = 10**12
"""Longest run, in images, epochs or minutes; a larger number is likely a typing error."""

MAX_MINUTES: Final = 366 * 24 * 60


def check_lengths(options: TrainOptions) -> None:
    """Validate the length and the seed.

    Raises:
        UsageError: if the length or the seed is out of range, or two lengths are given.
    """
    given = [f"--{name}" for name in ("images", "epochs", "minutes") if getattr(options, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{', '.join(given)}: give only one of them")
    for name, value in (("images", options.images), ("epochs", options.epochs), ("minutes", options.minutes)):
        if value is not None and not 0 < value < MAX_RUN_IMAGES:
            below = " and below a trillion" if value > 0 else ""
            raise UsageError(f"--{name} {value}: must be above 0{below}")
    if options.minutes is not None and options.minutes > MAX_MINUTES:
        raise UsageError(f"--minutes {options.minutes:g}: must be at most {MAX_MINUTES:,}, which is a year; or give --images")
    if options.seed is not None:
        rng.check_seed(options.seed)


CHOSEN_RECIPES: Final = (DEFAULT_RECIPE, "colour", "residual", "progressive", "few-shot", "colour-few-shot", "style")
"""The recipes of which `suitable_recipe` chooses one."""


def suitable_recipe(spec: ImageSpec, images: int, device: torch.device) -> tuple[str, str]:
    """Return the name of the recipe that suits a set of images, and the reason.

    Args:
        spec: shape and number of classes of the images.
        images: number of images.
        device: device of the training.
    """
    side, each = max(spec.height, spec.width), round(images / spec.classes)
    about = "" if images % spec.classes == 0 else "about "
    size = f"{spec.width}x{spec.height} {'grey' if spec.channels == 1 else 'colour'} images"
    few, colour = each < FEW_IMAGES, spec.channels > 1
    plain, of_each = spec.classes == 1, "of each class"
    if plain:
        size, of_each = f"{size} without labels", "without labels"
    candidates = [
        (few and colour and not plain, "colour-few-shot", f"{about}{each:,} colour images of each class"),
        (few and not (plain and colour), "few-shot", f"{about}{each:,} {'grey ' if not colour else ''}images {of_each}"),
        (side > LARGE_SIDE and device.type == "cpu", "progressive", f"{size} on a CPU"),
        (side > LARGE_SIDE or (colour and device.type != "cpu"), "residual", size),
        (colour, "style" if plain else "colour", size),
    ]
    passed_over = ""
    for suits, name, reason in candidates:
        if suits and _can_make(find_recipe(name), spec):
            return name, f"{reason}{passed_over}"
        if suits:
            passed_over = f"; {name} does not make this size"
    return DEFAULT_RECIPE, f"{size}{passed_over}"  # its networks refuse the size, and say what fits


def _can_make(recipe: Recipe, spec: ImageSpec) -> bool:
    try:
        check_networks(recipe, spec)
    except RecipeError:
        return False
    return True


def requested_recipe(options: TrainOptions, base: Recipe | None = None) -> Recipe:
    """Return the requested recipe; without a name, `base` or the default recipe.

    An option of its own, such as --evaluate-every, counts before the same setting in --set.
    """
    if options.config is not None and options.recipe is not None:
        raise UsageError(f"{options.recipe}, --config: give only one of them; `base` in the file names its recipe")
    if options.config is not None:
        recipe = read_recipe(options.config)
    elif options.recipe is None and base is not None:
        recipe = base
    else:
        recipe = find_recipe(options.recipe or DEFAULT_RECIPE)
    recipe = with_settings(recipe, options.settings)
    if options.pretrain_discriminator:
        recipe = with_settings(recipe, [f"training.pretraining={DISCRIMINATOR_PRETRAINING_STEPS}"])
    if options.evaluate_every is not None:
        if options.evaluate_every < 1:
            raise UsageError(f"--evaluate-every {options.evaluate_every}: must be a number of images above 0, such as 20000")
        recipe = with_settings(recipe, [f"training.evaluate_every={options.evaluate_every}"])
    return without_labels(recipe) if options.unconditional else recipe


def check_settings(options: TrainOptions) -> None:
    """Check the settings of a recipe before the data is loaded, which may choose the recipe.

    Raises:
        RecipeError: if the settings do not fit the named recipe or, without a name, any recipe that may be chosen.
    """
    if options.recipe is not None or options.config is not None:
        checked_recipe(requested_recipe(options))
        return
    errors: list[RecipeError] = []
    for name in CHOSEN_RECIPES:
        try:
            checked_recipe(requested_recipe(options, find_recipe(name)))
        except RecipeError as error:
            errors.append(error)
        else:
            return
    raise errors[0]


def checked_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe if its names exist and its parts are compatible; otherwise raise `RecipeError`."""
    check_operations(recipe.augmentation)
    check_can_grow(recipe)
    loss = LOSSES.find(recipe.loss.name)
    PENALTIES.find(recipe.penalty.name)
    check_recipe(recipe, paired=loss.paired, smoothable=loss.smoothable)
    return recipe


def check_names(recipe: Recipe, missing: str, source: str) -> None:
    """Check that the parts of a recorded recipe are registered.

    Args:
        recipe: the recipe of a run or a model.
        missing: which package or module it lacks, see `lookup.missing_origin`; "" if none.
        source: the run or the model, for error messages.

    Raises:
        RunError: if a part is not registered, and a package or a module that added it is missing.
        RecipeError: if a part is not registered, or the recipe is invalid.
    """
    try:
        checked_recipe(recipe)
    except RecipeError as problem:
        if missing:
            raise RunError(f"{source}: {missing}") from problem
        raise


def origins_of(recipe: Recipe) -> dict[str, str]:
    """Return the origins of the parts of a recipe that other packages or modules added, by setting; see `lookup.origins`."""
    operations = [("augmentation.operations", AUGMENTATIONS, name) for name in check_operations(recipe.augmentation)]
    return origins(
        [
            ("generator.family", GENERATORS, recipe.generator.family),
            ("discriminator.family", DISCRIMINATORS, recipe.discriminator.family),
            ("loss.name", LOSSES, recipe.loss.name),
            ("penalty.name", PENALTIES, recipe.penalty.name),
            *operations,
        ]
    )


def with_microbatches(recipe: Recipe, processes: int, notify: ProgressFn) -> Recipe:
    """Return the recipe with a microbatch for each process of the training, unless it has microbatches already."""
    if processes == 1 or recipe.updates.microbatches > 1:
        return recipe
    notify(
        f"{processes} processes: updates.microbatches = {processes}, so that batch norm normalises by the statistics of "
        f"{recipe.training.batch_size // processes} images instead of {recipe.training.batch_size}"
    )
    return dataclasses.replace(recipe, updates=dataclasses.replace(recipe.updates, microbatches=processes))


def with_precision(recipe: Recipe, device: torch.device) -> Recipe:
    """Return the recipe with the precision for the device, unless the recipe names one."""
    if recipe.training.precision != "auto":
        return recipe
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, precision=choose_precision(device)))


def with_length(
    recipe: Recipe,
    options: TrainOptions,
    images_an_epoch: int,
    spec: ImageSpec,
    device: torch.device,
    notify: ProgressFn,
    account: TimeAccount,
) -> Recipe:
    """Return the recipe with the requested length in images, at least one batch.

    Args:
        recipe: recipe with a resolved precision; its length stays if the options give none, and its batch if it is long enough.
        options: options of the training.
        images_an_epoch: number of training images.
        spec: shape of the training images.
        device: device of the training.
        notify: called before the speed is measured.
        account: account of the time, with which a budget in minutes begins.

    Raises:
        UsageError: if the length is above `MAX_RUN_IMAGES` images, or the minutes are too short for a step.
    """
    may_shrink = not options.resume and not names_batch(options)
    if options.images is not None:
        images = options.images
    elif options.epochs is not None:
        images = round(options.epochs * images_an_epoch)
    elif options.minutes is None:
        images = recipe.training.images
    else:
        images = images_in_budget(recipe, options.minutes, spec, device, notify, account, may_shrink=may_shrink)
    if may_shrink and (size := batch_for(recipe, images)) < recipe.training.batch_size:
        before, recipe = recipe, shortened(recipe, size, options)
        rates = "" if recipe.optimizer == before.optimizer else f" and {SHORT_RATES:g} times the learning rates"
        notify(f"batches of {size} images instead of {before.training.batch_size}{rates}, because this run has few steps")
    images = max(recipe.training.batch_size, images)
    if images > MAX_RUN_IMAGES:
        raise UsageError(f"the length of {images:,} images is too large; at most {MAX_RUN_IMAGES:,} are possible")
    recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=images))
    later = options.minutes is not None and not options.resume and can_decide_later(recipe, device)
    return with_fixed_pretraining(recipe) if later else recipe


def images_for(recipe: Recipe, image_set: ImageSet) -> ImageSet:
    """Return the image set for the recipe: without labels if the recipe is unconditional.

    Raises:
        RecipeError: if the recipe needs labels and the set has none.
    """
    if not recipe.conditional:
        return image_set.unlabelled()
    if len(image_set.class_names) == 1:
        raise RecipeError(
            f"recipe {recipe.name} with data {image_set.name}: its networks need at least two classes. Give a folder for each "
            "class, or add --unconditional"
        )
    return image_set


def fitting_labels(recipe: Recipe, image_set: ImageSet, notify: ProgressFn) -> Recipe:
    """Return the recipe, without labels if the images have none.

    Args:
        recipe: the recipe.
        image_set: the images.
        notify: called with a line about a recipe that is changed.

    Raises:
        RecipeError: if the recipe cannot do without labels.
    """
    if not recipe.conditional or len(image_set.class_names) > 1:
        return recipe
    plain = without_labels(recipe)
    notify(f"{image_set.name} has no labels: {recipe.name} is trained without them, as with --unconditional")
    return plain


def check_still_grown(before: Recipe, extended: Recipe, spec: ImageSpec, images_seen: int) -> None:
    """Check that the networks of a resumed run keep their size if the run becomes longer.

    Args:
        before: recipe of the run.
        extended: recipe with the new length.
        spec: shape of the images.
        images_seen: number of images that the run has seen.

    Raises:
        RecipeError: if the networks would return to an earlier stage of their growth.
    """
    with torch.device("meta"):
        generator, discriminator = build_generator(before, spec), build_discriminator(before, spec)
    old, new = (growth_of(recipe, generator, discriminator) for recipe in (before, extended))
    if old is not None and new is not None and new.level(images_seen) < old.level(images_seen):
        raise RecipeError(
            f'training.growth = "{before.training.growth}" with a run of {extended.training.images:,} images instead of '
            f"{before.training.images:,}: the networks would shrink, because parts of their growth are shares of the run. Make "
            "the run less long, or start a new one"
        )


def check_networks(recipe: Recipe, spec: ImageSpec) -> None:
    """Check that the networks, the growth and the augmentation of a recipe fit the images.

    Raises:
        RecipeError: if one of them does not.
    """
    with torch.device("meta"):
        generator, discriminator = build_generator(recipe, spec), build_discriminator(recipe, spec)
        growth_of(recipe, generator, discriminator)
        freeze(recipe, generator, discriminator)
    operations_of(recipe.augmentation, spec.channels)
    if recipe.training.balance != "none" and spec.classes == 1:
        raise RecipeError(
            f'training.balance = "{recipe.training.balance}" with images without labels: there are no classes to balance. Give '
            "--set training.balance=none"
        )
    if recipe.augmentation.name != "none" and min(spec.height, spec.width) == 1:
        raise RecipeError(
            f'augmentation.name = "{recipe.augmentation.name}" with images of {spec.width}x{spec.height}: images with a side '
            'of one pixel cannot be augmented. Set augmentation.name = "none"'
        )


def image_spec(image_set: ImageSet) -> ImageSpec:
    """Return the shape and the number of classes of an image set."""
    return ImageSpec(*image_set.shape, classes=len(image_set.class_names))
