"""Recipes: everything that defines a training run, as typed, frozen values.

A recipe is a row of data. `RECIPES` is the table of those that come with the program; a TOML file or single settings
(`section.key=value`) change one. This module uses the standard library only, so that listing and checking recipes costs no
time. The names of losses, penalties and network families are looked up in the tables of the rooms that hold them.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_type_hints

from digitgan.errors import RecipeError, nearest


def _setting(default: Any, *, low: float | None = None, high: float | None = None, names: Iterable[str] = ()) -> Any:
    """A field with its default and the values it may take (bounds included)."""
    return field(default=default, metadata={"low": low, "high": high, "names": tuple(names)})


@dataclass(frozen=True)
class GeneratorRecipe:
    """The network that turns a latent and a label into an image.

    Attributes:
        family: which architecture, a name in the networks' table.
        latent: width of the latent vector z.
        label_embedding: width of the label's embedding, concatenated to z.
        channels: feature maps at each size, from the smallest up; each further entry doubles the size.
    """

    family: str = _setting("convolutional")
    latent: int = _setting(64, low=1, high=4096)
    label_embedding: int = _setting(64, low=1, high=4096)
    channels: tuple[int, ...] = _setting((64, 32, 12), low=1, high=4096)


@dataclass(frozen=True)
class DiscriminatorRecipe:
    """The network that scores an image and a label.

    Attributes:
        family: which architecture, a name in the networks' table.
        channels: feature maps of each convolution; each halves the size.
        features: width of the last hidden layer, whose product with the label's embedding is part of the score.
        label_biases: whether each convolution but the first has a bias for each class, so that already the early layers know
            what they should be looking at.
    """

    family: str = _setting("convolutional")
    channels: tuple[int, ...] = _setting((16, 32, 64), low=1, high=4096)
    features: int = _setting(128, low=1, high=4096)
    label_biases: bool = _setting(True)


@dataclass(frozen=True)
class LossRecipe:
    """What the two networks are asked to do; `name` is one of the losses' table."""

    name: str = _setting("relativistic")


@dataclass(frozen=True)
class PenaltyRecipe:
    """What keeps the discriminator smooth.

    Attributes:
        name: one of the penalties' table, or "none".
        gamma: its weight.
        interval: applied at every so many steps, and weighted by as many (lazy regularisation, Karras et al. 2020).
    """

    name: str = _setting("r1")
    gamma: float = _setting(0.05, low=0.0, high=1e4)
    interval: int = _setting(8, low=1, high=1024)


@dataclass(frozen=True)
class OptimizerRecipe:
    """Adam, one for each network, and the course of their learning rates.

    Attributes:
        generator_learning_rate: before the decay.
        discriminator_learning_rate: before the decay.
        beta1: decay of Adam's first moment.
        beta2: decay of Adam's second moment.
        epsilon: added to the root of the second moment.
        decay: the shape of the fall: "linear", "cosine", or "none".
        decay_share: the share of the run, at its end, over which the learning rates fall to (nearly) nothing.
    """

    generator_learning_rate: float = _setting(3e-3, low=0.0, high=1.0)
    discriminator_learning_rate: float = _setting(3e-3, low=0.0, high=1.0)
    beta1: float = _setting(0.0, low=0.0, high=0.9999)
    beta2: float = _setting(0.95, low=0.0, high=0.999999)
    epsilon: float = _setting(1e-8, low=1e-16, high=1.0)
    decay: str = _setting("linear", names=("linear", "cosine", "none"))
    decay_share: float = _setting(0.4, low=0.0, high=1.0)


@dataclass(frozen=True)
class EmaRecipe:
    """The exponential moving average of the generator's weights, which is what one draws from.

    Attributes:
        decay: share of the average that stays at each step.
        warm_up: at step t the decay is at most (1 + t) / (warm_up + t), so that the first weights are soon forgotten.
    """

    decay: float = _setting(0.998, low=0.0, high=0.999999)
    warm_up: float = _setting(10.0, low=1.0, high=1e6)


@dataclass(frozen=True)
class TrainingRecipe:
    """How long, in what portions, and how often something is shown or saved.

    Attributes:
        images: length of the run in images seen.
        batch_size: real images, and as many fakes, in each step.
        precision: "float32", "bfloat16" (autocast), or "auto": the faster of the two, measured at the start and recorded.
        previews: how many sample grids the run leaves, evenly spread; the last shows its end.
        checkpoints: how many checkpoints are written over the run, evenly spread; the last at its end.
    """

    images: int = _setting(75_000, low=1, high=10**12)
    batch_size: int = _setting(64, low=2, high=65_536)
    precision: str = _setting("auto", names=("auto", "float32", "bfloat16"))
    previews: int = _setting(24, low=1, high=10_000)
    checkpoints: int = _setting(4, low=1, high=10_000)


@dataclass(frozen=True)
class Recipe:
    """Everything that defines a training run but its data set and its seed.

    Raises:
        RecipeError: from the functions of this module, where a value is of the wrong type or out of its range.
    """

    name: str
    description: str
    generator: GeneratorRecipe = GeneratorRecipe()
    discriminator: DiscriminatorRecipe = DiscriminatorRecipe()
    loss: LossRecipe = LossRecipe()
    penalty: PenaltyRecipe = PenaltyRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    ema: EmaRecipe = EmaRecipe()
    training: TrainingRecipe = TrainingRecipe()


_TABLE: Final = (
    Recipe(
        name="fast",
        description="Small convolutional conditional GAN: readable digits in a minute on two CPU cores.",
    ),
)

RECIPES: Final[Mapping[str, Recipe]] = types.MappingProxyType({recipe.name: recipe for recipe in _TABLE})
"""The recipes that come with the program, by name."""

DEFAULT_RECIPE: Final = "fast"

BLANK: Final = Recipe(name="unnamed", description="")
"""The plain defaults of every setting: the base of recipes read from runs and model files, whatever the table says today."""


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        RecipeError: if there is none; the nearest name is suggested.
    """
    if name not in RECIPES:
        raise RecipeError(f"unknown recipe {name!r}: {nearest(name, RECIPES)}")
    return RECIPES[name]


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with single values changed.

    Args:
        recipe: where to start from.
        settings: each "section.key=value", the value written as in TOML (a bare word counts as text).

    Raises:
        RecipeError: for an unknown section or key (nearest named), a value of the wrong type or out of range.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        section, dot, key = path.strip().partition(".")
        if not equals or not dot:
            raise RecipeError(f"--set {setting!r}: write section.key=value, for example penalty.gamma=0.5")
        recipe = _merged(recipe, {section: {key: _toml_value(text.strip())}}, f"--set {setting}")
    return recipe


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    The file's `base` names the recipe it changes (default: `fast`); `name` and `description` may be given, and sections
    as `to_toml` writes them.

    Raises:
        RecipeError: if the file is missing or not TOML, or a key or value in it is wrong (with its line).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RecipeError(f"{path}: cannot be read as a recipe ({problem}); a UTF-8 TOML file is right") from problem
    return from_toml(text, str(path))


def from_toml(text: str, source: str, base: Recipe | None = None) -> Recipe:
    """The recipe written in `text`; `source` is what messages call it. See `read_recipe`.

    Args:
        text: TOML.
        source: its file's name.
        base: where values come from that the text leaves out; by default the recipe that its `base` names.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RecipeError(f"{source}: not valid TOML: {problem}") from problem
    named = table.pop("base", DEFAULT_RECIPE)
    if not isinstance(named, str):
        raise RecipeError(f"{source}: base = {named!r} must be the name of a recipe, in quotes")
    return _merged(base or find_recipe(named), table, source, text)


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML, every value explicit; `from_toml` gives the same recipe back."""
    lines = [f"name = {_toml_text(recipe.name)}", f"description = {_toml_text(recipe.description)}"]
    for section in dataclasses.fields(recipe)[2:]:
        lines += ["", f"[{section.name}]"]
        lines += [f"{key} = {_toml_text(value)}" for key, value in _items(getattr(recipe, section.name))]
    return "\n".join(lines) + "\n"


def differences(old: Recipe, new: Recipe) -> list[str]:
    """What distinguishes two recipes, a line each: "penalty.gamma: 0.1 -> 0.5"; descriptions aside."""
    found = [f"name: {old.name} -> {new.name}"] if old.name != new.name else []
    for section in dataclasses.fields(Recipe)[2:]:
        before, after = getattr(old, section.name), getattr(new, section.name)
        for key, value in _items(before):
            if value != getattr(after, key):
                found.append(f"{section.name}.{key}: {_toml_text(value)} -> {_toml_text(getattr(after, key))}")
    return found


def _items(section: Any) -> list[tuple[str, Any]]:
    return [(item.name, getattr(section, item.name)) for item in dataclasses.fields(section)]


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, or absurdly long or deep
        return text


def _toml_text(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml_text(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _merged(recipe: Recipe, table: Mapping[str, Any], source: str, text: str = "") -> Recipe:
    """`recipe` with the values of a parsed TOML table put in, each checked."""
    changed: dict[str, Any] = {}
    sections = {item.name: item for item in dataclasses.fields(Recipe)}
    for name, value in table.items():
        if name not in sections:
            raise RecipeError(f"{source}{_line_of(name, text)}: unknown section {name!r}: {nearest(name, sections)}")
        if name in ("name", "description"):
            if not isinstance(value, str):
                raise RecipeError(f"{source}{_line_of(name, text)}: {name} = {value!r} must be text, in quotes")
            changed[name] = value
        elif not isinstance(value, Mapping):
            raise RecipeError(f"{source}{_line_of(name, text)}: {name!r} is a section; its settings go under [{name}]")
        else:
            changed[name] = _merged_section(getattr(recipe, name), name, value, source, text)
    return dataclasses.replace(recipe, **changed)


def _merged_section(section: Any, name: str, values: Mapping[str, Any], source: str, text: str) -> Any:
    fields = {item.name: item for item in dataclasses.fields(section)}
    kinds = get_type_hints(type(section))
    changed = {}
    for key, value in values.items():
        where = f"{source}{_line_of(key, text)}"
        if key not in fields:
            raise RecipeError(f"{where}: unknown setting {key!r} in section {name!r}: {nearest(key, fields)}")
        changed[key] = _checked(value, kinds[key], fields[key].metadata, f"{where}: {name}.{key} = {_shown(value)}")
    return dataclasses.replace(section, **changed)


def _shown(value: Any) -> str:
    return _toml_text(tuple(value) if isinstance(value, list) else value)


def _checked(value: Any, kind: Any, limits: Mapping[str, Any], what: str) -> Any:
    if kind == tuple[int, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise RecipeError(f"{what} must be a list of whole numbers, such as [64, 32]")
        return tuple(_checked(item, int, limits, what) for item in value)
    if kind is str:
        if not isinstance(value, str):
            raise RecipeError(f"{what} must be text, in quotes")
        if limits["names"] and value not in limits["names"]:
            raise RecipeError(f"{what}: {nearest(value, limits['names'])}")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            raise RecipeError(f"{what} must be true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise RecipeError(f"{what} must be a {'whole ' if kind is int else ''}number")
    if not limits["low"] <= value <= limits["high"]:  # nan is never between
        raise RecipeError(f"{what} is out of range: {limits['low']:g} to {limits['high']:g} is right")
    return kind(value)


def _line_of(key: str, text: str) -> str:
    """ ", line 7" where the key stands in a TOML text; nothing where it can't be found or there is no text."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*(\[\s*)?[\"']?{re.escape(key)}\b", line):
            return f", line {number}"
    return ""
