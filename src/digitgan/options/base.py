"""The parts that the options of all commands share, and the ways from an options class to its other forms."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from tyro.conf import Positional, UseAppendAction, arg, create_mutex_group
from tyro.constructors import PrimitiveConstructorSpec

from digitgan.errors import UsageError, nearest


def split_names(text: str) -> list[str]:
    """Return the names in a text. They are separated by commas, and a name with a comma stands in double quotes."""
    pieces, quoted = [""], False
    for part in re.split('([",])', text):
        quoted ^= part == '"'
        if part == "," and not quoted:
            pieces.append("")
        else:
            pieces[-1] += part
    names = [piece.strip() for piece in pieces]
    return [name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name for name in names]


def join_names(names: Iterable[str]) -> str:
    """Return names as one text, from which `split_names` separates them again."""
    return ",".join('"' + name.replace('"', '""') + '"' if set(name) & set(',"') else name for name in names)


Options = TypeVar("Options")
Function = TypeVar("Function", bound=Callable[..., Any])

TYPE_NAMES = {int: "an integer", float: "a number", str: "a string", bool: "True or False", Path: "a path"}
"""The names of the types of options in messages."""

Unset = arg(help_behavior_hint="")
"""Annotation of an option whose default is None; it omits "(default: None)" from the help."""

Fields = Annotated[Options, arg(name="")]
"""A parameter of a command whose fields are the options of the command."""

Flag = Annotated[bool, Unset]
Device = Literal["auto", "cpu", "cuda", "mps"]
Length = create_mutex_group(required=False, title="length of the run")

Settings = Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="SECTION.KEY=VALUE")]
"""Changes of single values of a recipe."""

Names = Annotated[
    tuple[str, ...] | None,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="A,B,C",
        instance_from_str=lambda words: tuple(split_names(words[0])),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [join_names(value or ())],
    ),
]
"""Names separated by commas on the command line, a sequence of strings in Python. A name with a comma stands in quotes."""

ModelName = Annotated[
    Positional[str],
    arg(
        help="a run's folder, one of its snapshots (RUN@51200), its best model (RUN@best), a model file, or the name of a "
        "shipped model"
    ),
]
Sources = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="SOURCE", help_behavior_hint="")]
"""Data sources; several are joined."""

DataDir = Annotated[
    Path | None,
    arg(
        help="folder of downloaded data sets, each in a folder of its name",
        help_behavior_hint="(default: $DIGITGAN_DATA, or the user's cache folder)",
    ),
]
PerClassLimit = Annotated[
    int | None,
    arg(metavar="N", help="use only the first N training images of each class", help_behavior_hint="(default: all)"),
]
Out = Annotated[Path | None, Unset]
Overwrite = Annotated[bool, arg(help="replace an existing output", help_behavior_hint="")]
Seed = Annotated[int, arg(help="seed of the latents")]
Show = Annotated[bool, arg(help="do not print the picture to the terminal", help_behavior_hint="")]
Quiet = Annotated[bool, arg(help="print nothing", help_behavior_hint="")]
Json = Annotated[bool, arg(name="json", help="print one machine-readable result", help_behavior_hint="")]


@dataclass(frozen=True)
class CommandOptions:
    """Base of the options classes."""

    def __post_init__(self) -> None:
        """Check the types, for calls from Python: turn strings into paths, paths into strings, and lists into tuples.

        Raises:
            UsageError: if a value has a wrong type.
        """
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            converted = _converted(name, value, kind)
            if converted is not value:
                object.__setattr__(self, name, converted)  # the class is frozen


def make_options(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """Make options from the keywords of a Python call.

    Raises:
        UsageError: if there is no option of a name, the message names the nearest one; or if a value has a wrong type.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    hints = get_type_hints(kind, include_extras=True)
    of_command = {part.name: name for name in known for part in _parts(hints[name]) if getattr(part, "name", None)}
    for name in values:
        if name in of_command:
            raise UsageError(
                f"unknown option {name!r}: on the command line, it is --{name}; in Python, use {of_command[name]!r}"
            )
        if name not in known:
            raise UsageError(f"unknown option {name!r}: {nearest(name, known)}")
    return kind(**values)


def _converted(name: str, value: Any, kind: Any) -> Any:
    allowed = (kind,) if get_origin(kind) is tuple else get_args(kind) or (kind,)
    if tuple[str, ...] in allowed:
        if value is None:
            return None if type(None) in allowed else ()
        if name == "data" and isinstance(value, (str, Path)):  # one source
            return (str(value),)
        if not isinstance(value, (list, tuple)) or not all(isinstance(each, (str, Path)) for each in value):
            raise UsageError(f"{name}={value!r}: must be a list of strings")
        return tuple(map(str, value))
    if Path in allowed and isinstance(value, str):
        if not value:  # `Path("")` is the current folder
            raise UsageError(f"{name}='': is empty; give a path")
        return Path(value)
    if str in allowed and isinstance(value, Path):
        return str(value)
    if choices := _choices(kind):
        if value not in choices and not (value is None and type(None) in allowed):
            raise UsageError(f"{name}={value!r}: {nearest(str(value), choices)}")
    elif not _is_of(value, allowed):
        wanted = " or ".join(TYPE_NAMES[each] for each in allowed if each in TYPE_NAMES)
        raise UsageError(f"{name}={value!r}: must be {wanted}")
    return value


def _choices(kind: Any) -> tuple[str, ...]:
    """Return the values of a Literal, also of one that may be None instead; () for other types."""
    literal = next((each for each in (kind, *get_args(kind)) if get_origin(each) is Literal), None)
    return () if literal is None else get_args(literal)


def _is_of(value: Any, allowed: tuple[Any, ...]) -> bool:
    if isinstance(value, bool):
        return bool in allowed
    return isinstance(value, (*allowed, int) if float in allowed else allowed)


def help_of(kind: type[Any]) -> dict[str, str]:
    """Return the help of each field: from the annotation of the field, or from the docstring of its class."""
    documented: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, attributes = inspect.cleandoc(each.__doc__ or "").partition("Attributes:")
        found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.M)
        documented |= {name: " ".join(text.split()) for name, text in found}
    annotated = get_type_hints(kind, include_extras=True)
    shared = {
        name: text for name, hint in annotated.items() for part in get_args(hint) if (text := getattr(part, "help", None))
    }
    return {field.name: shared.get(field.name) or documented[field.name] for field in fields(kind)}


def takes_options(kind: type[Any]) -> Callable[[Function], Function]:
    """Give a function that takes `**options` the signature and the documentation of an options class."""

    def changed(function: Function) -> Function:
        own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
        named = {each.name for each in own}
        plain = get_type_hints(kind)  # without the annotations for the command line
        more = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=plain[field.name])
            for field in fields(kind)
            if field.name not in named
        ]
        function.__signature__ = inspect.signature(function).replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        listed = "\n".join(f"    {name}: {fill_in_tables(text)}" for name, text in help_of(kind).items() if name not in named)
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nOptions:\n{listed}"
        return function

    return changed


def fill_in_tables(text: str) -> str:
    """Replace each `{module:TABLE}` in a text by the names of that table. This imports the module."""
    return re.sub(r"\{(\S+):(\w+)\}", _names_of, text)


def _names_of(placeholder: re.Match[str]) -> str:
    return ", ".join(getattr(importlib.import_module(placeholder[1]), placeholder[2]))


def arguments_of(options: Any) -> list[str]:
    """Return the words of the command line that give these options; an option at its default is left out."""
    words: list[str] = []
    for field in fields(options):
        value = getattr(options, field.name)
        hint = get_type_hints(type(options), include_extras=True)[field.name]
        if field.default is not MISSING and value == field.default:
            continue
        if Positional in _parts(hint):
            words += value if isinstance(value, tuple) else [str(value)]
            continue
        option = "--" + next((part.name for part in _parts(hint) if getattr(part, "name", None)), field.name).replace("_", "-")
        if isinstance(value, bool):
            words.append(option)
        elif UseAppendAction in _parts(hint):
            words += [word for each in value for word in (option, each)]
        else:
            words += [option, join_names(value) if isinstance(value, tuple) else str(value)]
    return words


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Annotated else ()
