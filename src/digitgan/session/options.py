"""What a user asks for, and which recipe that is: before any data is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.recipes import DEFAULT_RECIPE, Recipe, check_recipe, find_recipe, read_recipe, with_settings
from digitgan.training.losses import find_loss
from digitgan.training.penalties import find_penalty

PRETRAINING = 50
"""Steps of a discriminator's pretraining: a convolutional one tells digits from noise well before."""


@final
@dataclass(frozen=True)
class TrainOptions:
    """What a user asks for; None is "as it comes": the default for a new run, what it has for a resumed one.

    Attributes:
        recipe: a recipe's name.
        config: a TOML file with a recipe; excludes `recipe`.
        settings: single changes, each "section.key=value".
        pretrain_discriminator: let the discriminator learn alone first, `PRETRAINING` steps long.
        data: "mnist", "digits", "auto", a folder or an NPZ file.
        data_dir: where downloaded sets lie.
        out: the run's folder.
        seed: of everything random.
        images: length in images; `epochs` and `minutes` are other ways to say it, at most one of the three.
        epochs: length in passes over the data.
        minutes: length in minutes of training, turned into images once, by the speed measured at the start.
        evaluate_every: images after which what is drawn is scored each time.
        tensorboard: write event files for TensorBoard too.
        device: "auto", "cpu", "cuda" or "mps".
        resume: go on with the run in `out`.
        overwrite: replace the run in `out`.
    """

    recipe: str | None = None
    config: Path | None = None
    settings: Sequence[str] = ()
    pretrain_discriminator: bool = False
    data: str | None = None
    data_dir: Path | None = None
    out: Path | None = None
    seed: int | None = None
    images: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    evaluate_every: int | None = None
    tensorboard: bool = False
    device: str = "auto"
    resume: bool = False
    overwrite: bool = False


def check_lengths(options: TrainOptions) -> None:
    """Refuse a length or a seed that can't be meant.

    Raises:
        UsageError: for it, or for two lengths.
    """
    given = [f"--{name}" for name in ("images", "epochs", "minutes") if getattr(options, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other; give one")
    for name, value in (("images", options.images), ("epochs", options.epochs), ("minutes", options.minutes)):
        if value is not None and not 0 < value < 10**12:
            below = ", below a trillion," if value > 0 else ""
            raise UsageError(f"--{name} {value}: a number above 0{below} is right")
    if options.seed is not None:
        rng.check_seed(options.seed)


def requested_recipe(options: TrainOptions, base: Recipe | None = None) -> Recipe:
    """The recipe asked for; one that isn't named is `base`, or the default."""
    if options.config is not None and options.recipe is not None:
        raise UsageError("a recipe's name and --config exclude each other: the file's `base` names the recipe it changes")
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
            raise UsageError(f"--evaluate-every {options.evaluate_every}: a number of images is right, such as 20000")
        recipe = with_settings(recipe, [f"training.evaluate_every={options.evaluate_every}"])
    return with_settings(recipe, options.settings)


def checked_recipe(recipe: Recipe) -> Recipe:
    """The recipe, its names looked up and its parts seen to go together: before any data is loaded."""
    find_loss(recipe.loss.name)
    find_penalty(recipe.penalty.name)
    check_recipe(recipe)
    return recipe
