"""The rows of small tables in text files: CSV, TSV, plain text, JSON Lines and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.readers.columns import FILE_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS, TRAINING_COLUMNS, usual_columns
from digitgan.errors import DataError

KNOWN_COLUMNS: Final = (*FILE_COLUMNS, *LABEL_COLUMNS, *SPLIT_COLUMNS, *TRAINING_COLUMNS)


class Rows(NamedTuple):
    """The rows of a table.

    Attributes:
        columns: the names of the columns.
        rows: the value of each row in each column. A short row lacks the last columns.
        has_names: whether the table states the names. Otherwise they are "column 1", "column 2" and so on.
    """

    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]
    has_names: bool = True


def rows_of_text(content: bytes, path: str, name: str, is_picture: Callable[[str], bool]) -> Rows:
    """Return the rows of a table.

    Args:
        content: the content of the file.
        path: its path, whose ending states the format.
        name: its name in messages.
        is_picture: a function that returns whether a text names a picture. The first line of a table without column names has
            one.

    Raises:
        DataError: if the file is damaged.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    ending = path.lower().rsplit(".", 1)[-1]
    if ending == "jsonl":
        return _of_objects([_object(line, number, name) for number, line in enumerate(text.splitlines(), 1) if line.strip()])
    if ending == "json":
        return _of_json(text, is_picture)
    if "\0" in text:
        raise DataError(f"{name}: is not a table, it contains null bytes; save it as text in UTF-8")
    delimiter = _delimiter(text, ending)
    if delimiter is None:
        # A text file such as "001.png 3": the last word is the label, because names of files may have spaces.
        table = [line.strip().rsplit(None, 1) for line in text.splitlines() if line.strip()]
    else:
        try:
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            table = [row for row in lines if any(cell.strip() for cell in row)]
        except csv.Error as error:
            raise DataError(f"{name}: is not a table ({error}); save it as CSV in UTF-8") from error
    if not table:
        return Rows((), ())
    first = [cell.strip() for cell in table[0]]
    has_names = not any(
        cell.lower().endswith(PICTURE_ENDINGS) or (is_picture(cell) and not usual_columns([cell], KNOWN_COLUMNS))
        for cell in first
    )
    columns = first if has_names else [f"column {number}" for number in range(1, len(first) + 1)]
    body = table[1:] if has_names else table
    return Rows(columns, [dict(zip(columns, (cell.strip() for cell in row), strict=False)) for row in body], has_names)


def _of_objects(rows: Sequence[dict[str, Any]]) -> Rows:
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)
    return Rows(tuple(columns), rows)


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
        return Rows((), ())
    if isinstance(whole, list) and whole and all(isinstance(row, dict) for row in whole):
        return _of_objects(whole)
    if isinstance(whole, dict) and 2 * sum(map(is_picture, whole)) > len(whole):
        return Rows(("file", "label"), [{"file": key, "label": value} for key, value in whole.items()])
    return Rows((), ())


def _delimiter(text: str, ending: str) -> str | None:
    """Return the delimiter of the first line: a tab, a semicolon or a comma; None for blanks in a plain text file."""
    first = text.split("\n", 1)[0]
    if ending == "tsv" or "\t" in first:
        return "\t"
    if first.count(";") > first.count(","):
        return ";"
    return None if ending == "txt" and "," not in first and re.search(r"\S\s+\S", first) else ","
