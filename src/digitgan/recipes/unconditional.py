"""Recipes without labels, made from conditional ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from digitgan.errors import RecipeError
from digitgan.recipes.families import ProjectedDiscriminatorRecipe
from digitgan.recipes.settings import Recipe

WITHOUT_LABELS: Final[Mapping[str, Any]] = {"label_input": "none", "label_biases": False, "auxiliary_classifier": False}
"""The settings of a network that has no labels, of those that its family has."""


def without_labels(recipe: Recipe) -> Recipe:
    """Return a recipe whose networks receive and predict no labels; an unconditional recipe stays as it is.

    Raises:
        RecipeError: if the discriminator learns features from the labels.
    """
    if isinstance(recipe.discriminator, ProjectedDiscriminatorRecipe):
        raise RecipeError(
            f"recipe {recipe.name} without labels: its discriminator sees the features of a classifier, which needs labels. "
            "Use another recipe: fast, style, residual or progressive"
        )
    if not recipe.conditional:
        return recipe
    loss = dataclasses.replace(recipe.loss, matching_aware=False)
    generator, discriminator = _plain(recipe.generator), _plain(recipe.discriminator)
    for section, network in (("generator", generator), ("discriminator", discriminator)):
        if network.conditional:  # a registered family without a setting for this
            raise RecipeError(f'{section}.family = "{network.family}": always takes labels; choose another family without them')
    return dataclasses.replace(recipe, generator=generator, discriminator=discriminator, loss=loss)


def _plain(network: Any) -> Any:
    """Return the settings of a network without labels."""
    names = {field.name for field in dataclasses.fields(network)}
    changes = {name: value for name, value in WITHOUT_LABELS.items() if name in names}
    if getattr(network, "norm", None) == "class-batch":
        changes["norm"] = "batch"
    return dataclasses.replace(network, **changes)
