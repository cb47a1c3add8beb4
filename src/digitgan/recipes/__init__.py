"""Recipes: everything that defines a training run, as typed, frozen values.

A recipe is a row of data. `RECIPES` is the table of those that come with the program; a TOML file or single settings
(`section.key=value`) change one. This room uses the standard library only, so that listing and checking recipes costs no time.
"""

from digitgan.recipes.networks import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    DiscriminatorRecipe,
    GeneratorRecipe,
    KerasGraphGeneratorRecipe,
    RecurrentDiscriminatorRecipe,
    RecurrentGeneratorRecipe,
)
from digitgan.recipes.presets import ALIASES, DEFAULT_RECIPE, RECIPES
from digitgan.recipes.settings import (
    EmaRecipe,
    GuardRecipe,
    LossRecipe,
    OptimizerRecipe,
    PenaltyRecipe,
    Recipe,
    TrainingRecipe,
    UpdatesRecipe,
)
from digitgan.recipes.toml import BLANK, differences, find_recipe, from_toml, read_recipe, to_toml, with_settings
from digitgan.recipes.validation import check_recipe

__all__ = [
    "ALIASES",
    "BLANK",
    "DEFAULT_RECIPE",
    "RECIPES",
    "ConvolutionalDiscriminatorRecipe",
    "ConvolutionalGeneratorRecipe",
    "DiscriminatorRecipe",
    "EmaRecipe",
    "GeneratorRecipe",
    "GuardRecipe",
    "KerasGraphGeneratorRecipe",
    "LossRecipe",
    "OptimizerRecipe",
    "PenaltyRecipe",
    "Recipe",
    "RecurrentDiscriminatorRecipe",
    "RecurrentGeneratorRecipe",
    "TrainingRecipe",
    "UpdatesRecipe",
    "check_recipe",
    "differences",
    "find_recipe",
    "from_toml",
    "read_recipe",
    "to_toml",
    "with_settings",
]
