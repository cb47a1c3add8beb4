"""The command-line parser. tyro parses the arguments, and each of its errors becomes one `UsageError`.

A subcommand is a typed function, and its docstring is its help. Its options are the fields of a class of `digitgan.options`, or
its own parameters: those before the `/` of its signature are positional arguments, those after the `*` are options. A trailing
underscore (`json_`) avoids a clash with another name. In a docstring, `{digitgan.exporters:EXPORT_FORMATS}` is replaced by the
names of that table.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import io
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_type_hints

from tyro.conf import DisallowNone, FlagCreatePairsOff, Positional, PositionalMetavarFromFieldName
from tyro.extras import SubcommandApp

from digitgan.errors import UsageError, nearest
from digitgan.options import TYPE_NAMES, fill_in_tables

SHELLS = ("bash", "zsh", "fish")

WRONG_VALUES: Final = (
    r"Error parsing (?P<option>\S+): no type matching (?P<kind>.*?) could be instantiated from \[ *(?P<value>.*?)\]\.( |$)",
    r"Error parsing (?P<option>\S+): invalid literal for (?P<kind>int\(\)) with base 10: (?P<value>.*?)$",
    r"Error parsing (?P<option>\S+): could not convert string to (?P<kind>float): (?P<value>.*?)$",
)
"""The messages of tyro for a value of another type: of options that may be None, of integers and of numbers."""

KINDS: Final = {"INT": TYPE_NAMES[int], "int()": TYPE_NAMES[int], "FLOAT": TYPE_NAMES[float], "float": TYPE_NAMES[float]}
"""The names in these messages of the types of numbers."""

Commands = Mapping[str, Callable[..., None]]
"""Functions by the name of the subcommand, such as "train" or "data show"."""

Groups = Mapping[str, str]
"""Descriptions of the first words of subcommands of two words."""


def parse(argv: Sequence[str], commands: Commands, groups: Groups, about: str) -> Callable[[], None]:
    """Return the function of a command line with its arguments bound; the function is not called.

    A request for help prints the help and exits the program.

    Raises:
        UsageError: if the command line is invalid. The message is one sentence with the nearest spelling of an unknown name.
    """
    _check_names(argv, commands, groups)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), _tables_in_help(argv, commands):
            return _tyro(argv, commands, groups, about)
    except SystemExit as ended:
        if not ended.code:
            raise  # --help: the help is printed
    raise UsageError(_one_sentence(complaint.getvalue()))


def print_completion(shell: str, commands: Commands, groups: Groups, about: str) -> None:
    """Print the completion script of a shell, and exit the program.

    Raises:
        UsageError: if the shell is not supported.
    """
    if shell not in SHELLS:
        raise UsageError(f"--completion {shell!r}: {nearest(shell, SHELLS)}")
    _tyro(["--tyro-write-completion", shell, "-"], commands, groups, about)


def _tyro(argv: Sequence[str], commands: Commands, groups: Groups, about: str) -> Callable[[], None]:
    app = SubcommandApp()
    groups_of = {"": app} | {name: SubcommandApp() for name in groups}
    for name, function in commands.items():
        group, _, own = name.rpartition(" ")
        groups_of[group].command(name=own)(_later(function))
    for name, description in groups.items():
        app.command(groups_of[name], name=name, help=description)
    markers = (FlagCreatePairsOff, DisallowNone, PositionalMetavarFromFieldName)
    result: Callable[[], None] = app.cli(prog="digitgan", description=about, args=argv, config=markers)
    return result


def _later(function: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    @functools.wraps(function)
    def bound(*values: Any, **named: Any) -> Callable[[], None]:
        return functools.partial(function, *values, **named)

    return bound


@contextlib.contextmanager
def _tables_in_help(argv: Sequence[str], commands: Commands) -> Iterator[None]:
    """Fill the names of the tables into the docstrings of a subcommand and of its options while its help is printed."""
    name = next((words for words in commands if list(argv[: len(words.split())]) == words.split()), None)
    documented: list[Any] = []
    if name is not None and {"-h", "--help"} & set(argv):
        documented = [commands[name], *filter(dataclasses.is_dataclass, get_type_hints(commands[name]).values())]
    before = [each.__doc__ for each in documented]
    for each, text in zip(documented, before, strict=True):
        each.__doc__ = fill_in_tables(text or "")
    try:
        yield
    finally:
        for each, text in zip(documented, before, strict=True):
            each.__doc__ = text


OTHER_NAMES: Final = {"studio": "serve", "lab": "serve", "generate": "sample", "eval": "evaluate"}
"""Words that users try -> the commands that they mean."""


def _check_names(argv: Sequence[str], commands: Commands, groups: Groups) -> None:
    """Raise `UsageError` for an unknown subcommand or option; tyro does not always suggest the nearest name."""
    depth = 2 if argv[0] in groups else 1
    name, asked = " ".join(argv[:depth]), "".join(argv[depth - 1 : depth])
    if name not in commands and not asked.startswith("-") and len(argv) >= depth:
        parent = list(argv[: depth - 1])
        known = dict.fromkeys(words.split()[depth - 1] for words in commands if words.split()[: depth - 1] == parent)
        raise UsageError(f"unknown command {name!r}: {nearest(OTHER_NAMES.get(asked, asked), known)}")
    if name in commands:
        options = ["--" + option.strip("_").replace("_", "-") for option in _options_of(commands[name])] + ["--help"]
    else:
        options = ["--help", "--version", "--completion"]
    for word in itertools.takewhile(lambda word: word != "--", argv):
        option = word.partition("=")[0].replace("_", "-")
        if word.startswith("--") and option not in options:
            raise UsageError(f"unknown option {option!r}: {nearest(option, options)}")
    _check_no_word_is_empty(name, argv[depth:])


def _check_no_word_is_empty(command: str, words: Sequence[str]) -> None:
    """Raise `UsageError` for an empty value, which as a path would mean the current folder."""
    for before, word in zip([command, *words], words, strict=False):
        option, equals, value = word.partition("=")
        if equals and not value and option.startswith("--"):
            raise UsageError(f"{option} '': is empty; give a value or omit the option")
        if not word:
            what = "value or omit the option" if before.startswith("--") else "value or omit the argument"
            raise UsageError(f"{before} '': is empty; give a {what}")


def _options_of(function: Callable[..., None]) -> list[str]:
    """Return the option names of a subcommand: its keyword-only parameters and the fields of its dataclasses."""
    hints = get_type_hints(function)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if dataclasses.is_dataclass(kind := hints[parameter.name]):
            fields = get_type_hints(kind, include_extras=True)
            found += [_option_name(name, hint) for name, hint in fields.items() if Positional not in get_args(hint)]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            found.append(f"no_{parameter.name}" if parameter.default is True else parameter.name)
    return found


def _option_name(name: str, hint: Any) -> str:
    """Return the option name in the annotation of a field, or the name of the field."""
    given = [each.name for each in get_args(hint) if getattr(each, "name", None)]
    return given[0] if given else name


def _one_sentence(box: str) -> str:
    """Convert the framed error message of tyro to one sentence; an unknown layout keeps its words."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    lines = [line.strip("│ ") for line in plain.splitlines() if line[:1] not in ("╭", "╰")]
    parts = re.split(r" *[─-]{9,} *", " ".join(lines))
    said = parts["╭" not in plain and len(parts) > 1].strip()  # without UTF-8, the title is one of the parts
    for pattern in WRONG_VALUES:
        if wrong := re.match(pattern, said):
            kind = wrong["kind"].split("|")[0]
            return f"{wrong['option']} {wrong['value']}: must be {KINDS.get(kind, kind)}"
    said = said.replace("Unrecognized options:", "unexpected argument:")
    return said[:1].lower() + said[1:]
