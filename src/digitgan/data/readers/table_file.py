"""One file that names pictures: its columns, and the label and the split of each picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, final

from digitgan.data.notes import Notes, Problems, counted, listed
from digitgan.data.readers.base import Reading
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.parquet_file import rows_of_parquet
from digitgan.data.readers.picture_names import Match, PictureNames
from digitgan.data.readers.splits import Part, part_in
from digitgan.data.readers.table_columns import CELEBA, FOLDERS_INSTEAD, TableColumns, columns_of_table, part_of_value
from digitgan.data.readers.table_rows import FURTHER, Rows, decoded_text, is_number, rows_of_text
from digitgan.errors import DataError

DATASET_JSON: Final = "dataset.json"

MAX_TABLE_BYTES: Final = 256 << 20
"""Largest size of a table: 256 MiB, or some millions of rows."""

MIN_PIXEL_COLUMNS: Final = 60
"""Number of columns from which a table of numbers is one of pixels."""

Value = str | int


@final
@dataclass(frozen=True)
class TableFile:
    """One file that names pictures.

    Attributes:
        path: the file.
        columns: the names of its columns.
        labels: the label of each picture that has one.
        parts: the split of each picture, where a column or the name of the file states one.
        scope: the folders whose pictures it covers, "" for all.
        left_out: the pictures whose rows are of neither split.
    """

    path: str
    columns: Sequence[str]
    labels: Mapping[str, Value] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    scope: tuple[str, ...] = ("",)
    left_out: frozenset[str] = frozenset()

    @property
    def is_dataset_json(self) -> bool:
        """True for StyleGAN's dataset.json. It may state that there are no labels."""
        return PurePosixPath(self.path).name == DATASET_JSON


@final
class TableReader:
    """The reading of one file that may name pictures.

    Args:
        tree: the folder or archive.
        path: the file.
        names: the names of the pictures.
        split_folders: the folders of splits, with the split of each.
        reading: the request to read.
        problems: receives a line for each row that cannot be used.
    """

    def __init__(
        self,
        tree: FileTree,
        path: str,
        names: PictureNames,
        split_folders: Mapping[str, Part],
        reading: Reading,
        problems: Problems,
    ) -> None:
        self._tree, self._path, self._names, self._reading, self._problems = tree, path, names, reading, problems
        self._name = tree.shown(path)
        folder = PurePosixPath(path).parent.as_posix().removeprefix(".")
        around = [each for each in split_folders if folder == each or folder.startswith(f"{each}/")]
        self._part = None if around else part_in(PurePosixPath(path).stem)[0]
        of_part = [each for each, part in split_folders.items() if part == self._part]
        self._scope = tuple(around or of_part or [""])
        self._folders = tuple(dict.fromkeys((folder, *around, *of_part, "")))
        # Without folders of splits, the name of the table states the split of its pictures.
        self._states_split = self._part is not None and not split_folders

    def table(self) -> TableFile | None:
        """Return the file as a table; None if it names no pictures.

        Raises:
            DataError: if several columns may hold the classes, or if the file is damaged.
        """
        any_text = self._path.lower().endswith((".txt", ".json"))
        content = self._tree.read(self._path, MAX_TABLE_BYTES)
        if len(content) > MAX_TABLE_BYTES:
            if any_text:
                return None
            raise DataError(f"{self._name}: is larger than {MAX_TABLE_BYTES >> 20} MiB; shorten it, {FOLDERS_INSTEAD}")
        if PurePosixPath(self._path).name == DATASET_JSON:
            return self._of_dataset_json(content)
        notes = Notes()  # they matter if it is a table
        try:
            if self._path.lower().endswith(".parquet"):
                rows = rows_of_parquet(content, self._name)
            else:
                text = decoded_text(content, self._path, notes)
                rows = rows_of_text(text, self._path, self._name, lambda cell: self._find(cell).path is not None)
        except DataError as error:
            if any_text:
                return None
            raise DataError(f"{error}; {FOLDERS_INSTEAD}") from error
        columns = columns_of_table(rows, self._find, len(self._names), self._path, self._name, self._reading)
        if columns is None or not self._names_pictures(rows, columns.file):
            self._check_no_pixels(rows)
        if columns is None:
            return None
        for line in notes.lines:
            self._reading.notes.add(line)
        return self._of_rows(rows, columns)

    def _of_dataset_json(self, content: bytes) -> TableFile | None:
        """Return StyleGAN's dataset.json: {"labels": [["00000/img00000.png", 6], …]}, or null for no labels."""
        try:
            whole = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self._name}: is not JSON ({error}); write it again, {FOLDERS_INSTEAD}") from error
        if not isinstance(whole, dict) or "labels" not in whole:
            return None  # a file of another program
        if whole["labels"] is None:
            self._reading.notes.add(f"{self._path} states that the pictures have no labels")
            return TableFile(self._path, ())
        return self._of_rows(_rows_of_pairs(whole["labels"], self._name), TableColumns("file", "label"))

    def _check_no_pixels(self, rows: Rows) -> None:
        """Raise `DataError` for a table of pixels, which would be lost beside a few pictures."""
        cells = list(rows.rows[0].values()) if rows.rows else []
        numbers = [cell for cell in cells if is_number(cell)]
        values = [float(number) for number in numbers]
        as_pixels = all(0 <= value <= 255 and value.is_integer() for value in values) or all(
            abs(value) <= 1 for value in values
        )
        many = len(rows.columns) >= MIN_PIXEL_COLUMNS and 10 * len(numbers) > 9 * len(cells)
        if many and as_pixels and not set(numbers) <= {"0", "1"}:
            raise DataError(
                f"{self._name}: looks like a table of pixels, and there are pictures beside it; name the file of the images, "
                f"{FOLDERS_INSTEAD}"
            )

    def _names_pictures(self, rows: Rows, column: str) -> bool:
        """Return whether a column names another picture in each row, as a column of labels or pixels does not."""
        found = [self._find(row.get(column)).path for row in rows.rows]
        named = [path for path in found if path is not None]
        return 2 * len(named) >= len(found) and len(set(named)) == len(named)

    def _find(self, value: object) -> Match:
        return self._names.find("" if value is None else value, self._folders, self._scope)

    def _of_rows(self, rows: Rows, columns: TableColumns) -> TableFile:
        """Return the labels and the splits of the pictures in the rows."""
        labels: dict[str, Value] = {}
        parts: dict[str, Part] = {}
        loose: list[str] = []
        no_split: list[str] = []
        for place, row in zip(rows.places, rows.rows, strict=True):
            text = row.get(columns.file)
            where = f"{self._path}, {place}"
            match = self._find(text)
            part = self._part if self._states_split else None
            if columns.split is not None:
                part = self._part_of_cell(columns.split, row)
            value, wrong = _value(row, columns)
            if match.candidates:
                self._problems.add(f"{where}: {text!r} may be {' or '.join(match.candidates[:3])}: write its path")
            elif match.path is None:
                self._problems.add(f"{where}: {text!r} is not one of the pictures")
            elif columns.split is not None and part is None:
                no_split.append(match.path)
            elif wrong:
                self._problems.add(f"{where}: {text!r} {wrong}")
            elif value is not None and labels.get(match.path, value) != value:
                self._problems.add(f"{where}: {text!r} has the class {labels[match.path]!r} in an earlier row, {value!r} here")
            else:
                if value is not None:
                    labels[match.path] = value
                if match.loose:
                    loose.append(f"{text} for {match.path}")
                if part is not None:
                    parts[match.path] = part
        self._add_notes(columns, loose, no_split)
        return TableFile(self._path, rows.columns, labels, parts, self._scope, frozenset(no_split))

    def _part_of_cell(self, column: str, row: Mapping[str, Any]) -> Part | None:
        value = str(row.get(column, ""))
        return part_of_value(column, value) or (CELEBA.get(value) if "partition" in self._path.lower() else None)

    def _add_notes(self, columns: TableColumns, loose: list[str], no_split: list[str]) -> None:
        notes = self._reading.notes
        asked = self._reading.labels_from == "table"
        if columns.label is not None:
            notes.add(f"labels from the column {columns.label!r} of {self._path}", asked=asked)
        if columns.one_hot:
            notes.add(
                f"labels from the columns {listed(list(columns.one_hot))} of {self._path}, one of which is 1", asked=asked
            )
        if loose:
            notes.add(
                f"{self._path} matches {counted(len(loose), 'file name')} only after ignoring case, extension or leading "
                f"zeros: {listed(loose)}"
            )
        if no_split:
            which = f"{counted(len(no_split), 'picture')} whose {columns.split} is neither training nor test"
            notes.add(f"ignored {which}: {listed(no_split)}")
        if columns.split is not None:
            notes.add(f"splits from the column {columns.split!r} of {self._path}", asked=asked)
        elif self._states_split:
            notes.add(f"the pictures in {self._path} are {self._part} images by the name of the table")


def _value(row: Mapping[str, Any], columns: TableColumns) -> tuple[Value | None, str]:
    """Return the label in a row, None in a table without labels; and what is wrong with the row, "" if nothing is."""
    if FURTHER in row:
        return None, f"is followed by more cells than there are columns ({row[FURTHER][0]!r}…); quote cells that have commas"
    if columns.one_hot:
        found = [column for column in columns.one_hot if str(row.get(column, "")) == "1"]
        return (found[0], "") if len(found) == 1 else (None, f"is of {counted(len(found), 'class', 'es')}; it must be one")
    if columns.label is None:
        return None, ""
    value = row.get(columns.label)
    if value is None or value == "":
        return None, f"has no value in the column {columns.label!r}"
    if isinstance(value, (list, dict)):
        return None, f"has the label {str(value)[:40]}, which is no class: it must be a number, a string or a one-hot list"
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value), ""


def _rows_of_pairs(entries: Any, name: str) -> Rows:
    """Return the rows of pairs of files and classes.

    Raises:
        DataError: if entries are no pairs.
    """
    if not isinstance(entries, (list, dict)):
        raise DataError(f'{name}: its labels must be a list such as [["00000/img.png", 6], …]; write it again')
    pairs: Iterable[Any] = list(entries.items() if isinstance(entries, dict) else entries)
    wrong = [str(pair)[:40] for pair in pairs if not isinstance(pair, (list, tuple)) or len(pair) != 2]
    if wrong:
        raise DataError(
            f"{name}: {len(wrong):,} of its labels are no pairs of a file and a class: {listed(wrong)}; correct them"
        )
    rows = [{"file": pair[0], "label": _class_of(pair[1])} for pair in pairs]
    return Rows(("file", "label"), rows, [f"entry {number}" for number in range(1, len(rows) + 1)])


def _class_of(value: Any) -> Any:
    """Return the index of the 1 in a one-hot list; other values as they are."""
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value):
        return value.index(1) if sorted(value) == [0] * (len(value) - 1) + [1] else value
    return value
