"""The columns of a CSV file of pixels: the label, the pixels, the split, and columns that are neither."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from digitgan.data.notes import MAX_LISTED, counted, listed
from digitgan.data.readers.base import Reading
from digitgan.data.readers.columns import INDEX_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS, plain_name, usual_columns
from digitgan.data.readers.table_rows import is_number
from digitgan.errors import DataError

MIN_TEXT_PIXELS: Final = 16
"""Number of values in a cell from which it holds all pixels of an image, as in FER2013."""


class PixelColumns(NamedTuple):
    """The places of the columns in a line.

    Attributes:
        width: the number of columns.
        label: the place of the label; None if there is none.
        split: the place of the split; None if the lines do not state it.
        text: the place of a cell with all pixels as text; None if each pixel has its column.
        left_out: the places of columns that are neither.
        header: whether the first line holds the names of the columns.
        delimiter: the delimiter.
    """

    width: int
    label: int | None
    split: int | None
    text: int | None
    left_out: tuple[int, ...]
    header: bool
    delimiter: str

    def pixels(self, row: Sequence[str]) -> Sequence[str]:
        """Return the pixels of a line."""
        if self.text is not None:
            return row[self.text].split()
        others = {self.label, self.split, *self.left_out}
        return row if others == {None} else [cell for place, cell in enumerate(row) if place not in others]


def columns_of_lines(first: Sequence[str], path: Path, reading: Reading) -> PixelColumns:
    """Return the columns of a table.

    Args:
        first: its first two lines that are not empty.
        path: its file.
        reading: the request to read.

    Raises:
        DataError: if the table is empty, or if its lines hold no images.
    """
    if not first:
        raise DataError(f"{path}: is empty; download or copy it again")
    delimiter = max(",;\t", key=first[0].count)
    rows = rows_of_lines(first, delimiter, path)
    cells = rows[0] if rows else []
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    # They are names if at least half of them are no numbers, or if the others are the numbers of the columns, with which tables
    # without names are often written.
    has_pixels = any(len(cell.split()) >= MIN_TEXT_PIXELS for cell in cells)
    header = not has_pixels and (2 * len(numbers) <= len(cells) or _are_column_numbers(numbers))
    if header and len(rows) < 2:
        raise DataError(f"{path}: has a line of column names only; download or copy it again")
    values = rows[1] if header else cells
    names = [plain_name(cell) for cell in cells] if header else [f"column {place}" for place in range(1, len(cells) + 1)]
    text = next((place for place, value in enumerate(values) if len(value.split()) >= MIN_TEXT_PIXELS), None)
    split = next((names.index(name) for name in usual_columns(names, SPLIT_COLUMNS) if header), None)
    left_out = [place for place, name in enumerate(names) if header and name in INDEX_COLUMNS]
    label = _label_column(names, [split, text, *left_out], path, reading)
    if label is None and text is not None:
        rest = [place for place in range(len(names)) if place not in (text, split, *left_out)]
        if len(rest) > 1:
            raise DataError(
                f"{path}: several columns may hold the labels: {', '.join(names[place] for place in rest)}; choose one with "
                "--label-column"
            )
        label = rest[0] if rest else None
    if label is None and text is None:
        label = _by_number(len(cells) - len({split, *left_out} - {None}), names, header, path, reading)
        if label is not None:
            label = next(place for place in range(len(names)) if place not in (split, *left_out))
    left_out = [place for place in left_out if place != label]
    if text is None and len(names) - len({label, split, *left_out} - {None}) < 1:
        raise DataError(_no_pixels(names, path))
    if left_out:
        reading.notes.add(f"left out the columns {listed([repr(cells[place]) for place in left_out])}, which count the lines")
    if text is not None:
        further = [place for place in range(len(names)) if place not in (text, split, label, *left_out)]
        if further:
            reading.notes.add(f"ignored the columns {listed([repr(names[place]) for place in further])}")
        left_out += further
    return PixelColumns(len(cells), label, split, text, tuple(left_out), header, delimiter)


def _label_column(names: Sequence[str], others: Sequence[int | None], path: Path, reading: Reading) -> int | None:
    """Return the place of the label by the names of the columns; None if they do not state it."""
    if reading.label_column is not None:
        wanted = plain_name(reading.label_column) if plain_name(reading.label_column) in names else reading.label_column.lower()
        if wanted not in names:
            shown = names if len(names) < MAX_LISTED else [*names[:3], "…", names[-1]]
            raise DataError(f"{path}: has no column {reading.label_column!r} for --label-column; it has {', '.join(shown)}")
        return names.index(wanted)
    if usual := usual_columns(names, LABEL_COLUMNS):
        return names.index(usual[0])
    left = [place for place in range(len(names)) if place not in others]
    if names[:1] != ["column 1"] and left and len(odd := _unlike_the_others([names[place] for place in left])) == 1:
        place = left[odd[0]]
        reading.notes.add(
            f"labels from the column {names[place]!r}, whose name differs from those of the pixels (--label-column)"
        )
        return place
    return None


def _by_number(count: int, names: Sequence[str], header: bool, path: Path, reading: Reading) -> int | None:
    """Return 0 if the number of columns is that of a label and pixels, None if it is that of pixels.

    Raises:
        DataError: if it is neither.
    """
    wanted = math.prod(reading.image_shape) if reading.image_shape is not None else None
    if count == wanted or (wanted is None and _is_square(count) and not _is_square(count - 1)):
        return None
    if count - 1 == wanted or (wanted is None and count > 4 and _is_square(count - 1)):
        last = "" if header else f"; --label-column 'column {len(names)}' takes the last one"
        reading.notes.add(f"the first value of each line is taken as its label (--label-column){last}")
        return 0
    if count < 5:
        raise DataError(_no_pixels(names, path))
    raise DataError(
        f"{path}: has {count:,} columns, which are neither a square number of pixels nor one more; state the shape of "
        "the images with --image-shape, or remove the columns that hold neither pixels nor labels"
    )


def _no_pixels(names: Sequence[str], path: Path) -> str:
    return (
        f"{path}: has {counted(len(names), 'column')} ({', '.join(names[:5])}), and no pixels. If it names pictures and their "
        "classes, give the folder of the pictures, with this file in it"
    )


def _are_column_numbers(numbers: Sequence[str]) -> bool:
    """Return whether numbers are 0, 1, 2, … or 1, 2, 3, …; or 0, 0.1, 0.2, …, which pandas makes of a line of equal values."""
    ways = [[str(number) for number in range(start, start + len(numbers))] for start in (0, 1)]
    ways.append([numbers[0], *(f"{numbers[0]}.{number}" for number in range(1, len(numbers)))])
    return len(numbers) > 4 and numbers in ways


def rows_of_lines(lines: Sequence[str], delimiter: str, path: Path) -> list[list[str]]:
    """Return the cells of lines, without empty lines."""
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error as error:
        raise DataError(f"{path}: is not a table ({error}); save it as CSV in UTF-8") from error


def _unlike_the_others(names: Sequence[str]) -> list[int]:
    """Return the places of the names that have another part before their number than most names."""
    parts = [re.sub(r"[\d.]*$", "", name) for name in names]
    most = max(set(parts), key=parts.count)
    return [place for place, part in enumerate(parts) if part != most] if parts.count(most) > len(parts) // 2 else []


def _is_square(count: int) -> bool:
    return count > 1 and math.isqrt(count) ** 2 == count
