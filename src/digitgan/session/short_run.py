"""The batch and the learning rates of a short run; see `training.least_steps`.

The batch is smaller than that of the recipe, so that the run has more steps, and the learning rates are higher.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from digitgan.options import TrainOptions
from digitgan.recipes import RECIPES, Recipe
from digitgan.training.pretraining import generator_steps
from digitgan.training.speed import with_batch_size

MIN_BATCH_SIZE: Final = 32
"""Smallest batch of a short run: a step of fewer images takes hardly less time."""

SHORT_RATES: Final = 1.5
"""Factor of the learning rates of a run with a smaller batch. Larger batches and longer runs do not gain from it."""

RATES: Final = ("optimizer.generator_learning_rate", "optimizer.discriminator_learning_rate")

EXPECTED_WITHIN: Final = 2
"""Largest factor between the length of a run and the one for which its batch was chosen."""


def names_batch(options: TrainOptions) -> bool:
    """Return whether the options name a batch size, which is then kept: by a setting, or with all settings in a file."""
    return _names(options, "training.batch_size", "updates.generator_batch")


def _names(options: TrainOptions, *settings: str) -> bool:
    named = {setting.partition("=")[0].strip() for setting in options.settings}
    return options.config is not None or bool(named & {*settings})


def batch_for(recipe: Recipe, images: int) -> int:
    """Return the batch size of a run of this length: that of the recipe, halved until the run has its least number of steps."""
    size, parts = recipe.training.batch_size, recipe.updates.microbatches
    least = max(MIN_BATCH_SIZE, 2 * parts)
    while images < recipe.training.least_steps * size and size % (2 * parts) == 0 and size // 2 >= least:
        size //= 2
    return size


def shortened(recipe: Recipe, size: int, options: TrainOptions) -> Recipe:
    """Return the recipe of a short run: with a smaller batch, and higher learning rates.

    The rates stay if the options name them, or if the optimisers are not those of the recipe of this name.
    """
    shorter, usual = with_batch_size(recipe, size), RECIPES.get(recipe.name)
    named = _names(options, *RATES)
    measured = usual is not None and usual.optimizer == recipe.optimizer
    return _with_rates(shorter, SHORT_RATES) if measured and not named else shorter


def _with_rates(recipe: Recipe, factor: float) -> Recipe:
    optimizer = recipe.optimizer
    generator = round(factor * optimizer.generator_learning_rate, 12)
    discriminator = round(factor * optimizer.discriminator_learning_rate, 12)
    changed = dataclasses.replace(optimizer, generator_learning_rate=generator, discriminator_learning_rate=discriminator)
    return dataclasses.replace(recipe, optimizer=changed)


def with_what_length_changes(requested: Recipe, recipe: Recipe, options: TrainOptions) -> Recipe:
    """Return a requested recipe with the batch, learning rates and pretraining of a run, as far as its length chose them.

    Args:
        requested: recipe that the options of a resumed run request.
        recipe: recipe of the run.
        options: the options, whose settings are kept.
    """
    training, optimizer = recipe.training, recipe.optimizer
    if not names_batch(options) and training.batch_size < requested.training.batch_size:
        requested = with_batch_size(requested, training.batch_size)
        if not _names(options, *RATES) and _with_rates(requested, SHORT_RATES).optimizer == optimizer:
            requested = dataclasses.replace(requested, optimizer=optimizer)
    changed = {
        name: getattr(training, name)
        for name in ("generator_pretraining", "feature_pretraining")
        if getattr(training, name) < getattr(requested.training, name)
    }
    return dataclasses.replace(requested, training=dataclasses.replace(requested.training, **changed))


def with_usual_batch(recipe: Recipe) -> Recipe:
    """Return the recipe of a run with the batch that a longer run of it has, if its own is smaller because it is short.

    The same holds for the learning rates, and for the number of pretraining steps of the generator.
    """
    usual = RECIPES.get(recipe.name)
    if usual is not None:
        recipe = _with_usual_pretraining(recipe, usual)
    if usual is None or usual.training.batch_size <= recipe.training.batch_size:
        return recipe
    whole = with_batch_size(recipe, usual.training.batch_size)
    if recipe.optimizer == _with_rates(dataclasses.replace(recipe, optimizer=usual.optimizer), SHORT_RATES).optimizer:
        whole = dataclasses.replace(whole, optimizer=usual.optimizer)
    training = dataclasses.replace(whole.training, least_steps=usual.training.least_steps)
    whole_batch = dataclasses.replace(whole, training=training)
    # The batch belongs to the length that was expected before the training, and a budget in minutes may end at another.
    images = recipe.training.images
    smallest, largest = batch_for(whole_batch, images // EXPECTED_WITHIN), batch_for(whole_batch, images * EXPECTED_WITHIN)
    return whole if smallest <= recipe.training.batch_size <= largest else recipe


def _with_usual_pretraining(recipe: Recipe, usual: Recipe) -> Recipe:
    training = dataclasses.replace(recipe.training, generator_pretraining=usual.training.generator_pretraining)

    def steps_of(images: int) -> int:
        return generator_steps(dataclasses.replace(recipe, training=dataclasses.replace(training, images=images)))

    steps, images = recipe.training.generator_pretraining, recipe.training.images
    explained = steps_of(images // EXPECTED_WITHIN) <= steps <= steps_of(images * EXPECTED_WITHIN)
    return dataclasses.replace(recipe, training=training) if explained and steps else recipe
