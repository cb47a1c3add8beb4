"""The columns of a table that names pictures: those of the files, the labels and the splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, final

from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.notes import listed
from digitgan.data.readers.base import Reading
from digitgan.data.readers.columns import (
    FILE_COLUMNS,
    INDEX_COLUMNS,
    LABEL_COLUMNS,
    SPLIT_COLUMNS,
    TRAINING_COLUMNS,
    plain_name,
    usual_columns,
)
from digitgan.data.readers.picture_names import Match
from digitgan.data.readers.splits import Part, part_of
from digitgan.data.readers.table_rows import Rows, is_number
from digitgan.errors import DataError

MIN_COUNTED: Final = 10
"""Number of rows from which consecutive numbers are those of the rows, and no labels."""

TRUE: Final = ("1", "true", "yes")
FALSE: Final = ("0", "false", "no")

CELEBA: Final[Mapping[str, Part]] = {"0": "train", "1": "validation", "2": "test"}
"""The numbers of the splits in the column `partition` of CelebA."""

FOLDERS_INSTEAD: Final = "or take the folders of the pictures as classes with --labels-from outer-folder"


@final
@dataclass(frozen=True)
class TableColumns:
    """The names of the columns of a table. Without a column of labels or splits they are None.

    The class may be the name of the one of several columns that holds a 1, `one_hot`.
    """

    file: str
    label: str | None = None
    split: str | None = None
    one_hot: tuple[str, ...] = ()


def columns_of_table(
    rows: Rows, find: Callable[[object], Match], pictures: int, path: str, name: str, reading: Reading
) -> TableColumns | None:
    """Return the columns of files, labels and splits; None if no column names pictures.

    Args:
        rows: the rows of the table.
        find: a function that returns the picture of a value.
        pictures: the number of pictures.
        path: the path of the table.
        name: its name in messages.
        reading: the request to read. Its notes receive the choice of a column of files.

    Raises:
        DataError: if several columns may hold the classes.
    """
    return _Choice(rows, find, pictures, path, name, reading).columns()


@final
@dataclass(frozen=True)
class _Choice:
    """The choice of the columns of a table, see `columns_of_table`."""

    rows: Rows
    find: Callable[[object], Match]
    pictures: int
    path: str
    name: str
    reading: Reading

    def columns(self) -> TableColumns | None:
        """Return the columns of files, labels and splits; None if no column names pictures."""
        rows = self.rows
        candidates = [column for column in rows.columns if column != self.reading.label_column]
        matches = {column: [self.find(row.get(column)) for row in rows.rows] for column in candidates}
        hits = {column: sum(match.path is not None for match in found) for column, found in matches.items()}
        most = max(hits.values(), default=0)
        # A column of a usual name may lack some pictures, and digits as labels may be names of pictures too.
        found = [column for column in candidates if any(match.path or match.candidates for match in matches[column])]
        as_paths = {column: sum(_is_path(row.get(column)) for row in rows.rows) for column in candidates}
        paths = [column for column in found if 2 * as_paths[column] >= len(rows.rows)]
        usual = usual_columns(paths or [column for column in found if 2 * hits[column] >= most], FILE_COLUMNS)
        # Numbers in any text may be names of pictures by chance.
        if not usual and not paths and (2 * most < len(rows.rows) or 2 * most < self.pictures or most == 0):
            return None
        file = usual[0] if usual else max(paths or candidates, key=lambda column: hits[column])
        if len(found) > 1:
            self.reading.notes.add(f"file names from the column {file!r} of {self.path}")
        others = [column for column in rows.columns if column != file]
        split = self._split_column(rows, others)
        others = [column for column in others if column != split and not self._counts_rows(rows, column)]
        return self._with_label(rows, TableColumns(file, None, split), others)

    def _counts_rows(self, rows: Rows, column: str) -> bool:
        """Return whether a column holds the numbers of the rows, and no labels."""
        if column == self.reading.label_column:
            return False
        if rows.has_names and plain_name(column) in INDEX_COLUMNS:
            return True
        values = [str(row.get(column, "")) for row in rows.rows]
        start = int(values[0]) if values and values[0] in ("0", "1") else None
        return len(values) >= MIN_COUNTED and start is not None and values == [str(start + n) for n in range(len(values))]

    def _split_column(self, rows: Rows, columns: Sequence[str]) -> str | None:
        """Return the column that states the splits; None without one."""
        if not rows.has_names and len(columns) == 1 and "partition" in PurePosixPath(self.path).stem.lower():
            return columns[0] if all(str(row.get(columns[0])) in CELEBA for row in rows.rows) else None
        for column in [*usual_columns(columns, SPLIT_COLUMNS), *usual_columns(columns, TRAINING_COLUMNS)]:
            values = {str(row.get(column, "")) for row in rows.rows}
            if column == self.reading.label_column or not any(part_of_value(column, value) for value in values):
                continue
            if not _is_one_hot(rows, columns):  # "train" may also be a class, with a column of its own
                return column
        return None

    def _with_label(self, rows: Rows, columns: TableColumns, others: Sequence[str]) -> TableColumns:
        """Return the columns with that of the labels: the wanted one, one with a usual name, or the only one; or without."""
        wanted = self.reading.label_column
        label = None
        if wanted is not None:
            label = wanted if wanted in others else None
        elif usual := usual_columns(others, LABEL_COLUMNS):
            # In a table of boxes, y is a coordinate.
            usual = [column for column in usual if plain_name(column) != "y" or "x" not in map(plain_name, others)]
            # A table may state the number and the name of each class.
            named = [column for column in usual[1:] if _names_numbers(rows, usual[0], column)]
            label = next(iter(named or usual), None)
        elif len(others) == 1:
            label = others[0]
        elif not rows.has_names:
            # Beside the class there may be numbers, such as a box.
            words = [each for each in others if not all(is_number(row.get(each, "")) for row in rows.rows)]
            label = words[0] if len(words) == 1 else None
        if label is not None:
            return TableColumns(columns.file, label, columns.split)
        if wanted is not None or not others:
            return columns
        if all(str(row.get(column, "")) in ("0", "1") for row in rows.rows for column in others):
            return TableColumns(columns.file, None, columns.split, tuple(others))
        if not rows.has_names and all(is_number(row.get(column, "")) for row in rows.rows for column in others):
            return columns  # such as boxes
        raise DataError(
            f"{self.name}: several columns may hold the classes: {listed(list(others))}; choose one with --label-column, "
            f"{FOLDERS_INSTEAD}"
        )


def _is_one_hot(rows: Rows, columns: Sequence[str]) -> bool:
    """Return whether each row has a single 1 in the columns, and 0 in the others."""
    return len(columns) > 1 and all(
        sorted(str(row.get(column, "")) for column in columns) == ["0"] * (len(columns) - 1) + ["1"] for row in rows.rows
    )


def part_of_value(column: str, value: str) -> Part | None:
    """Return the split that a value of a column states."""
    plain = value.strip().lower()
    if usual_columns([column], TRAINING_COLUMNS):
        return "train" if plain in TRUE else "test" if plain in FALSE else None
    if plain_name(column) == "partition" and plain in CELEBA:
        return CELEBA[plain]
    return part_of(value)


def _is_path(cell: Any) -> bool:
    text = str(cell).lower()
    return text.endswith(PICTURE_ENDINGS) or "/" in text or "\\" in text


def _names_numbers(rows: Rows, numbers: str, names: str) -> bool:
    """Return whether a column gives each number in another column one name."""
    pairs = {(str(row.get(numbers, "")), str(row.get(names, ""))) for row in rows.rows}
    words = {name for _, name in pairs}
    return (
        all(number.isdigit() for number, _ in pairs)
        and not any(is_number(word) or not word for word in words)
        and len(pairs) == len(words) == len({number for number, _ in pairs})
    )
