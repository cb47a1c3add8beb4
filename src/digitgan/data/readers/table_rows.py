"""The rows of small tables in text files: CSV, TSV, plain text, JSON Lines and JSON."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.notes import Notes
from digitgan.data.readers.columns import FILE_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS, TRAINING_COLUMNS, usual_columns
from digitgan.errors import DataError

KNOWN_COLUMNS: Final = (*FILE_COLUMNS, *LABEL_COLUMNS, *SPLIT_COLUMNS, *TRAINING_COLUMNS)

FURTHER: Final = "\0further"
"""The column of the cells of a row that has more cells than there are columns."""


class Rows(NamedTuple):
    """The rows of a table.

    Attributes:
        columns: the names of the columns.
        rows: the value of each row in each column. A short row lacks the last columns.
        places: the place of each row for messages, such as "line 3".
        has_names: whether the table states the names. Otherwise they are "column 1", "column 2" and so on.
    """

    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]
    places: Sequence[str]
    has_names: bool = True


NO_ROWS: Final = Rows((), (), ())


def rows_of_text(text: str, path: str, name: str, is_picture: Callable[[str], bool]) -> Rows:
    """Return the rows of a table.

    Args:
        text: the content of the file, see `decoded_text`.
        path: its path, whose extension states the format.
        name: its name in messages.
        is_picture: a function that returns whether a text names a picture. The first line of a table without column names has
            one.

    Raises:
        DataError: if the file is damaged.
    """
    ending = path.lower().rsplit(".", 1)[-1]
    if ending == "jsonl":
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        return _of_objects([_object(line, number, name) for number, line in lines], [f"line {number}" for number, _ in lines])
    if ending == "json":
        return _of_json(text, is_picture)
    if "\0" in text:
        raise DataError(f"{name}: is not a table, it contains null bytes; save it as text in UTF-8")
    return _of_lines(text, ending, name, is_picture)


def decoded_text(content: bytes, path: str, notes: Notes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with its mark; other files are read as Windows-1252, with a note."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.add(f"{path} is not in UTF-8: read as Windows-1252; if its names look wrong, save it as CSV in UTF-8")
        return content.decode("cp1252", "replace")


def is_number(cell: object) -> bool:
    """Return whether a cell is a number."""
    try:
        float(str(cell))
    except ValueError:
        return False
    return True


def _of_lines(text: str, ending: str, name: str, is_picture: Callable[[str], bool]) -> Rows:
    """Return the rows of a CSV, TSV or plain text file."""
    delimiter = _delimiter(text, ending)
    table: list[tuple[int, list[str]]]
    if delimiter is None:
        # A text file such as "001.png 3": the last word is the label, because names of files may have spaces.
        lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        line = lines[0][1] if lines else ""
        is_list = is_picture(line) or (line.lower().endswith(PICTURE_ENDINGS) and not is_picture(line.rsplit(None, 1)[-1]))
        table = [(number, [text] if is_list else text.rsplit(None, 1)) for number, text in lines]
    else:
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            table = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(cell.strip() for cell in row)]
        except csv.Error as error:
            raise DataError(f"{name}: is not a table ({error}); save it as CSV in UTF-8") from error
    if not table:
        return NO_ROWS
    first = table[0][1]
    has_names = not any(
        cell.lower().endswith(PICTURE_ENDINGS) or (is_picture(cell) and not usual_columns([cell], KNOWN_COLUMNS))
        for cell in first
    )
    columns = first if has_names else [f"column {number}" for number in range(1, len(first) + 1)]
    body = table[1:] if has_names else table
    rows = []
    for _, cells in body:
        row: dict[str, Any] = dict(zip(columns, cells, strict=False))
        if any(further := cells[len(columns) :]):
            row[FURTHER] = further
        rows.append(row)
    return Rows(columns, rows, [f"line {number}" for number, _ in body], has_names)


def _of_objects(rows: Sequence[dict[str, Any]], places: Sequence[str]) -> Rows:
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)
    return Rows(tuple(columns), rows, places)


def _object(line: str, number: int, name: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: line {number} is not JSON ({error}); correct it") from error
    if not isinstance(row, dict):
        raise DataError(f'{name}: line {number} is not a JSON object; it must be like {{"file_name": …, "label": …}}')
    return row


def _of_json(text: str, is_picture: Callable[[str], bool]) -> Rows:
    """Return the rows of a list of objects, or of an object of pictures and their labels; no rows for other JSON files."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return NO_ROWS
    if isinstance(whole, list) and whole and all(isinstance(row, dict) for row in whole):
        return _of_objects(whole, [f"entry {number}" for number in range(1, len(whole) + 1)])
    if isinstance(whole, dict) and 2 * sum(map(is_picture, whole)) > len(whole):
        rows = [{"file": key, "label": value} for key, value in whole.items()]
        return Rows(("file", "label"), rows, [f"entry {number}" for number in range(1, len(rows) + 1)])
    return NO_ROWS


def _delimiter(text: str, ending: str) -> str | None:
    """Return the delimiter of the first line: a tab, a semicolon or a comma; None for spaces in a plain text file."""
    first = text.split("\n", 1)[0]
    if ending == "tsv" or "\t" in first:
        return "\t"
    if first.count(";") > first.count(","):
        return ";"
    return None if ending == "txt" and "," not in first and re.search(r"\S\s+\S", first) else ","
