"""Statements: the texts that must stand in the pages, with the numbers of the results."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .expressions import Place, QuoteError, computed, split, values_of
from .formats import spellings
from .table import Quote, Result


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
        found = re.finditer(bounded("".join(parts), self.text), block)
        return [[each.span(number) for number in range(1, each.re.groups + 1)] for each in found]

    def pattern(self) -> re.Pattern[str]:
        """Return a pattern of the text with any numbers in place of those of the results."""
        return re.compile("".join(".{1,60}?" if isinstance(part, Figure) else re.escape(_plain(part)) for part in self.parts))


def _plain(part: Figure | Key | str) -> str:
    return part if isinstance(part, str) else part.text


def bounded(pattern: str, text: str) -> str:
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
    expression, *form = split(part, ":")
    spec = ":".join(form)
    try:
        shown = spellings(computed(expression, place), spec)
    except (QuoteError, TypeError, ValueError, ArithmeticError) as error:
        if not lenient:
            raise QuoteError(f"{{{part}}}: {error}") from error
        shown = [""]
    return Figure(expression.strip(), spec, tuple(shown))


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
