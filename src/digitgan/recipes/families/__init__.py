"""The settings of the two networks, one file per family.

The sections `generator` and `discriminator` have a class for each network family. A setting that a family lacks raises an error
instead of being ignored.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Final

from digitgan.errors import RecipeError
from digitgan.lookup import Registry
from digitgan.recipes.families.base import setting
from digitgan.recipes.families.convolutional import ConvolutionalDiscriminatorRecipe, ConvolutionalGeneratorRecipe
from digitgan.recipes.families.keras_graph import KerasGraphGeneratorRecipe
from digitgan.recipes.families.projected import ProjectedDiscriminatorRecipe
from digitgan.recipes.families.recurrent import RecurrentDiscriminatorRecipe, RecurrentGeneratorRecipe
from digitgan.recipes.families.residual import ResidualDiscriminatorRecipe, ResidualGeneratorRecipe
from digitgan.recipes.families.style import StyleDiscriminatorRecipe, StyleGeneratorRecipe

__all__ = [
    "DISCRIMINATOR_FAMILIES",
    "FAMILY_SECTIONS",
    "GENERATOR_FAMILIES",
    "ConvolutionalDiscriminatorRecipe",
    "ConvolutionalGeneratorRecipe",
    "DiscriminatorRecipe",
    "GeneratorRecipe",
    "KerasGraphGeneratorRecipe",
    "ProjectedDiscriminatorRecipe",
    "RecurrentDiscriminatorRecipe",
    "RecurrentGeneratorRecipe",
    "ResidualDiscriminatorRecipe",
    "ResidualGeneratorRecipe",
    "StyleDiscriminatorRecipe",
    "StyleGeneratorRecipe",
    "setting",
]

GeneratorRecipe = (
    ConvolutionalGeneratorRecipe
    | RecurrentGeneratorRecipe
    | ResidualGeneratorRecipe
    | StyleGeneratorRecipe
    | KerasGraphGeneratorRecipe
)
DiscriminatorRecipe = (
    ConvolutionalDiscriminatorRecipe
    | RecurrentDiscriminatorRecipe
    | ResidualDiscriminatorRecipe
    | ProjectedDiscriminatorRecipe
    | StyleDiscriminatorRecipe
)

GENERATOR_FAMILIES: Final = Registry[type](
    "generator.family =",
    {
        "convolutional": ConvolutionalGeneratorRecipe,
        "recurrent": RecurrentGeneratorRecipe,
        "residual": ResidualGeneratorRecipe,
        "style": StyleGeneratorRecipe,
        "layered": KerasGraphGeneratorRecipe,
    },
    RecipeError,
    group="generator_families",
    kind=type,
)
"""The settings of each family of generators: frozen dataclasses whose fields are made by `setting`."""

DISCRIMINATOR_FAMILIES: Final = Registry[type](
    "discriminator.family =",
    {
        "convolutional": ConvolutionalDiscriminatorRecipe,
        "recurrent": RecurrentDiscriminatorRecipe,
        "residual": ResidualDiscriminatorRecipe,
        "projected": ProjectedDiscriminatorRecipe,
        "style": StyleDiscriminatorRecipe,
    },
    RecipeError,
    group="discriminator_families",
    kind=type,
)
"""The settings of each family of discriminators."""

FAMILY_SECTIONS: Final[Mapping[str, Registry[type]]] = types.MappingProxyType(
    {"generator": GENERATOR_FAMILIES, "discriminator": DISCRIMINATOR_FAMILIES}
)
"""The sections of a recipe whose settings depend on their `family`."""
