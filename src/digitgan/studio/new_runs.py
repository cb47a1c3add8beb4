"""The request for a new run, and the recipe settings that the page offers, each with a short explanation."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

from pydantic import BaseModel, ConfigDict, Field

from digitgan.data import ReadOptions
from digitgan.data.data_request import DEFAULT_SOURCE
from digitgan.data.named.datasets import DATASETS
from digitgan.data.sources import DIGITS
from digitgan.options import TrainOptions, help_of
from digitgan.recipes import RECIPES, Recipe
from digitgan.session.recipe import check_lengths, checked_recipe, requested_recipe
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES

MAX_MINUTES: Final = 24 * 60.0


HELP: Final = help_of(TrainOptions)


class NewRun(BaseModel):
    """The body of a request for a new run: some of the options of `digitgan train`, within the limits of the studio."""

    model_config = ConfigDict(extra="forbid")

    recipe: str = Field("fast", max_length=100, description="recipe name; GET /api/v1/recipes lists them")
    data: str = Field(
        DEFAULT_SOURCE, max_length=200, description="name of an image set; GET /api/v1/recipes and GET /api/v1/data list them"
    )
    size: str | None = Field(None, max_length=20, description=HELP["size"])
    fit: Literal["crop", "pad", "stretch"] = Field("crop", description=HELP["fit"])
    colour: Literal["auto", "grey", "rgb"] = Field("auto", description=HELP["colour"])
    background: str = Field("black", max_length=20, description=HELP["background"])
    invert_colours: bool = Field(False, description=HELP["invert_colours"])
    skip_damaged: bool = Field(False, description=HELP["skip_damaged"])
    name: str | None = Field(None, max_length=100, description="run name; default: the next free name")
    seed: int = Field(0, ge=0, lt=2**63, description=HELP["seed"])
    images: int | None = Field(None, gt=0, le=10**9, description=f"{HELP['images']}; excludes minutes")
    minutes: float | None = Field(None, gt=0, le=MAX_MINUTES, description=f"{HELP['minutes']}; default: 1, without images")
    evaluate_every: int | None = Field(None, ge=1000, le=10**9, description=HELP["evaluate_every"])
    settings: list[str] = Field(default_factory=list, max_length=50, description=f'{HELP["settings"]}: "section.key=value"')


@final
@dataclass(frozen=True)
class RecipeOption:
    """A recipe setting that the page offers.

    Attributes:
        setting: name of the setting, "section.key".
        label: label on the page.
        text: effect of the setting, in one or two sentences.
        choices: allowed names; empty for a number.
        low: smallest useful number.
        high: largest useful number.
    """

    setting: str
    label: str
    text: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def value(self, recipe: Recipe) -> Any:
        """Return the value of the setting in a recipe."""
        section, _, key = self.setting.partition(".")
        return getattr(getattr(recipe, section), key)


RECIPE_OPTIONS: Final = (
    RecipeOption(
        "loss.name",
        "Loss",
        "Objective of both networks. With a cross-entropy loss, the discriminator estimates the probability that an image is "
        "real. With the relativistic loss, it compares a real with a generated image, which is more stable.",
        choices=tuple(LOSSES),
    ),
    RecipeOption(
        "optimizer.generator_learning_rate",
        "Generator learning rate",
        "Step size of the generator. If it is too large, the generated digits change abruptly.",
        low=1e-5,
        high=0.02,
    ),
    RecipeOption(
        "optimizer.discriminator_learning_rate",
        "Discriminator learning rate",
        "Step size of the discriminator. If it learns much faster than the generator, the generator gets no useful gradient.",
        low=1e-5,
        high=0.02,
    ),
    RecipeOption(
        "penalty.name",
        "Penalty",
        "Gradient penalty that keeps the discriminator smooth, so that its gradient is useful to the generator.",
        choices=tuple(PENALTIES),
    ),
    RecipeOption(
        "penalty.gamma",
        "Penalty weight",
        "Strength of the penalty. At 0, the discriminator may become too strong; if too large, it cannot separate the images.",
        low=0.0,
        high=10.0,
    ),
)
"""Recipe settings that the page offers. The command line accepts all settings."""


def data_sources() -> list[str]:
    """Return the names of the image sets that the page offers, never a path."""
    return [*DATASETS, *([DIGITS] if importlib.util.find_spec("sklearn") else [])]


def options_of(new: NewRun, path: Path | None = None) -> TrainOptions:
    """Return the options of `digitgan train` for a new run.

    Args:
        new: the request.
        path: the path of an image set of the user's own; None if `new.data` is the name of a data set.

    Raises:
        DigitganError: if a setting is invalid. Class and message are those of the command line.
    """
    options = TrainOptions(
        recipe=new.recipe,
        data=(new.data if path is None else str(path),),
        seed=new.seed,
        images=new.images,
        minutes=1.0 if new.images is None and new.minutes is None else new.minutes,
        evaluate_every=new.evaluate_every,
        settings=tuple(new.settings),
        size=new.size or None,
        fit=new.fit,
        colour=new.colour,
        background=new.background,
        invert_colours=new.invert_colours,
        skip_damaged=new.skip_damaged,
    )
    ReadOptions.of(options)
    check_lengths(options)
    checked_recipe(requested_recipe(options))
    return options


def recipe_table() -> list[dict[str, Any]]:
    """Return the recipes with their values of `RECIPE_OPTIONS`, as JSON values."""
    return [
        {
            "name": recipe.name,
            "description": recipe.description,
            "conditional": recipe.conditional,
            "images": recipe.training.images,
            "settings": {each.setting: each.value(recipe) for each in RECIPE_OPTIONS},
        }
        for recipe in RECIPES.values()
    ]
