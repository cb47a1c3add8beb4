"""The training images: matched to the recipe, and described for the networks."""

from __future__ import annotations

from digitgan.data import ImageSet
from digitgan.errors import RecipeError, UsageError
from digitgan.networks import ImageSpec
from digitgan.recipes import RECIPES, Recipe


def images_for(recipe: Recipe, image_set: ImageSet) -> ImageSet:
    """Return the image set for the recipe: without labels if the recipe is unconditional.

    Raises:
        RecipeError: if the recipe needs labels and the set has none.
    """
    if not recipe.conditional:
        return image_set.unlabelled()
    if len(image_set.class_names) == 1:
        plain = ", ".join(name for name, other in RECIPES.items() if not other.conditional)
        raise RecipeError(
            f"recipe {recipe.name} with data {image_set.name}: a conditional recipe needs at least two classes. Give a "
            f"folder for each class, or use a recipe without labels: {plain}"
        )
    return image_set


def check_evaluation(recipe: Recipe, image_set: ImageSet) -> None:
    """Check that the images have the labels that evaluations during the training need.

    Raises:
        UsageError: if the recipe has evaluations and the images have no labels.
    """
    if recipe.training.evaluate_every and len(image_set.class_names) == 1:
        raise UsageError(
            f"--evaluate-every with data {image_set.name}: the classifier needs at least two classes. Omit the option, or "
            "give data with a folder for each class"
        )


def image_spec(image_set: ImageSet) -> ImageSpec:
    """Return the shape and the number of classes of an image set."""
    return ImageSpec(*image_set.shape, classes=len(image_set.class_names))
