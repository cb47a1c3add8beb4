"""The figures that the documentation quotes, computed from the results of the benchmarks.

`quoted.toml` has a section for each file in `benchmarks/results/`: the command that makes it, a short form of that command, and
the sentences and table rows of the documentation that quote it. Their numbers are placeholders:

    [[sampling.quotes]]
    page = "README.md"
    text = "One million images take {rows[1].seconds:.0f} s and {rows[1].peak_memory_gb:.2f} GB"

A placeholder is an expression and, after a colon, a format. `text` must stand in the page with the numbers of the file.

**Expressions.** A path leads to values: `name` and `.name` to an entry, `["any key"]` likewise, `[0]` to an element, and `[]`
to all of them. `[recipe=fast, batch_size=128]` selects the elements with these entries. A `*` in a key, or in such an entry,
matches any characters.
Functions follow after `|`:

    rows["fast, 60 s"].runs[].class_accuracy | mean

| function | value |
|---|---|
| `mean`, `median`, `min`, `max`, `sum`, `std` | one number; `std` is the standard deviation of a sample |
| `count` | the number of values |
| `range` | the smallest and the largest, written as "1 to 3", or as one number if both are written alike |
| `list`, `list " · "` | all values, with " and " or the given text between them |
| `times X`, `over X`, `minus X`, `plus X` | arithmetic with a number or a path |
| `into X` | X divided by the value |
| `percent` | a hundred times the value |
| `near X` | the nearest multiple of X |
| `within X` | only the values whose magnitude is at most X |
| `drop "text"` | a string without this text |
| `after "text"` | the part of a string that follows this text |

Without a function that reduces them, a path must lead to exactly one value. `$` is the whole file, `@key` the key of a row.

**Formats** are those of Python, and: `.1 %` puts a space before the sign, `~2` writes three significant digits, but at most two
decimals, and `words` writes the nearest whole number below a hundred in words. A value of null is written as –. A value
that lies in the middle between two written ones, such as 8.75 for `.1f`, may be written either way.

**Tables.** `rows` repeats a text. It is a path, such as `rows[]`: paths in the text then begin at each of its values. Or it is
a list of strings or of tables: `<row>` in the text stands for the string, `<name>` for an entry of the table.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import itertools
import json
import math
import re
import statistics
import struct
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
TABLE: Final = ROOT / "benchmarks" / "quoted.toml"
LACKING: Final = "–"
"""What a value of null is written as."""


class QuoteError(ValueError):
    """A fault in `quoted.toml`: an expression that cannot be read, or that leads to no value."""


# --- the table --------------------------------------------------------------------------------------------------------


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


# --- expressions ------------------------------------------------------------------------------------------------------

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
    path, *calls = _split(expression, "|")
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


def _split(text: str, separator: str) -> list[str]:
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


# --- formats ----------------------------------------------------------------------------------------------------------

_UNITS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def written(value: Any, form: str) -> str:
    """Write a value in a format.

    >>> written(0.976, ".1 %"), written(8.8969, "~2"), written(Between(9.46, 10.02), ".1f"), written(20, "words")
    ('97.6 %', '8.90', '9.5 to 10.0', 'twenty')
    """
    if isinstance(value, Between):
        least, most = written(value.least, form), written(value.most, form)
        return least if least == most else f"{least} to {most}"
    if isinstance(value, Listed):
        return value.between.join(written(each, form) for each in value.values)
    if value is None:
        return LACKING
    if isinstance(value, dict | list):
        raise QuoteError("leads to an entry with entries, not to a value")
    if isinstance(value, str):
        return value
    if form == "words":
        return _in_words(round(value))
    if form.startswith("~"):
        size = math.floor(math.log10(abs(value))) if value else 0
        return format(value, f",.{min(max(2 - size, 0), int(form[1:]))}f")
    if form.endswith(" %"):
        return format(value, f"{form[:-2]}%").replace("%", " %")
    return format(int(value) if isinstance(value, float) and form == "," else value, form)


def spellings(value: Any, form: str) -> list[str]:
    """Return how a value may be written: as `written` does, and a value in the middle between two as either.

    >>> spellings(444.5, ".0f"), spellings(0.9605, ".1 %"), spellings(8.7, ".1f")
    (['444', '445'], ['96.0 %', '96.1 %'], ['8.7'])
    """
    if isinstance(value, Between):
        ends = itertools.product(spellings(value.least, form), spellings(value.most, form))
        return [least if least == most else f"{least} to {most}" for least, most in ends]
    if isinstance(value, Listed):
        return [value.between.join(each) for each in itertools.product(*(spellings(one, form) for one in value.values))]
    exact = not isinstance(value, float) or re.search(r"[.~]\d", form) is None
    near = [value] if exact else [value, value * (1 - 1e-9), value * (1 + 1e-9)]
    return list(dict.fromkeys(written(each, form) for each in near))


def _in_words(number: int) -> str:
    if number < len(_UNITS):
        return _UNITS[number]
    if number > 99:
        raise QuoteError(f"{number}: `words` writes numbers up to 99")
    tens, units = divmod(number, 10)
    return _TENS[tens - 1] + (f"-{_UNITS[units]}" if units else "")


# --- quotes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A placeholder of a statement.

    Attributes:
        expression: its expression.
        form: its format.
        spellings: how its number may be written, the usual way first.
    """

    expression: str
    form: str
    spellings: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its number as it is written."""
        return self.spellings[0]


@dataclass(frozen=True)
class Key:
    """An entry of `rows` in a statement that also selects its values."""

    text: str


@dataclass(frozen=True)
class Statement:
    """A text that must stand in a page, with the numbers of the results.

    Attributes:
        parts: its parts in their order: numbers, keys, and what stands between them, with single spaces.
        place: where the paths of its expressions begin.
    """

    parts: tuple[Figure | Key | str, ...]
    place: Place

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(_plain(part) for part in self.parts)

    @property
    def figures(self) -> list[Figure]:
        """Its numbers."""
        return [part for part in self.parts if isinstance(part, Figure)]

    def found_in(self, block: str) -> list[list[tuple[int, int]]]:
        """Return for each place where a block has this text: where its numbers and keys stand.

        A text that begins or ends with a number is not found as a part of a longer number.
        """
        parts = [
            re.escape(part)
            if isinstance(part, str)
            else f"({'|'.join(map(re.escape, part.spellings))})"
            if isinstance(part, Figure)
            else f"({re.escape(part.text)})"
            for part in self.parts
        ]
        found = re.finditer(_bounded("".join(parts), self.text), block)
        return [[each.span(number) for number in range(1, each.re.groups + 1)] for each in found]

    def pattern(self) -> re.Pattern[str]:
        """Return a pattern of the text with any numbers in place of those of the results."""
        return re.compile("".join(".{1,60}?" if isinstance(part, Figure) else re.escape(_plain(part)) for part in self.parts))


def _plain(part: Figure | Key | str) -> str:
    return part if isinstance(part, str) else part.text


def _bounded(pattern: str, text: str) -> str:
    before = r"(?<![\d.,])" if text[:1].isdigit() else ""
    after = r"(?!\d|[.,]\d)" if text[-1:].isdigit() else ""
    return before + pattern + after


def statements(quote: Quote, data: Any, lenient: bool = False) -> list[Statement]:
    """Return the statements of a quote: one, or one for each row.

    Args:
        quote: the quote.
        data: contents of the file of results.
        lenient: write "" for numbers that the file does not have, and leave out rows that it does not have.

    Raises:
        QuoteError: if a placeholder cannot be computed.
    """
    return [_statement(quote.text, row, place, lenient) for row, place in _rows(quote, data, lenient)]


def _rows(quote: Quote, data: Any, lenient: bool) -> Iterator[tuple[dict[str, str], Place]]:
    """Yield the entries of each row of a quote, and where its paths begin."""
    whole = Place(data, "", data)
    if quote.rows is None:
        yield {}, whole
    elif isinstance(quote.rows, str):
        try:
            found = values_of(quote.rows, whole)
        except QuoteError:
            if not lenient:
                raise
            found = []
        for key, value in found:
            yield {}, Place(value, key, data)
    else:
        for row in quote.rows:
            entries = row if isinstance(row, dict) else {"row": row}
            yield {name: str(value) for name, value in entries.items()}, whole


def _statement(template: str, row: dict[str, str], place: Place, lenient: bool) -> Statement:
    parts: list[Figure | Key | str] = []
    template = " ".join(template.split())
    selecting = "".join(re.findall(r"\{([^{}]+)\}", template))
    for part in re.split(r"(\{[^{}]+\}|<\w+>)", template):
        if part.startswith("{"):
            parts.append(_figure(_filled(part[1:-1], row), place, lenient))
        elif part.startswith("<") and part[1:-1] in row:
            text = row[part[1:-1]]
            parts.append(Key(text) if part in selecting else text)
        else:
            parts.append(part.replace("−", "-"))
    return Statement(tuple(parts), place)


def _filled(text: str, row: dict[str, str]) -> str:
    for name, value in row.items():
        text = text.replace(f"<{name}>", value)
    return text


def _figure(part: str, place: Place, lenient: bool) -> Figure:
    expression, *form = _split(part, ":")
    spec = ":".join(form)
    try:
        shown = spellings(computed(expression, place), spec)
    except (QuoteError, TypeError, ValueError, ArithmeticError) as error:
        if not lenient:
            raise QuoteError(f"{{{part}}}: {error}") from error
        shown = [""]
    return Figure(expression.strip(), spec, tuple(shown))


# --- pages ------------------------------------------------------------------------------------------------------------

_UNIT: Final = (
    r"images/s|images a second|requests/s|requests a second|ms|µs|s|seconds?|minutes?|hours?|KB|MB|GB|TB|MiB|GiB|%|"
    r"[TGM]flop/s|[TGM]FLOP/s|Mflop|Gflop|points?"
)
_NUMBER: Final = r"[+−-]?\d+(?:,\d{3})*(?:\.\d+)?"
_MEASURED: Final = re.compile(
    rf"(?<![\w.,]){_NUMBER}(?:(?: to | and | or |–| ± ){_NUMBER})*[ -]?(?:{_UNIT})(?![\w/])"
    rf"|(?<![\w.,]){_NUMBER} ± {_NUMBER}"
)
_DIGITS: Final = re.compile(r"(?<![\w.,×])\d+(?:,\d{3})*(?:\.\d+)?(?![\w×])")
_HEADER: Final = re.compile(
    r"images/s|requests/s|answered|refused|second|\bms\b|memory|\bGB\b|\bMB\b|bytes|accuracy|distance|coverage|recall|"
    r"precision|density|speckles|images seen|median|within|longest|loss|flop|different|step|gradient|drawing|load|an image|"
    r"networks|pretraining|training|whole|start|pictures|alone|batch|process|of twice|^[ |]*[\d,]+ *$",
)
_UNMEASURED: Final = re.compile(r"`[^`]*`|!?\[[^]]*\]\([^)]*\)|<[^>]*>")


@dataclass(frozen=True)
class Block:
    """A paragraph, a list item or a table of a page.

    Attributes:
        text: its text, with single spaces.
        numbers: the measured numbers in it, by their places.
        table: whether it is a table.
    """

    text: str
    numbers: tuple[tuple[int, int], ...]
    table: bool


def page_blocks(text: str) -> list[Block]:
    """Return the paragraphs, list items and tables of a Markdown page, without code, headings and comments."""
    text = re.sub(r"^([ ]*)(```|~~~).*?^\1\2[ ]*$", "\n", text, flags=re.S | re.M)
    text = text.replace("−", "-")
    text = re.sub(r"<!--.*?-->|^---\n.*?^---$", "\n", text, flags=re.S | re.M)
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        words = " ".join(line.split())
        table = words.startswith("|")
        begins = not words or words.startswith("#") or re.match(r"([-*+]|\d+\.) ", words)
        if begins or (blocks[-1] and table != blocks[-1][-1].startswith("|")):
            blocks.append([])
        if words and not words.startswith("#"):
            blocks[-1].append(words)
    return [_block(lines) for lines in blocks if lines]


def _block(lines: list[str]) -> Block:
    text = " ".join(lines)
    table = len(lines) > 2 and lines[0].startswith("|") and set(lines[1]) <= set("|-: ")
    hidden = [found.span() for found in _UNMEASURED.finditer(text)]
    spans = [each.span() for found in _MEASURED.finditer(text) for each in _DIGITS.finditer(text, *found.span())]
    if table:
        spans += _in_cells(lines)
    free = [(a, b) for a, b in spans if not any(start <= a and b <= end for start, end in hidden)]
    return Block(text, tuple(sorted(set(free))), table)


def _in_cells(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the places of the numbers in the columns whose header names a measure."""
    header = _cells(lines[0])
    columns = [bool(_HEADER.search(_UNMEASURED.sub("", lines[0][start:end]))) for start, end in header]
    offset = len(lines[0]) + len(lines[1]) + 2
    for line in lines[2:]:
        for column, (start, end) in enumerate(_cells(line)):
            if 0 < column < len(columns) and columns[column]:
                for found in _DIGITS.finditer(line, start, end):
                    yield offset + found.start(), offset + found.end()
        offset += len(line) + 1


def _cells(line: str) -> list[tuple[int, int]]:
    places = [found.start() for found in re.finditer(r"(?<!\\)\|", line)]
    return list(zip([place + 1 for place in places], places[1:], strict=False))


def uncovered(page: str, text: str, results: list[Result], entries: list[NotMeasured]) -> list[tuple[str, list[str]]]:
    """Return the paragraphs and tables with measured numbers that are neither quoted nor explained, with these numbers."""
    quotes = [(quote, result) for result in results for quote in result.quotes if quote.page == page]
    known = [each for quote, result in quotes for each in statements(quote, result.read())]
    found = []
    for block in page_blocks(text):
        covered = [span for each in known for spans in each.found_in(block.text) for span in spans]
        for entry in (each for each in entries if each.page == page):
            if entry.whole and block.text.startswith(entry.text):
                covered.append((0, len(block.text)))
            elif not entry.whole:
                covered += [(place, place + len(entry.text)) for place in places_in(entry.text, block.text)]
        numbers = [(a, b) for a, b in block.numbers if not any(start <= a and b <= end for start, end in covered)]
        if numbers:
            found.append((block.text, [block.text[max(0, a - 15) : b + 15] for a, b in numbers]))
    return found


def nearest(statement: Statement, text: str) -> str:
    """Return the part of a page that is most like a statement: the same with other numbers, or a similar sentence or row."""
    blocks = page_blocks(text)
    parts = [found[0] for block in blocks for found in statement.pattern().finditer(block.text)]
    if not parts:
        parts = [part for block in blocks for part in re.split(r"(?<=\|) (?=\|)|(?<=[.:;]) ", block.text)]
    return max(parts, key=lambda part: difflib.SequenceMatcher(None, statement.text, part).ratio(), default="")


def places_in(text: str, block: str) -> list[int]:
    """Return where a text stands in a block, other than as a part of a longer number."""
    return [found.start() for found in re.finditer(_bounded(re.escape(text), text), block)]


# --- the table of all results -----------------------------------------------------------------------------------------

INDEX: Final = "docs/records/index.md"
BEGIN: Final = "<!-- This table is written by `python benchmarks/records.py --index`. -->"
END: Final = "<!-- The end of that table. -->"


def facts_of(data: Any) -> list[dict[str, Any]]:
    """Return the machines that a file of results states: the entries with `commit` and `date`, wherever they are."""
    if isinstance(data, dict):
        here = [data] if {"commit", "date", "processor"} <= data.keys() else []
        return here + [found for each in data.values() for found in facts_of(each)]
    return [found for each in data for found in facts_of(each)] if isinstance(data, list) else []


def index_table(results: list[Result]) -> str:
    """Return the table of files, scripts, dates and pages, in Markdown."""
    lines = ["| file | made by | measured | quoted in | short form |", "|---|---|---|---|---|"]
    for result in sorted(results, key=lambda each: each.file):
        dates = sorted({found["date"] for found in facts_of(result.read())})
        script = result.script.removeprefix("benchmarks/")
        cells = [
            f"[`{Path(result.file).name}`](../../{result.file})",
            f"[`{script}`](../../{result.script})" if script.endswith(".py") else f"`{script}`",
            " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]])) or "see its card",
            ", ".join(_link(page) for page in dict.fromkeys(quote.page for quote in result.quotes)) or result.used_by,
            _short_form(result),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _short_form(result: Result) -> str:
    if result.cannot:
        return f"none: {result.cannot}"
    return f"needs {', '.join(map(_need, result.needs))}" if result.needs else "yes"


def _link(page: str) -> str:
    name = Path(page).stem
    return f"[{name}]({page.removeprefix('docs/records/') if page.startswith('docs/records/') else _from_records(page)})"


def _from_records(page: str) -> str:
    return f"../{page.removeprefix('docs/')}" if page.startswith("docs/") else f"../../{page}"


def _need(need: str) -> str:
    kind, _, name = need.partition(" ")
    words = {"gpu": "a GPU with CUDA", "data": f"the data set `{name}`", "commit": f"the commit `{name}`"}
    words["instruction"] = f"a processor with `{name}`"
    return words.get(kind, f"`{name}`")


# --- measured anew ----------------------------------------------------------------------------------------------------


def compared(result: Result, new: Any) -> list[tuple[str, str, str]]:
    """Return the quoted figures of a file: what each is, the committed value, and that of another file ("" if it has none)."""
    rows: dict[str, tuple[str, str]] = {}
    for quote in result.quotes:
        both = [statements(quote, data, lenient=True) for data in (result.read(), new)]
        told = {_name(each, figure): figure.text for each in both[1] for figure in each.figures}
        for statement, figure in itertools.chain.from_iterable(((each, figure) for figure in each.figures) for each in both[0]):
            name = _name(statement, figure)
            rows.setdefault(name, (figure.text, told.get(name, "")))
    return [(name, *texts) for name, texts in rows.items()]


def _name(statement: Statement, figure: Figure) -> str:
    return f"{statement.place.key}: {figure.expression}" if statement.place.key else figure.expression
