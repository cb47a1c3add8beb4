"""From a command line to a bound function: tyro does the parsing, and every complaint becomes one `UsageError`.

A subcommand is a typed function; what stands before the `/` of its signature is positional, what stands after the `*` is an
option, and its docstring is its help. A trailing underscore (`json_`) only keeps a name from hiding another.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from tyro.conf import (
    DisallowNone,
    FlagCreatePairsOff,
    PositionalMetavarFromFieldName,
    UseAppendAction,
    arg,
    create_mutex_group,
)
from tyro.extras import SubcommandApp

from digitgan.errors import UsageError, nearest

Unset = arg(help_behavior_hint="")
"""For options whose default is "nothing said": keeps "(default: None)" out of the help."""

Flag = Annotated[bool, Unset]
Json = Annotated[bool, arg(name="json", help_behavior_hint="")]
Device = Literal["auto", "cpu", "cuda", "mps"]
Settings = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="SECTION.KEY=VALUE")]
Budget = create_mutex_group(required=False, title="length of the run")

SHELLS = ("bash", "zsh", "fish")

Commands = Mapping[str, Callable[..., None]]
"""Functions by the words that call them: "train", "data show"."""

Groups = Mapping[str, str]
"""Descriptions of the first words of those with two."""


def parse(argv: Sequence[str], commands: Commands, groups: Groups, about: str) -> Callable[[], None]:
    """The function that a command line asks for, its arguments bound, nothing called yet.

    Help and shell completion are printed, and end the program.

    Raises:
        UsageError: where the command line makes no sense, in one sentence, with the nearest spelling of an unknown name.
    """
    _check_names(argv, commands, groups)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return _tyro(argv, commands, groups, about)
    except SystemExit as ended:
        if not ended.code:
            raise  # help was asked for and printed
    raise UsageError(_one_sentence(complaint.getvalue()))


def print_completion(shell: str, commands: Commands, groups: Groups, about: str) -> None:
    """Print the script that teaches a shell to complete this program's command lines, and end the program.

    Raises:
        UsageError: for a shell that there is no script for.
    """
    if shell not in SHELLS:
        raise UsageError(f"--completion {shell!r}: {nearest(shell, SHELLS)}")
    _tyro(["--tyro-write-completion", shell, "-"], commands, groups, about)


def _tyro(argv: Sequence[str], commands: Commands, groups: Groups, about: str) -> Callable[[], None]:
    app = SubcommandApp()
    services = {"": app} | {name: SubcommandApp() for name in groups}
    for name, function in commands.items():
        group, _, own = name.rpartition(" ")
        services[group].command(name=own)(_later(function))
    for name, description in groups.items():
        app.command(services[name], name=name, help=description)
    markers = (FlagCreatePairsOff, DisallowNone, PositionalMetavarFromFieldName)
    result: Callable[[], None] = app.cli(prog="digitgan", description=about, args=argv, config=markers)
    return result


def _later(function: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    @functools.wraps(function)
    def bound(*values: Any, **named: Any) -> Callable[[], None]:
        return functools.partial(function, *values, **named)

    return bound


def _check_names(argv: Sequence[str], commands: Commands, groups: Groups) -> None:
    """Refuse a subcommand or option that does not exist: tyro would, too, but not always name the nearest that does."""
    depth = 2 if argv[0] in groups else 1
    name, asked = " ".join(argv[:depth]), "".join(argv[depth - 1 : depth])
    if name not in commands and not asked.startswith("-") and len(argv) >= depth:
        parent = list(argv[: depth - 1])
        known = dict.fromkeys(words.split()[depth - 1] for words in commands if words.split()[: depth - 1] == parent)
        raise UsageError(f"unknown command {name!r}: {nearest(asked, known)}")
    if name in commands:
        parameters = inspect.signature(commands[name]).parameters.values()
        options = ["--" + p.name.strip("_").replace("_", "-") for p in parameters if p.kind is p.KEYWORD_ONLY] + ["--help"]
    else:
        options = ["--help", "--version", "--completion"]
    for word in itertools.takewhile(lambda word: word != "--", argv):
        option = word.partition("=")[0].replace("_", "-")
        if word.startswith("--") and option not in options:
            raise UsageError(f"unknown option {option!r}: {nearest(option, options)}")


def _one_sentence(box: str) -> str:
    """tyro's framed complaint as one sentence; whatever it looks like, its words are kept."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    lines = [line.strip("│ ") for line in plain.splitlines() if line[:1] not in ("╭", "╰")]
    parts = re.split(r" *[─-]{9,} *", " ".join(lines))
    said = parts["╭" not in plain and len(parts) > 1].strip()  # without UTF-8 the title is a part like the others
    if wrong := re.match(r"Error parsing (\S+): no type matching (.*) could be instantiated from \['(.*?)'\]", said):
        return f"{wrong[1]} takes {wrong[2].split('|')[0]}, not {wrong[3]!r}"
    said = said.replace("Unrecognized options:", "unexpected argument:")
    return said[:1].lower() + said[1:]
