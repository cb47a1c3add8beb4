"""Pages: their paragraphs and tables, and the numbers in them that no statement covers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .statements import Statement, bounded, statements
from .table import NotMeasured, Result

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
    return [found.start() for found in re.finditer(bounded(re.escape(text), text), block)]
