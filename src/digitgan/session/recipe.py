"""Validation of the training options, and the recipe that they select; no data is loaded."""

from __future__ import annotations

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.options import TrainOptions
from digitgan.recipes import DEFAULT_RECIPE, Recipe, check_recipe, find_recipe, read_recipe, with_settings
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES

PRETRAINING = 50
"""Number of pretraining steps of the discriminator; a convolutional one separates digits from noise in fewer."""


def check_lengths(options: TrainOptions) -> None:
    """Validate the length and the seed.

    Raises:
        UsageError: if the length or the seed is out of range, or two lengths are given.
    """
    given = [f"--{name}" for name in ("images", "epochs", "minutes") if getattr(options, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{', '.join(given)}: give only one of them")
    for name, value in (("images", options.images), ("epochs", options.epochs), ("minutes", options.minutes)):
        if value is not None and not 0 < value < 10**12:
            below = " and below a trillion" if value > 0 else ""
            raise UsageError(f"--{name} {value}: must be above 0{below}")
    if options.seed is not None:
        rng.check_seed(options.seed)


def requested_recipe(options: TrainOptions, base: Recipe | None = None) -> Recipe:
    """Return the requested recipe; without a name, `base` or the default recipe."""
    if options.config is not None and options.recipe is not None:
        raise UsageError(f"{options.recipe}, --config: give only one of them; `base` in the file names its recipe")
    if options.config is not None:
        recipe = read_recipe(options.config)
    elif options.recipe is None and base is not None:
        recipe = base
    else:
        recipe = find_recipe(options.recipe or DEFAULT_RECIPE)
    if options.pretrain_discriminator:
        recipe = with_settings(recipe, [f"training.pretraining={PRETRAINING}"])
    if options.evaluate_every is not None:
        if options.evaluate_every < 1:
            raise UsageError(f"--evaluate-every {options.evaluate_every}: must be a number of images above 0, such as 20000")
        recipe = with_settings(recipe, [f"training.evaluate_every={options.evaluate_every}"])
    return with_settings(recipe, options.settings)


def checked_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe if its names exist and its parts are compatible; otherwise raise `RecipeError`."""
    loss = LOSSES.find(recipe.loss.name)
    PENALTIES.find(recipe.penalty.name)
    check_recipe(recipe, paired=loss.paired, smoothable=loss.smoothable)
    return recipe
