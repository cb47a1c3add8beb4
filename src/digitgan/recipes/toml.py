"""Conversion of recipes: from a name, from single settings, from and to TOML. Every value is checked."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

from digitgan.errors import RecipeError, RenamedWarning, nearest
from digitgan.recipes.families import FAMILY_SECTIONS
from digitgan.recipes.presets import ALIASES, DEFAULT_RECIPE, RECIPES
from digitgan.recipes.settings import Recipe

BLANK: Final = Recipe(name="unnamed", description="")
"""The recipe of all defaults: the base of recipes read from runs and model files, independent of the table of recipes."""

ABBREVIATIONS: Final = {"lr": "learning_rate", "batch": "batch_size"}
"""Names of settings that other programs use -> the ends of their names here, for error messages."""

MAX_RECIPE_BYTES: Final = 1 << 20
"""Largest size of a recipe file in bytes. A recipe has a few thousand; a larger file would only occupy the parser."""


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name, or by its former name (`ALIASES`) with a `RenamedWarning`.

    Raises:
        RecipeError: if no recipe has that name. The message suggests the nearest name.
    """
    if name in ALIASES:
        _warn_renamed(f"recipe {name!r}", ALIASES[name])
    return RECIPES.find(ALIASES.get(name, name))


def _warn_renamed(former: str, present: str) -> None:
    warnings.warn(f"{former}: is a former name, which a later version removes; use {present!r}", RenamedWarning, stacklevel=3)


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """Return a copy of a recipe with single settings changed.

    Args:
        recipe: the recipe to change.
        settings: settings as "section.key=value". The value is TOML; a bare word counts as text.

    Raises:
        RecipeError: for an unknown section or key (the message suggests the nearest), or a value of the wrong type or out of
            range.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        section, dot, key = path.strip().partition(".")
        if not equals or not dot:
            there = _in_sections(recipe, path.strip()) if equals else ""
            raise RecipeError(f"--set {setting!r}: must be section.key=value; {there or 'for example penalty.gamma=0.5'}")
        recipe = _merged(recipe, {section: {key: _toml_value(text.strip())}}, f"--set {setting}")
    return recipe


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    `base` in the file names the recipe that it changes (default: `fast`). `name`, `description` and the sections that `to_toml`
    writes are optional.

    Raises:
        RecipeError: if the file is missing, larger than 1 MiB or not TOML, or if a key or value is wrong. The message names the
            line.
    """
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path}: is not a recipe: it has {path.stat().st_size:,} bytes, more than {MAX_RECIPE_BYTES:,}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RecipeError(f"{path}: cannot be read as a recipe ({problem}); give a UTF-8 TOML file") from problem
    return from_toml(text, str(path))


def from_toml(text: str, source: str, base: Recipe | None = None) -> Recipe:
    """Parse a recipe from TOML text. See `read_recipe`.

    Args:
        text: TOML.
        source: name of the text in messages, such as its file name.
        base: recipe that gives the values that the text omits. Default: the recipe that `base` in the text names.

    Raises:
        RecipeError: if the text is not TOML, or a key or value is wrong.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RecipeError(f"{source}: not valid TOML: {problem}") from problem
    except RecursionError:
        raise RecipeError(f"{source}: is not a recipe: its values are nested too deeply") from None
    named = table.pop("base", DEFAULT_RECIPE)
    if not isinstance(named, str):
        raise RecipeError(f"{source}: base = {named!r} must be the name of a recipe, in quotes")
    return _merged(base or find_recipe(named), table, source, text, recorded=base is not None)


def to_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML with every value. `from_toml` returns the same recipe from it."""
    lines = [f"name = {_toml_text(recipe.name)}", f"description = {_toml_text(recipe.description)}"]
    for section in dataclasses.fields(recipe)[2:]:
        lines += ["", f"[{section.name}]"]
        lines += [f"{key} = {_toml_text(value)}" for key, value in _items(getattr(recipe, section.name))]
    return "\n".join(lines) + "\n"


def differences(old: Recipe, new: Recipe) -> list[str]:
    """Return the differences between two recipes, one line each, such as "penalty.gamma: 0.1 -> 0.5".

    Descriptions are not compared.
    """
    found = [f"name: {old.name} -> {new.name}"] if old.name != new.name else []
    for section in dataclasses.fields(Recipe)[2:]:
        before, after = dict(_items(getattr(old, section.name))), dict(_items(getattr(new, section.name)))
        for key in {**before, **after}:
            if before.get(key) != after.get(key):
                was, now = (_toml_text(values[key]) if key in values else "(none)" for values in (before, after))
                found.append(f"{section.name}.{key}: {was} -> {now}")
    return found


def _items(section: Any) -> list[tuple[str, Any]]:
    return [(item.name, getattr(section, item.name)) for item in dataclasses.fields(section)]


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, or too long or too deep for the parser
        return text


def _toml_text(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml_text(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _merged(recipe: Recipe, table: Mapping[str, Any], source: str, text: str = "", *, recorded: bool = False) -> Recipe:
    """Return `recipe` with the values of a parsed TOML table, each checked. A recorded table does not warn of former names."""
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
            raise RecipeError(f"{source}{_line_of(name, text)}: {name!r} is a section; put its settings under [{name}]")
        else:
            changed[name] = _merged_section(recipe, name, value, source, text, recorded)
    return dataclasses.replace(recipe, **changed)


def _in_sections(recipe: Recipe, key: str) -> str:
    """Return "did you mean SECTION.KEY?" with the settings of that name, with that ending, or of that section; "" for none."""
    paths = [f"{part.name}.{name}" for part in dataclasses.fields(Recipe)[2:] for name, _ in _items(getattr(recipe, part.name))]
    key = ABBREVIATIONS.get(key, key)
    found = [path for path in paths if path.endswith((f".{key}", f"_{key}")) or path.startswith(f"{key}.")]
    return f"did you mean {' or '.join(found)}?" if found else ""


def _merged_section(recipe: Recipe, name: str, values: Mapping[str, Any], source: str, text: str, recorded: bool) -> Any:
    section = getattr(recipe, name)
    if name in FAMILY_SECTIONS and "family" in values:
        section = _of_family(section, name, values["family"], f"{source}{_line_of('family', text)}")
    fields = {item.name: item for item in dataclasses.fields(section)}
    kinds = get_type_hints(type(section))
    changed = {}
    for key, value in values.items():
        where = f"{source}{_line_of(key, text)}"
        if (name, key) == ("training", "balanced") and isinstance(value, bool):  # the name of an earlier version
            key, value = "balance", "uniform" if value else "none"
            if not recorded:
                _warn_renamed(f"{where}: setting 'training.balanced'", f"training.balance={value}")
        if key not in fields:
            family = f" of family {section.family!r}" if name in FAMILY_SECTIONS else ""
            known = _in_sections(recipe, key) or nearest(key, fields)
            raise RecipeError(f"{where}: unknown setting {key!r} in section {name!r}{family}: {known}")
        changed[key] = _checked(value, kinds[key], fields[key].metadata, f"{where}: {name}.{key} = {_shown(value)}")
    return dataclasses.replace(section, **changed)


def _of_family(section: Any, name: str, family: Any, where: str) -> Any:
    """Return the section if it is of that family, else the section of that family with its defaults."""
    families = FAMILY_SECTIONS[name]
    if family not in families:
        raise RecipeError(f"{where}: {name}.family = {_shown(family)}: {nearest(str(family), families)}")
    return section if section.family == family else families[family]()


def _shown(value: Any) -> str:
    return _toml_text(tuple(value) if isinstance(value, list) else value)


def _checked(value: Any, kind: Any, limits: Mapping[str, Any], what: str) -> Any:
    if kind == tuple[int, ...]:
        if limits["single"] and isinstance(value, int) and not isinstance(value, bool):
            value = [value]
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
    if not limits["low"] <= value <= limits["high"]:  # also false for NaN
        raise RecipeError(f"{what} is out of range: must be {limits['low']:g} to {limits['high']:g}")
    return kind(value)


def _line_of(key: str, text: str) -> str:
    """Return the place of a key in a TOML text as ", line 7", or "" if the text lacks the key."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*(\[\s*)?[\"']?{re.escape(key)}\b", line):
            return f", line {number}"
    return ""
