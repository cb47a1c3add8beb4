"""One file that names pictures: its columns, and the label and the split of each picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, final

from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.notes import Notes, Problems, counted, listed
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
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.parquet_file import rows_of_parquet
from digitgan.data.readers.picture_names import Match, PictureNames
from digitgan.data.readers.splits import Part, part_in, part_of
from digitgan.data.readers.table_rows import FURTHER, Rows, decoded_text, is_number, rows_of_text
from digitgan.errors import DataError

DATASET_JSON: Final = "dataset.json"

MAX_TABLE_BYTES: Final = 256 << 20
"""Largest size of a table: 256 MiB, or some millions of rows."""

MIN_PIXEL_COLUMNS: Final = 60
"""Number of columns from which a table of numbers is one of pixels."""

MIN_COUNTED: Final = 10
"""Number of rows from which consecutive numbers are those of the rows, and no labels."""

TRUE: Final = ("1", "true", "yes")
FALSE: Final = ("0", "false", "no")

CELEBA: Final[Mapping[str, Part]] = {"0": "train", "1": "validation", "2": "test"}
"""The numbers of the splits in the column `partition` of CelebA."""

FOLDERS_INSTEAD: Final = "or take the folders of the pictures as classes with --labels-from outer-folder"

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

    @classmethod
    def read(
        cls,
        tree: FileTree,
        path: str,
        names: PictureNames,
        split_folders: Mapping[str, Part],
        reading: Reading,
        problems: Problems,
    ) -> TableFile | None:
        """Return a file as a table; None if it names no pictures.

        Args:
            tree: the folder or archive.
            path: the file.
            names: the names of the pictures.
            split_folders: the folders of splits, with the split of each.
            reading: the request to read.
            problems: receives a line for each row that cannot be used.

        Raises:
            DataError: if several columns may hold the classes, or if the file is damaged.
        """
        return _Reader(tree, path, names, split_folders, reading, problems).table()


@final
@dataclass(frozen=True)
class _Columns:
    """The names of the columns of a table. Without a column of labels or splits they are None.

    The class may be the name of the one of several columns that holds a 1, `one_hot`.
    """

    file: str
    label: str | None = None
    split: str | None = None
    one_hot: tuple[str, ...] = ()


@final
class _Reader:
    """The reading of one file, see `TableFile.read`."""

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
        """Return the table; None if it names no pictures."""
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
        columns = self._columns(rows)
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
        return self._of_rows(_rows_of_pairs(whole["labels"], self._name), _Columns("file", "label"))

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

    def _columns(self, rows: Rows) -> _Columns | None:
        """Return the columns of files, labels and splits; None if no column names pictures."""
        candidates = [column for column in rows.columns if column != self._reading.label_column]
        matches = {column: [self._find(row.get(column)) for row in rows.rows] for column in candidates}
        hits = {column: sum(match.path is not None for match in found) for column, found in matches.items()}
        most = max(hits.values(), default=0)
        # A column of a usual name may lack some pictures, and digits as labels may be names of pictures too.
        found = [column for column in candidates if any(match.path or match.candidates for match in matches[column])]
        as_paths = {column: sum(_is_path(row.get(column)) for row in rows.rows) for column in candidates}
        paths = [column for column in found if 2 * as_paths[column] >= len(rows.rows)]
        usual = usual_columns(paths or [column for column in found if 2 * hits[column] >= most], FILE_COLUMNS)
        # Numbers in any text may be names of pictures by chance.
        if not usual and not paths and (2 * most < len(rows.rows) or 2 * most < len(self._names) or most == 0):
            return None
        file = usual[0] if usual else max(paths or candidates, key=lambda column: hits[column])
        if len(found) > 1:
            self._reading.notes.add(f"file names from the column {file!r} of {self._path}")
        others = [column for column in rows.columns if column != file]
        split = self._split_column(rows, others)
        others = [column for column in others if column != split and not self._counts_rows(rows, column)]
        return self._with_label(rows, _Columns(file, None, split), others)

    def _counts_rows(self, rows: Rows, column: str) -> bool:
        """Return whether a column holds the numbers of the rows, and no labels."""
        if column == self._reading.label_column:
            return False
        if rows.has_names and plain_name(column) in INDEX_COLUMNS:
            return True
        values = [str(row.get(column, "")) for row in rows.rows]
        start = int(values[0]) if values and values[0] in ("0", "1") else None
        return len(values) >= MIN_COUNTED and start is not None and values == [str(start + n) for n in range(len(values))]

    def _split_column(self, rows: Rows, columns: Sequence[str]) -> str | None:
        """Return the column that states the splits; None without one."""
        if not rows.has_names and len(columns) == 1 and "partition" in PurePosixPath(self._path).stem.lower():
            return columns[0] if all(str(row.get(columns[0])) in CELEBA for row in rows.rows) else None
        for column in [*usual_columns(columns, SPLIT_COLUMNS), *usual_columns(columns, TRAINING_COLUMNS)]:
            values = {str(row.get(column, "")) for row in rows.rows}
            if column == self._reading.label_column or not any(_part_of_value(column, value) for value in values):
                continue
            if not _is_one_hot(rows, columns):  # "train" may also be a class, with a column of its own
                return column
        return None

    def _with_label(self, rows: Rows, columns: _Columns, others: Sequence[str]) -> _Columns:
        """Return the columns with that of the labels: the wanted one, one with a usual name, or the only one; or without."""
        wanted = self._reading.label_column
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
            return _Columns(columns.file, label, columns.split)
        if wanted is not None or not others:
            return columns
        if all(str(row.get(column, "")) in ("0", "1") for row in rows.rows for column in others):
            return _Columns(columns.file, None, columns.split, tuple(others))
        if not rows.has_names and all(is_number(row.get(column, "")) for row in rows.rows for column in others):
            return columns  # such as boxes
        raise DataError(
            f"{self._name}: several columns may hold the classes: {listed(list(others))}; choose one with --label-column, "
            f"{FOLDERS_INSTEAD}"
        )

    def _of_rows(self, rows: Rows, columns: _Columns) -> TableFile:
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
        return _part_of_value(column, value) or (CELEBA.get(value) if "partition" in self._path.lower() else None)

    def _add_notes(self, columns: _Columns, loose: list[str], no_split: list[str]) -> None:
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


def _value(row: Mapping[str, Any], columns: _Columns) -> tuple[Value | None, str]:
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


def _is_one_hot(rows: Rows, columns: Sequence[str]) -> bool:
    """Return whether each row has a single 1 in the columns, and 0 in the others."""
    return len(columns) > 1 and all(
        sorted(str(row.get(column, "")) for column in columns) == ["0"] * (len(columns) - 1) + ["1"] for row in rows.rows
    )


def _part_of_value(column: str, value: str) -> Part | None:
    """Return the split that a value of a column states."""
    plain = value.strip().lower()
    if usual_columns([column], TRAINING_COLUMNS):
        return "train" if plain in TRUE else "test" if plain in FALSE else None
    if plain_name(column) == "partition" and plain in CELEBA:
        return CELEBA[plain]
    return part_of(value)


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


def _class_of(value: Any) -> Any:
    """Return the index of the 1 in a one-hot list; other values as they are."""
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value):
        return value.index(1) if sorted(value) == [0] * (len(value) - 1) + [1] else value
    return value
