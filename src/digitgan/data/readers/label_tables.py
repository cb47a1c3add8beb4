"""Tables that give the labels of pictures: CSV, TSV, text, JSON, JSON Lines and Parquet files, and StyleGAN's dataset.json."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, final

from digitgan.data.notes import Problems
from digitgan.data.readers.base import Reading
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.picture_names import PictureNames
from digitgan.data.readers.splits import Part
from digitgan.data.readers.table_file import DATASET_JSON, TableFile, TableReader, Value
from digitgan.errors import DataError

TABLE_ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".json", ".txt", ".parquet")

SPREADSHEETS: Final = (".xlsx", ".xls", ".ods", ".numbers")
"""Extensions of the names of spreadsheets, which are not read."""

NO_TABLES: Final = re.compile(r"(readme|license|licence|citation|requirements)(\.\w+)*|.*submission.*")
"""Names of files, in lower case, that are no tables of labels. Kaggle's sample of an answer has made up labels."""


@final
@dataclass(frozen=True)
class LabelTable:
    """The tables that name pictures, their classes and their splits.

    Attributes:
        paths: their files.
        labels: the label of each picture that has one.
        parts: the split of each picture, where a table states one in a column or in its name.
        scope: the folders whose pictures they cover, "" for all.
        left_out: the pictures whose rows are of neither split.
        is_dataset_json: whether it is StyleGAN's dataset.json, in which the folders of the pictures are no classes.
    """

    paths: tuple[str, ...]
    labels: Mapping[str, Value]
    parts: Mapping[str, Part]
    scope: tuple[str, ...]
    left_out: frozenset[str]
    is_dataset_json: bool

    @property
    def name(self) -> str:
        """The names of its files."""
        return " and ".join(self.paths)

    def gives_labels(self, picture: str) -> bool:
        """Return whether the label of a picture is that of the table, and not that of its folder."""
        return (bool(self.labels) or self.is_dataset_json) and any(
            not folder or picture.startswith(f"{folder}/") for folder in self.scope
        )


def find_table(
    tree: FileTree, others: Sequence[str], pictures: Sequence[str], split_folders: Mapping[str, Part], reading: Reading
) -> LabelTable | None:
    """Return the tables that name the pictures of a tree as one; None if there is none.

    A table belongs to the pictures if one of its columns names them: by the path from the folder of the table, by the path from
    the top, or by the file name alone, also without its extension. A table in the folder of a split, or with the split in its
    name, covers the pictures of that split only. A table may state classes, splits or both.

    Args:
        tree: the folder or archive.
        others: the files that are no pictures.
        pictures: the pictures of the tree.
        split_folders: the folders of splits, with the split of each.
        reading: its `label_column` names the column of labels; None for the usual names.

    Raises:
        DataError: if several columns may hold the classes; if rows cannot be used, such as those of pictures that do not exist:
            the message lists those of all tables; or if two tables disagree about a picture.
    """
    names = PictureNames(pictures)
    stems = {PurePosixPath(path).with_suffix("").as_posix() for path in pictures}
    found: list[TableFile] = []
    problems = Problems(tree.name, "rows in tables of labels")
    for path in others:
        # A text file with the name of a picture describes that picture alone.
        describes_one = path.lower().endswith((".txt", ".json")) and PurePosixPath(path).with_suffix("").as_posix() in stems
        possible = path.lower().endswith(TABLE_ENDINGS) and not NO_TABLES.fullmatch(PurePosixPath(path).name.lower())
        if possible and not describes_one:
            table = TableReader(tree, path, names, split_folders, reading, problems).table()
            if table is not None:
                found.append(table)
    problems.check(skip=reading.skip_damaged, notes=reading.notes)
    wanted = reading.label_column
    if wanted is not None and found and not any(table.labels for table in found):
        there = "; ".join(f"{table.path} has {', '.join(table.columns)}" for table in found)
        raise DataError(f"{tree.name}: no table has a column {wanted!r} for --label-column: {there}")
    used = [table for table in found if table.labels or table.parts or table.is_dataset_json]
    return _merged(tree, used, reading) if used else None


def _merged(tree: FileTree, found: Sequence[TableFile], reading: Reading) -> LabelTable:
    """Return several tables as one."""
    labels: dict[str, Value] = {}
    parts: dict[str, Part] = {}
    for table in found:
        for path, value in table.labels.items():
            if labels.setdefault(path, value) != value:
                earlier = next(other.path for other in found if path in other.labels)
                raise DataError(f"{tree.name}: {earlier} and {table.path} give {path} different classes; remove one")
        for path, part in table.parts.items():
            if parts.setdefault(path, part) != part:
                earlier = next(other.path for other in found if path in other.parts)
                raise DataError(f"{tree.name}: {earlier} and {table.path} have {path} in different splits; remove one")
    with_labels = [table for table in found if table.labels or table.is_dataset_json] or found
    return LabelTable(
        tuple(table.path for table in found),
        _alike(labels, with_labels[0].path, reading),
        parts,
        tuple(dict.fromkeys(folder for table in with_labels for folder in table.scope)),
        frozenset(path for table in found for path in table.left_out),
        all(PurePosixPath(table.path).name == DATASET_JSON for table in found),
    )


def _alike(labels: Mapping[str, Value], name: str, reading: Reading) -> dict[str, Value]:
    """Return the labels as integers if all are integers such as "7" or "7.0", else as strings.

    Raises:
        DataError: if all are numbers and some have a fraction.
    """
    strings = [str(value) for value in labels.values()]
    if strings and all(re.fullmatch(r"0|[1-9]\d{0,17}", each, re.ASCII) for each in strings):
        return {path: int(each) for path, each in zip(labels, strings, strict=True)}
    if strings and all(re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d+)?", each, re.ASCII) for each in strings):
        fractions = [each for each in strings if float(each) != int(float(each))]
        if fractions:
            raise DataError(
                f"{name}: the label {fractions[0]} is not an integer; name the column of the classes with --label-column"
            )
        if any("." in each for each in strings) and not any(each.startswith("-") for each in strings):
            reading.notes.add("labels are floats: read as integers")
            return {path: int(float(each)) for path, each in zip(labels, strings, strict=True)}
    return dict(zip(labels, strings, strict=True))
