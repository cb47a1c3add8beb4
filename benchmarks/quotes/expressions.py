"""Expressions: paths into a file of results, and functions of the values to which they lead."""

from __future__ import annotations

import fnmatch
import json
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


class QuoteError(ValueError):
    """A fault in `quoted.toml`: an expression that cannot be read, or that leads to no value."""


_STEP: Final = re.compile(r'\.?(?P<name>[A-Za-z_]\w*)|\[\s*(?:"(?P<key>[^"]*)"|(?P<index>-?\d+)|(?P<match>[^\]"]*))\s*\]')
_CALL: Final = re.compile(r'(?P<name>[a-z]+)(?:\s+(?:"(?P<text>[^"]*)"|(?P<number>-?\d[\d.e+-]*)|(?P<path>.+)))?$')


@dataclass(frozen=True)
class Place:
    """Where paths begin: a value, its key, and the whole file."""

    value: Any
    key: str
    root: Any


@dataclass(frozen=True)
class Between:
    """Two values, written as "1 to 3"."""

    least: Any
    most: Any


@dataclass(frozen=True)
class Listed:
    """Several values, written with a text between them."""

    values: tuple[Any, ...]
    between: str


def values_of(path: str, place: Place) -> list[tuple[str, Any]]:
    """Return the values to which a path leads, each with its key.

    Raises:
        QuoteError: if the path cannot be read, or an entry of it does not exist.
    """
    path = path.strip()
    if path == "@key":
        return [(place.key, place.key)]
    found, rest = [(place.key, place.value)], path
    if path.startswith("$"):
        found, rest = [("", place.root)], path[1:]
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise QuoteError(f"`{path}`: cannot be read from `{rest}` on")
        found, rest = [one for _, value in found for one in _taken(step, value)], rest[step.end() :]
        if not found:
            raise QuoteError(f"`{path}`: nothing at `{step[0]}`")
    return found


def _taken(step: re.Match[str], value: Any) -> list[tuple[str, Any]]:
    """Return the entries of a value that a step of a path takes."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(str(number), each) for number, each in enumerate(value)]
    else:
        return []
    if step["index"]:
        number = int(step["index"])
        return [items[number]] if -len(items) <= number < len(items) else []
    if step["match"] is not None:
        wanted = [part.split("=", 1) for part in step["match"].split(",") if part.strip()]
        return [(key, each) for key, each in items if all(_is(each, *map(str.strip, pair)) for pair in wanted)]
    name = step["name"] or step["key"]
    if "*" in name:
        return [(key, each) for key, each in items if fnmatch.fnmatchcase(key, name)]
    return [(key, each) for key, each in items if key == name]


def _is(value: Any, name: str, wanted: str) -> bool:
    found = value.get(name) if isinstance(value, dict) else None
    return fnmatch.fnmatchcase(found if isinstance(found, str) else json.dumps(found), wanted)


def computed(expression: str, place: Place) -> Any:
    """Return the value of an expression: a number, a string, None, `Between` or `Listed`.

    Raises:
        QuoteError: if it cannot be read or leads to no value.
    """
    path, *calls = split(expression, "|")
    values = [value for _, value in values_of(path, place)]
    for call in calls:
        values = _called(call.strip(), values, place)
    if len(values) != 1:
        raise QuoteError(f"`{expression}`: leads to {len(values)} values; add mean, range or another function")
    return values[0]


def _called(call: str, values: list[Any], place: Place) -> list[Any]:
    parts = _CALL.match(call)
    if parts is None or parts["name"] not in {*_REDUCING, *_MAPPING, "within"}:
        raise QuoteError(f"`{call}`: no such function; the functions are {', '.join([*_REDUCING, *_MAPPING])}")
    name, argument = parts["name"], parts["text"]
    if name == "list":
        return [Listed(tuple(values), " and " if argument is None else argument)]
    if name in _REDUCING:
        return [_REDUCING[name](values)]
    if name == "within":
        return [value for value in values if abs(value) <= float(parts["number"] or "nan")]
    others: list[Any] = [argument]
    if parts["number"]:
        others = [float(parts["number"])]
    elif parts["path"]:
        others = [value for _, value in values_of(parts["path"], place)]
    if len(others) not in (1, len(values)):
        raise QuoteError(f"`{call}`: {len(values)} and {len(others)} values do not go together")
    others = others * (len(values) if len(others) == 1 else 1)
    return [_MAPPING[name](value, other) for value, other in zip(values, others, strict=True)]


_REDUCING: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "mean": statistics.mean,
    "median": statistics.median,
    "min": min,
    "max": max,
    "sum": sum,
    "std": statistics.stdev,
    "count": len,
    "range": lambda values: Between(min(values), max(values)),
    "list": lambda values: Listed(tuple(values), " and "),
}

_MAPPING: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "times": lambda value, other: value * other,
    "over": lambda value, other: value / other,
    "into": lambda value, other: other / value,
    "minus": lambda value, other: value - other,
    "plus": lambda value, other: value + other,
    "percent": lambda value, _: 100 * value,
    "near": lambda value, other: round(value / other) * other,
    "drop": lambda value, text: value.replace(text, ""),
    "after": lambda value, text: value.partition(text)[2],
}


def split(text: str, separator: str) -> list[str]:
    """Split a text at a separator that is neither quoted nor in brackets."""
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == '"'
        depth += (character == "[") - (character == "]") if not quoted else 0
        if character == separator and not quoted and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts
