"""A new training as the page asks for it, and the few settings that teach something, each explained in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

from pydantic import BaseModel, ConfigDict, Field

from digitgan import rng
from digitgan.data.datasets import DATASETS
from digitgan.recipes import RECIPES, Recipe
from digitgan.session.options import TrainOptions, check_lengths, checked_recipe, requested_recipe
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES

MAX_MINUTES: Final = 24 * 60.0


class NewRun(BaseModel):
    """What to train."""

    model_config = ConfigDict(extra="forbid")

    recipe: str = Field("fast", max_length=100, description="a recipe's name; GET /api/v1/recipes lists them")
    data: str = Field("digits", max_length=100, description="digits (embedded), or the name of a set that can be downloaded")
    name: str | None = Field(None, max_length=100, description="of the run; the next free one where it is left out")
    seed: int = Field(0, ge=0, lt=2**63, description="of everything random")
    images: int | None = Field(None, gt=0, le=10**9, description="length in images seen; or")
    minutes: float | None = Field(None, gt=0, le=MAX_MINUTES, description="in minutes; a minute where neither is said")
    evaluate_every: int | None = Field(None, ge=1000, le=10**9, description="score what is drawn after every so many images")
    settings: list[str] = Field(default_factory=list, max_length=50, description='changes to the recipe: "section.key=value"')


@final
@dataclass(frozen=True)
class Knob:
    """A setting that teaches something.

    Attributes:
        setting: its name, "section.key".
        label: what the page calls it.
        text: what it does, in a sentence.
        choices: the names it can have; empty for a number.
        low: of a number, the smallest that makes sense to try.
        high: the largest.
    """

    setting: str
    label: str
    text: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def value(self, recipe: Recipe) -> Any:
        """What it is in a recipe."""
        section, _, key = self.setting.partition(".")
        return getattr(getattr(recipe, section), key)


KNOBS: Final = (
    Knob(
        "loss.name",
        "Loss",
        "What the two networks compete for: by cross-entropy the discriminator says how likely an image is real; relativistic, "
        "it only says which of two is more real, which is steadier.",
        choices=tuple(LOSSES),
    ),
    Knob(
        "optimizer.generator_learning_rate",
        "Generator's learning rate",
        "How large the steps are that the generator takes; too large, and its digits jump about.",
        low=1e-5,
        high=0.02,
    ),
    Knob(
        "optimizer.discriminator_learning_rate",
        "Discriminator's learning rate",
        "The same for its opponent; one that learns much faster than the generator leaves it nothing to learn from.",
        low=1e-5,
        high=0.02,
    ),
    Knob(
        "penalty.name",
        "Penalty",
        "What keeps the discriminator smooth, so that its verdict tells the generator a direction and not only a no.",
        choices=tuple(PENALTIES),
    ),
    Knob(
        "penalty.gamma",
        "Penalty's weight",
        "How smooth: without it the discriminator may win for good; with too much it goes blind.",
        low=0.0,
        high=10.0,
    ),
)
"""The settings that the page offers; the command line has all."""


def data_sources() -> list[str]:
    """The data that a page may ask for by name: embedded or downloaded, never a path."""
    return ["digits", *DATASETS]


def arguments_of(new: NewRun) -> list[str]:
    """The arguments of `digitgan train` for a wish.

    Raises:
        DigitganError: of the kind that fits, where it can't be granted: the same as on the command line.
    """
    rng.check_seed(new.seed)
    minutes = 1.0 if new.images is None and new.minutes is None else new.minutes
    options = TrainOptions(recipe=new.recipe, settings=tuple(new.settings), images=new.images, minutes=minutes)
    check_lengths(options)
    checked_recipe(requested_recipe(options))
    length = ["--images", str(new.images)] if new.images is not None else ["--minutes", f"{minutes:g}"]
    scored = ["--evaluate-every", str(new.evaluate_every)] if new.evaluate_every else []
    changes = [part for setting in new.settings for part in ("--set", setting)]
    return [new.recipe, "--data", new.data, "--seed", str(new.seed), *length, *scored, *changes]


def recipe_table() -> list[dict[str, Any]]:
    """The recipes, with what the page's settings are in each."""
    return [
        {
            "name": recipe.name,
            "description": recipe.description,
            "conditional": recipe.conditional,
            "images": recipe.training.images,
            "settings": {knob.setting: knob.value(recipe) for knob in KNOBS},
        }
        for recipe in RECIPES.values()
    ]
