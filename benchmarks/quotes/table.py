"""The table `benchmarks/quoted.toml`: the files of results, their commands, and the texts that quote them."""

from __future__ import annotations

import functools
import json
import struct
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .expressions import QuoteError

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "benchmarks" / "results"
TABLE: Final = ROOT / "benchmarks" / "quoted.toml"


@dataclass(frozen=True)
class Quote:
    """A sentence, a part of one, or the rows of a table that quote a file of results.

    Attributes:
        page: the page, from the root of the repository.
        text: the text with placeholders.
        rows: what the text is repeated over, or None.
    """

    page: str
    text: str
    rows: str | list[Any] | None = None


@dataclass(frozen=True)
class Result:
    """A file of results.

    Attributes:
        name: name of its section.
        file: its path from the root of the repository: a JSON file, or a model whose card is read.
        commands: the commands that make it, in full length.
        short: a command of a minute or two that measures the same; "" if there is none.
        cannot: the reason why there is no short form.
        needs: what the short form needs, see `records.py`.
        no_machine: the reason why the file does not state machine and commit.
        quotes: what is quoted from it.
        used_by: a place other than a page that uses it.
    """

    name: str
    file: str
    commands: tuple[str, ...]
    short: str
    cannot: str
    needs: tuple[str, ...]
    no_machine: str
    quotes: tuple[Quote, ...]
    used_by: str

    @property
    def script(self) -> str:
        """The script of the command, or the target of `make`."""
        words = self.commands[0].split()
        return words[1] if words[0] == "python" else " ".join(words[:2])

    def read(self, path: Path | None = None) -> Any:
        """Return the contents of the file, or of another file in its place."""
        return read(path or ROOT / self.file)


@dataclass(frozen=True)
class NotMeasured:
    """Numbers of a page that no file of results has.

    Attributes:
        page: the page.
        text: the part of a paragraph that has these numbers; or the beginning of a paragraph or table, if `whole`.
        whole: whether the whole paragraph or table is meant.
        reason: why it is not measured by a script.
    """

    page: str
    text: str
    whole: bool
    reason: str


def load(path: Path = TABLE) -> tuple[list[Result], list[NotMeasured]]:
    """Return the sections of `quoted.toml`.

    Raises:
        QuoteError: if a section has an unknown entry, or lacks one.
    """
    with path.open("rb") as file:
        table = tomllib.load(file)
    entries = [_not_measured(entry) for entry in table.pop("not_measured", [])]
    return [_result(name, dict(section)) for name, section in table.items()], entries


def _result(name: str, section: dict[str, Any]) -> Result:
    commands = section.pop("command", ())
    found = Result(
        name=name,
        file=section.pop("file", f"benchmarks/results/{name}.json"),
        commands=(commands,) if isinstance(commands, str) else tuple(commands),
        short=section.pop("short", ""),
        cannot=section.pop("cannot", ""),
        needs=tuple(section.pop("needs", ())),
        no_machine=section.pop("no_machine", ""),
        quotes=tuple(Quote(**quote) for quote in section.pop("quotes", ())),
        used_by=section.pop("used_by", ""),
    )
    if section:
        raise QuoteError(f"[{name}] in {TABLE.name}: unknown entries {', '.join(section)}")
    if not found.commands or bool(found.short) == bool(found.cannot):
        raise QuoteError(f"[{name}] in {TABLE.name}: needs `command`, and either `short` or `cannot` with the reason")
    return found


def _not_measured(entry: dict[str, str]) -> NotMeasured:
    if {"page", "reason"} | ({"text", "block"} & entry.keys()) != entry.keys() or len(entry) != 3:
        raise QuoteError(f"[[not_measured]] in {TABLE.name}: needs page, reason, and text or block: {entry}")
    text = entry.get("text", entry.get("block", ""))
    return NotMeasured(entry["page"], " ".join(text.split()), "block" in entry, entry["reason"])


@functools.cache
def read(path: Path) -> Any:
    """Return the contents of a JSON file, or the card of a model file (safetensors). Do not change it: it is kept."""
    if path.suffix != ".safetensors":
        return json.loads(path.read_text(encoding="utf-8"))
    with path.open("rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return json.loads(header["__metadata__"]["card"])
