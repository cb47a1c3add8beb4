"""Tables that give the labels of pictures: CSV, TSV and JSON Lines files, and StyleGAN's dataset.json."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, final

from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.notes import Problems
from digitgan.data.readers.base import Reading
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.splits import Part, part_of
from digitgan.errors import DataError

TABLE_ENDINGS: Final = (".csv", ".tsv", ".jsonl", "dataset.json")

MAX_TABLE_BYTES: Final = 256 << 20
"""Largest size of a table: 256 MiB, or some millions of rows."""

LABEL_COLUMNS: Final = (
    "label",
    "labels",
    "class",
    "class_name",
    "category",
    "target",
    "y",
    "digit",
    "character",
    "fine_label",
    "text",
)
"""The usual names of the column of labels, in lower case, the most common first."""

FILE_COLUMNS: Final = ("file_name", "filename", "file", "path", "filepath", "image", "image_name", "img", "name", "id")
"""The usual names of the column of files, in lower case, the most common first."""

SPLIT_COLUMNS: Final = ("split", "set", "subset", "partition")
"""The usual names of a column of splits, in lower case."""

Value = str | int | None


@final
@dataclass(frozen=True)
class LabelTable:
    """A table that names pictures and their classes. Several files may make one table, such as one in the folder of each split.

    Attributes:
        paths: its files.
        labels: the label of each picture that it names; None in a table without labels.
        parts: the split of each picture, if the table has a column of splits.
        class_names: the class names of numbers, if the table states them.
    """

    paths: tuple[str, ...]
    labels: Mapping[str, Value]
    parts: Mapping[str, Part] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """The names of its files."""
        return " and ".join(self.paths)

    @property
    def names_dataset(self) -> bool:
        """True if it is StyleGAN's dataset.json, in which the folders of the pictures are no classes."""
        return all(path.endswith("dataset.json") for path in self.paths)


def find_table(tree: FileTree, candidates: Sequence[str], pictures: Sequence[str], reading: Reading) -> LabelTable | None:
    """Return the table that names the pictures of a tree; None if there is none.

    A table belongs to the pictures if one of its columns names at least one of them: by the path from the folder of the table,
    by the path from the top, or by the file name alone, also without its ending.

    Args:
        tree: the folder or archive.
        candidates: the files that may be tables.
        pictures: the pictures of the tree.
        reading: its `label_column` names the column of labels; None for the usual names.

    Raises:
        DataError: if a table that names pictures has no plain column of labels, names a picture twice with different labels, or
            names pictures that do not exist.
    """
    by_name: dict[str, str | None] = {}
    for path in pictures:
        for key in {PurePosixPath(path).name, PurePosixPath(path).stem}:
            by_name[key] = None if key in by_name else path  # None: several pictures have this name
    known = set(pictures)
    found: list[LabelTable] = []
    for candidate in candidates:
        if "submission" in PurePosixPath(candidate).stem.lower():
            continue  # Kaggle's sample of an answer, whose labels are made up
        table = _read(tree, candidate, known, by_name, reading)
        if table is not None:
            found.append(table)
    if not found:
        return None
    labels: dict[str, Value] = {}
    for table in found:
        for path, value in table.labels.items():
            if path in labels and labels[path] != value:
                raise DataError(
                    f"{tree.name}: {' and '.join(each.name for each in found)} give {path} different classes; remove one"
                )
            labels[path] = value
    names = {table.class_names for table in found}
    parts = [table.parts for table in found]
    together = {path: part for each in parts if each is not None for path, part in each.items()}
    return LabelTable(
        tuple(path for table in found for path in table.paths),
        labels,
        together if all(each is not None for each in parts) else None,
        names.pop() if len(names) == 1 else None,
    )


def _read(tree: FileTree, path: str, known: set[str], by_name: Mapping[str, str | None], reading: Reading) -> LabelTable | None:
    """Return a table if it names pictures."""
    content = tree.read(path, MAX_TABLE_BYTES)
    name = tree.shown(path)
    if len(content) > MAX_TABLE_BYTES:
        raise DataError(f"{name}: is larger than {MAX_TABLE_BYTES >> 20} MiB; is it a table of labels?")
    folder = PurePosixPath(path).parent.as_posix().removeprefix(".")

    def picture(value: Any) -> str | None:
        """Return the picture that a value of a table names."""
        text = str(value).strip().replace("\\", "/").removeprefix("./")
        if not text:
            return None
        if (inside := f"{folder}/{text}" if folder else text) in known:
            return inside
        return text if text in known else by_name.get(text.rsplit("/", 1)[-1])

    if path.endswith("dataset.json"):
        return _dataset_json(content, path, name, picture, reading)
    rows = list(_rows(content, path, name))
    columns = list(rows[0]) if rows else []
    by_column = {column: sum(picture(row.get(column, "")) is not None for row in rows) for column in columns}
    file_column = max(columns, key=lambda column: (by_column[column], -_rank(column, FILE_COLUMNS)), default=None)
    if file_column is None or by_column[file_column] == 0:
        return None
    others = [column for column in columns if column != file_column]
    split_column = next((column for column in others if _rank(column, SPLIT_COLUMNS) < len(SPLIT_COLUMNS)), None)
    if split_column is not None and not all(part_of(str(row.get(split_column, ""))) for row in rows):
        split_column = None
    label_column = _label_column([column for column in others if column != split_column], name, reading)
    labels: dict[str, Value] = {}
    parts: dict[str, Part] = {}
    problems = Problems(name, "rows")
    for number, row in enumerate(rows, 1):
        found = picture(row.get(file_column, ""))
        value = None if label_column is None else row.get(label_column)
        if found is None:
            problems.add(f"row {number}: {row.get(file_column)!r} is not one of the pictures")
        elif label_column is not None and (value is None or value == ""):
            problems.add(f"row {number}: {row.get(file_column)!r} has no value in the column {label_column!r}")
        elif isinstance(value, (list, dict)):
            problems.add(f"row {number}: {str(value)[:40]} is not a class: it must be a number or a text")
        elif found in labels and labels[found] != value:
            problems.add(
                f"row {number}: {row.get(file_column)!r} has the class {labels[found]!r} in an earlier row, {value!r} here"
            )
        else:
            labels[found] = value
            if split_column is not None and (part := part_of(str(row[split_column]))) is not None:
                parts[found] = part
    problems.check(skip=reading.skip_damaged, notes=reading.notes)
    source = f"the column {label_column!r}" if label_column is not None else "no column: no labels"
    reading.notes.add(f"labels from {source} of {path}", asked=reading.labels_from == "table")
    return LabelTable((path,), _numbers_if_all(labels), parts if split_column is not None else None)


def _label_column(columns: Sequence[str], name: str, reading: Reading) -> str | None:
    """Return the column of labels: the one that the user names, one with a usual name, or the only one; else None."""
    wanted = reading.label_column
    if wanted is not None:
        if wanted not in columns:
            raise DataError(f"{name}: has no column {wanted!r} for --label-column; its columns are {', '.join(columns)}")
        return wanted
    usual = sorted(
        (column for column in columns if _rank(column, LABEL_COLUMNS) < len(LABEL_COLUMNS)),
        key=lambda c: _rank(c, LABEL_COLUMNS),
    )
    if usual:
        return usual[0]
    if len(columns) > 1:
        raise DataError(
            f"{name}: it is not plain which column holds the classes; choose one of {', '.join(columns)} with --label-column"
        )
    return columns[0] if columns else None


def _rank(column: str, usual: Sequence[str]) -> int:
    plain = column.strip().lower().replace(" ", "_")
    return usual.index(plain) if plain in usual else len(usual)


def _rows(content: bytes, path: str, name: str) -> Iterator[dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if path.lower().endswith(".jsonl"):
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{name}: line {number} is not JSON ({error}); correct it") from error
            if not isinstance(row, dict):
                raise DataError(f'{name}: line {number} is not a JSON object; it must be like {{"file_name": …, "label": …}}')
            yield row
        return
    if "\0" in text:
        raise DataError(f"{name}: is not a table, it contains null bytes; save it as text in UTF-8")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, path))
    try:
        table = [row for row in lines if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{name}: is not a table ({error}); save it as CSV in UTF-8") from error
    if not table:
        return
    header = [cell.strip() for cell in table[0]]
    # A table without a header begins with the name of a picture.
    if any(cell.lower().endswith(PICTURE_ENDINGS) for cell in header):
        header = [f"column {number}" for number in range(1, len(header) + 1)]
    else:
        table = table[1:]
    for row in table:
        yield {column: cell.strip() for column, cell in zip(header, row, strict=False)}


def _delimiter(text: str, path: str) -> str:
    """Return the delimiter of the first line: a tab, a semicolon or a comma."""
    first = text.split("\n", 1)[0]
    return "\t" if path.lower().endswith(".tsv") or "\t" in first else ";" if first.count(";") > first.count(",") else ","


def _dataset_json(content: bytes, path: str, name: str, picture: Any, reading: Reading) -> LabelTable | None:
    """Return the labels of StyleGAN's dataset.json: {"labels": [["00000/img00000000.png", 6], …]}, or null for no labels."""
    try:
        whole = json.loads(content)
        rows = whole.get("labels") if isinstance(whole, dict) else None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: is not JSON ({error}); write it again") from error
    if rows is None:
        return None
    labels: dict[str, Value] = {}
    problems = Problems(name, "labels")
    entries = rows.items() if isinstance(rows, dict) else rows
    if not isinstance(rows, (list, dict)):
        raise DataError(f'{name}: its labels must be a list such as [["00000/img.png", 6], …]; write it again')
    for number, entry in enumerate(entries):
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            problems.add(f"label {number}: {str(entry)[:40]} is not a pair of a file and a class")
            continue
        found, value = picture(entry[0]), _class_of(entry[1])
        if found is None:
            problems.add(f"label {number}: {entry[0]!r} is not one of the pictures")
        elif value is None:
            problems.add(f"label {number}: {str(entry[1])[:40]} is not a class: it must be a number, a text or a one-hot list")
        else:
            labels[found] = value
    problems.check(skip=reading.skip_damaged, notes=reading.notes)
    reading.notes.add(f"labels from {path}", asked=reading.labels_from == "table")
    return LabelTable((path,), labels)


def _class_of(value: Any) -> Value:
    if isinstance(value, list) and value and sorted(value)[:-1] == [0] * (len(value) - 1) and max(value) == 1:
        return value.index(1)
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _numbers_if_all(labels: Mapping[str, Value]) -> dict[str, Value]:
    """Return texts such as "7" as integers if all are."""
    texts = [str(value) for value in labels.values()]
    if all(
        (isinstance(value, int) and not isinstance(value, bool))
        or (text.isascii() and text.isdigit() and str(int(text)) == text)
        for value, text in zip(labels.values(), texts, strict=True)
    ):
        return {path: int(text) for path, text in zip(labels, texts, strict=True)}
    return {path: None if value is None else str(value) for path, value in labels.items()}
