"""Tables that give the labels of pictures: CSV, TSV, text, JSON and JSON Lines files, and StyleGAN's dataset.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, final

from digitgan.data.notes import Problems, counted, listed
from digitgan.data.readers.base import Reading
from digitgan.data.readers.columns import FILE_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS, TRAINING_COLUMNS, usual_columns
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.picture_names import Match, PictureNames
from digitgan.data.readers.splits import Part, part_in, part_of
from digitgan.data.readers.table_rows import Rows, rows_of_text
from digitgan.errors import DataError

TABLE_ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".json", ".txt")

DATASET_JSON: Final = "dataset.json"

SPREADSHEETS: Final = (".xlsx", ".xls", ".ods", ".numbers")
"""Endings of the names of spreadsheets, which are not read."""

MAX_TABLE_BYTES: Final = 256 << 20
"""Largest size of a table: 256 MiB, or some millions of rows."""

TRUE: Final = ("1", "true", "yes")
FALSE: Final = ("0", "false", "no")

Value = str | int | None


@final
@dataclass(frozen=True)
class LabelTable:
    """A table that names pictures and their classes. Several files may make one table, such as one for each split.

    Attributes:
        paths: its files.
        labels: the label of each picture that it names; None in a table without labels.
        parts: the split of each picture, where the table states one in a column or in its name.
        scope: the folders whose pictures it covers, "" for all.
        left_out: the pictures whose rows are of neither split.
    """

    paths: tuple[str, ...]
    labels: Mapping[str, Value]
    parts: Mapping[str, Part]
    scope: tuple[str, ...]
    left_out: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The names of its files."""
        return " and ".join(self.paths)

    @property
    def names_dataset(self) -> bool:
        """True if it is StyleGAN's dataset.json, in which the folders of the pictures are no classes."""
        return all(PurePosixPath(path).name == DATASET_JSON for path in self.paths)

    def covers(self, picture: str) -> bool:
        """Return whether a picture is in a folder of the table."""
        return any(not folder or picture.startswith(f"{folder}/") for folder in self.scope)


def find_table(
    tree: FileTree, others: Sequence[str], pictures: Sequence[str], split_folders: Mapping[str, Part], reading: Reading
) -> LabelTable | None:
    """Return the table that names the pictures of a tree; None if there is none.

    A table belongs to the pictures if one of its columns names at least one of them: by the path from the folder of the table,
    by the path from the top, or by the file name alone, also without its ending. A table in the folder of a split, or with the
    split in its name, covers the pictures of that split only.

    Args:
        tree: the folder or archive.
        others: the files that are no pictures.
        pictures: the pictures of the tree.
        split_folders: the folders of splits, with the split of each.
        reading: its `label_column` names the column of labels; None for the usual names.

    Raises:
        DataError: if a table that names pictures has no plain column of labels, names a picture twice with different labels, or
            names pictures that do not exist.
    """
    names = PictureNames(pictures)
    with_text = {PurePosixPath(path).with_suffix("").as_posix() for path in pictures}
    found: list[LabelTable] = []
    for path in others:
        # A text file with the name of a picture describes that picture. Kaggle's sample of an answer has made up labels.
        beside = path.lower().endswith(".txt") and PurePosixPath(path).with_suffix("").as_posix() in with_text
        if path.lower().endswith(TABLE_ENDINGS) and not beside and "submission" not in PurePosixPath(path).stem.lower():
            table = _TableFile(tree, path, names, split_folders, reading).read()
            if table is not None:
                found.append(table)
    if any(value is not None for table in found for value in table.labels.values()):
        for table in [table for table in found if all(value is None for value in table.labels.values())]:
            found.remove(table)
            reading.notes.add(f"{table.name} gives no classes and is not read")
    return _merged(tree, found, reading) if found else None


def _merged(tree: FileTree, found: Sequence[LabelTable], reading: Reading) -> LabelTable:
    """Return several tables as one."""
    if reading.label_column is not None and all(value is None for table in found for value in table.labels.values()):
        raise DataError(f"{tree.name}: no table has a column {reading.label_column!r} for --label-column")
    labels: dict[str, Value] = {}
    parts: dict[str, Part] = {}
    for table in found:
        for path, value in table.labels.items():
            earlier = next((other for other in found if path in other.labels), table)
            if labels.get(path, value) != value:
                raise DataError(f"{tree.name}: {earlier.name} and {table.name} give {path} different classes; remove one")
            if path in parts and table.parts.get(path) != parts[path]:
                raise DataError(f"{tree.name}: {earlier.name} and {table.name} have {path} in different splits; remove one")
        labels |= table.labels
        parts |= table.parts
    without = [table for table in found if not table.parts]
    if parts and without:
        raise DataError(
            f"{tree.name}: {without[0].name} states no split for its pictures, as another table does; put it into the file name"
        )
    scope = tuple(dict.fromkeys(folder for table in found for folder in table.scope))
    paths = tuple(path for table in found for path in table.paths)
    left_out = frozenset(path for table in found for path in table.left_out)
    return LabelTable(paths, _alike(labels, found[0].name, reading), parts, scope, left_out)


@final
class _TableFile:
    """One file that may be a table of pictures.

    Args:
        tree: the folder or archive.
        path: the file.
        names: the names of the pictures.
        split_folders: the folders of splits, with the split of each.
        reading: the request to read.
    """

    def __init__(
        self, tree: FileTree, path: str, names: PictureNames, split_folders: Mapping[str, Part], reading: Reading
    ) -> None:
        self._tree, self._path, self._names, self._reading = tree, path, names, reading
        self._name = tree.shown(path)
        folder = PurePosixPath(path).parent.as_posix().removeprefix(".")
        around = [each for each in split_folders if folder == each or folder.startswith(f"{each}/")]
        self._part = None if around else part_in(PurePosixPath(path).stem)[0]
        of_part = [each for each, part in split_folders.items() if part == self._part]
        self.scope = tuple(around or of_part or [""])
        self._folders = tuple(dict.fromkeys((folder, *around, *of_part, "")))
        # Without folders of splits, the name of the table states the split of its pictures.
        self._states_split = self._part is not None and not split_folders

    def read(self) -> LabelTable | None:
        """Return the table; None if it names no pictures."""
        content = self._tree.read(self._path, MAX_TABLE_BYTES)
        if len(content) > MAX_TABLE_BYTES:
            raise DataError(f"{self._name}: is larger than {MAX_TABLE_BYTES >> 20} MiB; is it a table of labels?")
        if PurePosixPath(self._path).name == DATASET_JSON:
            rows = _rows_of_dataset_json(content, self._name)
            return self._table(rows, _Columns("file", "label", None)) if rows.rows else None
        rows = rows_of_text(content, self._path, self._name, lambda text: self._find(text).path is not None)
        columns = self._columns(rows)
        return None if columns is None else self._table(rows, columns)

    def _find(self, value: object) -> Match:
        return self._names.find(value, self._folders)

    def _is_named(self, value: object) -> bool:
        match = self._find("" if value is None else value)
        return match.path is not None or bool(match.several)

    def _columns(self, rows: Rows) -> _Columns | None:
        """Return the columns of files, labels and splits; None if no column names pictures."""
        candidates = [column for column in rows.columns if column != self._reading.label_column]
        hits = {column: sum(self._is_named(row.get(column)) for row in rows.rows) for column in candidates}
        most = max(hits.values(), default=0)
        if most == 0:
            return None
        # A column of a usual name may lack some pictures, and digits as labels may be names of pictures too.
        usual = [column for column in usual_columns(candidates, FILE_COLUMNS) if 2 * hits[column] >= most]
        file = usual[0] if usual else max(candidates, key=lambda column: hits[column])
        others = [column for column in rows.columns if column != file]
        split = self._split_column(rows, others)
        return _Columns(file, self._label_column(rows, [column for column in others if column != split]), split)

    def _split_column(self, rows: Rows, columns: Sequence[str]) -> str | None:
        """Return the column that states the splits; None without one."""
        for column in [*usual_columns(columns, SPLIT_COLUMNS), *usual_columns(columns, TRAINING_COLUMNS)]:
            if column == self._reading.label_column:
                continue
            values = {str(row.get(column, "")) for row in rows.rows}
            if any(_part_of_value(column, value) for value in values):
                return column
        return None

    def _label_column(self, rows: Rows, columns: Sequence[str]) -> str | None:
        """Return the column of labels: the one that the user names, one with a usual name, or the only one; else None."""
        wanted = self._reading.label_column
        if wanted is not None:
            if wanted in columns:
                return wanted
            if self._part == "test":
                return None  # test pictures often have no labels
            raise DataError(f"{self._name}: has no column {wanted!r} for --label-column; its columns are {', '.join(columns)}")
        if usual := usual_columns(columns, LABEL_COLUMNS):
            return usual[0]
        if not rows.has_names:
            # Beside the class there may be numbers, such as a box.
            words = [c for c in columns if not all(_is_number(row.get(c, "")) for row in rows.rows)]
            if len(words) == 1:
                return words[0]
        if len(columns) > 1:
            raise DataError(
                f"{self._name}: it is not plain which column holds the classes; choose one of {', '.join(columns)} with "
                "--label-column, or the folders of the pictures with --labels-from outer-folder"
            )
        return columns[0] if columns else None

    def _table(self, rows: Rows, columns: _Columns) -> LabelTable:
        """Return the labels and the splits of the pictures in the rows."""
        labels: dict[str, Value] = {}
        parts: dict[str, Part] = {}
        problems = Problems(self._name, "rows")
        loose: list[str] = []
        no_split: list[str] = []
        for number, row in enumerate(rows.rows, 1):
            text = row.get(columns.file)
            match = self._find("" if text is None else text)
            value = None if columns.label is None else row.get(columns.label)
            part = self._part if self._states_split else None
            if columns.split is not None:
                part = _part_of_value(columns.split, str(row.get(columns.split, "")))
            if match.several:
                problems.add(f"row {number}: {text!r} may be {' or '.join(match.several[:3])}: write its path")
            elif match.path is None:
                problems.add(f"row {number}: {text!r} is not one of the pictures")
            elif columns.split is not None and part is None:
                no_split.append(match.path)
            elif columns.label is not None and (value is None or value == ""):
                problems.add(f"row {number}: {text!r} has no value in the column {columns.label!r}")
            elif isinstance(value, (list, dict)):
                problems.add(f"row {number}: {str(value)[:40]} is not a class: it must be a number, a text or a one-hot list")
            elif match.path in labels and labels[match.path] != value:
                problems.add(f"row {number}: {text!r} has the class {labels[match.path]!r} in an earlier row, {value!r} here")
            else:
                labels[match.path] = value
                if match.loose:
                    loose.append(f"{text} for {match.path}")
                if part is not None:
                    parts[match.path] = part
        problems.check(skip=self._reading.skip_damaged, notes=self._reading.notes)
        self._add_notes(columns, labels, loose, no_split)
        return LabelTable((self._path,), labels, parts, self.scope, frozenset(no_split))

    def _add_notes(self, columns: _Columns, labels: Mapping[str, Value], loose: list[str], no_split: list[str]) -> None:
        notes = self._reading.notes
        source = f"the column {columns.label!r}" if columns.label is not None else "no column: no labels"
        notes.add(f"labels from {source} of {self._path}", asked=self._reading.labels_from == "table")
        if loose:
            notes.add(
                f"{self._path} names {counted(len(loose), 'picture')} with another case, ending or number of zeros: "
                f"{listed(loose)}"
            )
        if no_split:
            which = f"{counted(len(no_split), 'picture')} whose {columns.split} is neither training nor test"
            notes.add(f"passed over {which}: {listed(no_split)}")
        if self._states_split:
            notes.add(f"the pictures in {self._path} are {self._part} images by the name of the table")


@final
@dataclass(frozen=True)
class _Columns:
    """The names of the columns of a table. Without a column of labels or splits they are None."""

    file: str
    label: str | None
    split: str | None


def _part_of_value(column: str, value: str) -> Part | None:
    """Return the split that a value of a column states."""
    if usual_columns([column], TRAINING_COLUMNS):
        plain = value.strip().lower()
        return "train" if plain in TRUE else "test" if plain in FALSE else None
    return part_of(value)


def _rows_of_dataset_json(content: bytes, name: str) -> Rows:
    """Return the rows of StyleGAN's dataset.json: {"labels": [["00000/img00000.png", 6], …]}, or null for no labels."""
    try:
        whole = json.loads(content)
        entries = whole.get("labels") if isinstance(whole, dict) else None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: is not JSON ({error}); write it again") from error
    if entries is None:
        return Rows((), ())
    if not isinstance(entries, (list, dict)):
        raise DataError(f'{name}: its labels must be a list such as [["00000/img.png", 6], …]; write it again')
    pairs: Iterable[Any] = entries.items() if isinstance(entries, dict) else entries
    wrong = [str(pair)[:40] for pair in pairs if not isinstance(pair, (list, tuple)) or len(pair) != 2]
    if wrong:
        raise DataError(
            f"{name}: {len(wrong):,} of its labels are no pairs of a file and a class: {listed(wrong)}; correct them"
        )
    return Rows(("file", "label"), [{"file": pair[0], "label": _class_of(pair[1])} for pair in pairs])


def _class_of(value: Any) -> Any:
    """Return the index of the 1 in a one-hot list; other values as they are."""
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value):
        return value.index(1) if sorted(value) == [0] * (len(value) - 1) + [1] else value
    return value


def _alike(labels: Mapping[str, Value], name: str, reading: Reading) -> dict[str, Value]:
    """Return the labels as integers if all are integers such as "7" or "7.0", else as texts.

    Raises:
        DataError: if all are numbers and some have a fraction.
    """
    texts = [str(value) for value in labels.values()]
    if texts and all(re.fullmatch(r"-?(0|[1-9]\d*)", text, re.ASCII) for text in texts):
        return {path: int(text) for path, text in zip(labels, texts, strict=True)}
    if texts and all(re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text, re.ASCII) for text in texts):
        fractions = [text for text in texts if float(text) != int(float(text))]
        if fractions:
            raise DataError(
                f"{name}: the label {fractions[0]} is not an integer; name the column of the classes with --label-column"
            )
        reading.notes.add("labels are floats: read as integers")
        return {path: int(float(text)) for path, text in zip(labels, texts, strict=True)}
    return {path: None if value is None else str(value) for path, value in labels.items()}


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
