"""The batch of a short run: smaller than that of its recipe, so that the run has more steps; see `training.least_steps`."""

from __future__ import annotations

import dataclasses
from typing import Final

from digitgan.options import TrainOptions
from digitgan.recipes import RECIPES, Recipe
from digitgan.training.speed import with_batch_size

MIN_BATCH_SIZE: Final = 32
"""Smallest batch of a short run: a step of fewer images takes hardly less time."""


def names_batch(options: TrainOptions) -> bool:
    """Return whether the options name a batch size, which is then kept: by a setting, or with all settings in a file."""
    named = {setting.partition("=")[0].strip() for setting in options.settings}
    return options.config is not None or bool(named & {"training.batch_size", "updates.generator_batch"})


def batch_for(recipe: Recipe, images: int) -> int:
    """Return the batch size of a run of this length: that of the recipe, halved until the run has its least number of steps."""
    size, parts = recipe.training.batch_size, recipe.updates.microbatches
    least = max(MIN_BATCH_SIZE, 2 * parts)
    while images < recipe.training.least_steps * size and size % (2 * parts) == 0 and size // 2 >= least:
        size //= 2
    return size


def with_usual_batch(recipe: Recipe) -> Recipe:
    """Return the recipe of a run with the batch that a longer run of it has, if its own is smaller because it is short."""
    usual = RECIPES.get(recipe.name)
    if usual is None or usual.training.batch_size <= recipe.training.batch_size:
        return recipe
    whole = with_batch_size(recipe, usual.training.batch_size)
    training = dataclasses.replace(whole.training, least_steps=usual.training.least_steps)
    explained = batch_for(dataclasses.replace(whole, training=training), recipe.training.images) == recipe.training.batch_size
    return whole if explained else recipe
