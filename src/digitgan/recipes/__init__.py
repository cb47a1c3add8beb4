"""Recipes: the settings of a training run, as typed, frozen dataclasses.

`RECIPES` is the table of the recipes that come with the package. A TOML file or single settings (`section.key=value`) change a
recipe. This package imports the standard library only, so that listing and checking recipes stays fast.
"""

from digitgan.recipes.families import (
    DISCRIMINATOR_FAMILIES,
    GENERATOR_FAMILIES,
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    DiscriminatorRecipe,
    GeneratorRecipe,
    KerasGraphGeneratorRecipe,
    ProjectedDiscriminatorRecipe,
    RecurrentDiscriminatorRecipe,
    RecurrentGeneratorRecipe,
    ResidualDiscriminatorRecipe,
    ResidualGeneratorRecipe,
    StyleDiscriminatorRecipe,
    StyleGeneratorRecipe,
)
from digitgan.recipes.presets import ALIASES, DEFAULT_RECIPE, RECIPES
from digitgan.recipes.settings import (
    AugmentationRecipe,
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
from digitgan.recipes.unconditional import without_labels
from digitgan.recipes.validation import check_recipe

__all__ = [
    "ALIASES",
    "BLANK",
    "DEFAULT_RECIPE",
    "DISCRIMINATOR_FAMILIES",
    "GENERATOR_FAMILIES",
    "RECIPES",
    "AugmentationRecipe",
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
    "ProjectedDiscriminatorRecipe",
    "Recipe",
    "RecurrentDiscriminatorRecipe",
    "RecurrentGeneratorRecipe",
    "ResidualDiscriminatorRecipe",
    "ResidualGeneratorRecipe",
    "StyleDiscriminatorRecipe",
    "StyleGeneratorRecipe",
    "TrainingRecipe",
    "UpdatesRecipe",
    "check_recipe",
    "differences",
    "find_recipe",
    "from_toml",
    "read_recipe",
    "to_toml",
    "with_settings",
    "without_labels",
]
