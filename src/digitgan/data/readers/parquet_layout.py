"""The layout of Parquet data sets on the Hugging Face Hub: the files of each split, the columns, and the class names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from digitgan.data.conversion.labels import natural_order
from digitgan.data.image_set import Split
from digitgan.data.notes import Notes, listed
from digitgan.data.readers.columns import LABEL_COLUMNS, plain_name, usual_columns
from digitgan.data.readers.splits import SPLIT_WORDS, Part, as_splits, part_of
from digitgan.errors import DataError, nearest

ENDING: Final = ".parquet"

METADATA: Final = "metadata"
"""The name of a table of the pictures beside it, as the package `datasets` writes it. It holds no images."""

IMAGE_COLUMNS: Final = ("image", "img", "images", "picture", "bytes")
"""The usual names of the column of images, the most common first."""


def parquet_files(path: Path, notes: Notes | None = None) -> dict[Split, list[Path]]:
    """Return the Parquet files of each split, in the order of their names; {} if the path holds none.

    A file alone is training data. In a folder, or in its folder "data", the name of each file starts with its split, such as
    train-00000-of-00002.parquet; or the file is in a folder of that name. Validation files are the test split if there is no
    other, and unused otherwise. Files without any split in their names are training data.

    Args:
        path: the file or folder.
        notes: the notes, which then state what becomes of the validation files.

    Raises:
        DataError: if only some files name a split, if the number in a name says that others are missing, or if the Parquet
            files are in folders of other names.
    """
    if not path.is_dir():
        return {"train": [path]} if path.suffix.lower() == ENDING else {}
    folders = (path, path / "data", *(path / word for words in SPLIT_WORDS.values() for word in words))
    by_folder = {folder: _in_folder(folder) for folder in folders}
    found = by_folder[path] or by_folder[path / "data"] or [file for files in by_folder.values() for file in files]
    elsewhere = natural_order(
        {file.parent.name for folder in path.iterdir() for file in _in_folder(folder)} - {file.parent.name for file in found}
    )
    if not found:
        if elsewhere:
            raise DataError(f"{path}: has Parquet files only in the folders {', '.join(elsewhere)}; name one of these folders")
        return {}
    if elsewhere and notes is not None:
        notes.add(f"ignored the Parquet files in the folders {listed(elsewhere)}; to read those, name their folder")
    of_split: dict[Part, list[Path]] = {}
    without: list[Path] = []
    for file in found:
        part = _split_of(file)
        (without if part is None else of_split.setdefault(part, [])).append(file)
    if without and of_split:
        raise DataError(f"{without[0]}: its name does not start with a split, as others do; rename it to train-… or test-…")
    for files in (without, *of_split.values()):
        _check_complete(files)
    return {"train": without} if without else as_splits(of_split, notes)


def _in_folder(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.glob(f"*{ENDING}")
        if file.is_file() and not file.name.startswith(".") and file.stem.lower() != METADATA
    )


def _split_of(file: Path) -> Part | None:
    """Return the split that a file or its folder names."""
    for name in (re.split(r"[-._]", file.name)[0], file.parent.name):
        if (part := part_of(name)) is not None:
            return part
    return None


def _check_complete(files: Sequence[Path]) -> None:
    """Check that all files of names such as train-00000-of-00002.parquet exist."""
    # Older files have a hash behind their number.
    pattern = re.compile(r"(.*)(\d{5})-of-(\d{5})(-[0-9a-f]+)?")
    numbered = [found for file in files if (found := pattern.fullmatch(file.stem))]
    names = {f"{each[1]}{each[2]}-of-{each[3]}" for each in numbered}
    for start, count in sorted({(each[1], each[3]) for each in numbered}):
        missing = [name for index in range(int(count)) if (name := f"{start}{index:05d}-of-{count}") not in names]
        if missing:
            more = f", as are {len(missing) - 1} others" if len(missing) > 1 else ""
            raise DataError(
                f"{files[0].parent / missing[0]}{ENDING}: is missing{more}, of {int(count)} files; download or copy it again"
            )


@final
@dataclass(frozen=True)
class ParquetColumns:
    """The columns of a Parquet file that are read.

    Attributes:
        image: the column of images.
        label: the column of labels; None if the file holds images alone.
        class_names: the class names in the metadata; None without them.
        other_images: further columns of images.
        other_labels: further columns that may hold labels.
    """

    image: str
    label: str | None
    class_names: tuple[str, ...] | None
    other_images: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()

    def add_notes(self, notes: Notes, *, chosen: bool) -> None:
        """Add a note about each choice among several columns.

        Args:
            notes: the notes.
            chosen: whether the user chose the column of labels.
        """
        if self.other_images:
            notes.add(f"images from the column {self.image!r}, and not from {', '.join(self.other_images)}")
        if self.other_labels:
            others = ", ".join(self.other_labels)
            notes.add(f"labels from the column {self.label!r}, and not from {others} (--label-column)", asked=chosen)


def columns_of(schema: Any, path: Path, label_column: str | None = None) -> ParquetColumns:
    """Return the columns of a Parquet file.

    Args:
        schema: its pyarrow schema.
        path: its path, for messages.
        label_column: the column of labels; None for the usual names.

    Raises:
        DataError: if there is no column of images, or none of labels beside other columns; or if the metadata is damaged.
    """
    import pyarrow as pa

    def holds_images(name: str) -> bool:
        kind = schema.field(name).type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            kind = kind.field("bytes").type
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    features = _features(schema, path)
    names = [name for name in dict.fromkeys(schema.names) if schema.names.count(name) == 1]
    possible = [name for name in names if holds_images(name)]
    image = _preferred([name for name in possible if features.get(name, {}).get("_type") == "Image"], IMAGE_COLUMNS)
    image = image or next(iter(usual_columns(possible, IMAGE_COLUMNS)), None)
    image = image or (possible[0] if len(possible) == 1 else None)
    if image is None:
        found = ", ".join(f"{name}: {schema.field(name).type}" for name in names)
        raise DataError(
            f"{path}: has no column of images ({found}); add a column `{IMAGE_COLUMNS[0]}` of encoded images, binary or as "
            "structs with the field `bytes`"
        )
    classes = [name for name in names if features.get(name, {}).get("_type") == "ClassLabel"]
    others = [name for name in names if name != image]
    label = _preferred(classes, LABEL_COLUMNS) or next(iter(usual_columns(others, LABEL_COLUMNS)), None)
    if label_column is not None:
        if label_column not in others:
            raise DataError(f"{path}: --label-column {label_column}: {nearest(label_column, others)}")
        label = label_column
    if label is None and others:
        raise DataError(
            f"{path}: has no column of labels; {nearest(LABEL_COLUMNS[0], others)}. Name the column of the classes with "
            f"--label-column, or remove all columns but `{image}` for recipes without labels"
        )
    usual = [name for name in others if name in classes or plain_name(name) in LABEL_COLUMNS]
    return ParquetColumns(
        image,
        label,
        _class_names(features.get(label or "", {}), path),
        tuple(name for name in possible if name != image),
        tuple(name for name in usual if name != label),
    )


def _preferred(names: Sequence[str], order: Sequence[str]) -> str | None:
    """Return the name that comes first in `order`, else the first name; None if there is none."""
    return next((name for name in order if name in names), names[0] if names else None)


def _features(schema: Any, path: Path) -> dict[str, dict[str, Any]]:
    """Return the types of the columns in the metadata of the package `datasets`, by name; {} without metadata."""
    content = (schema.metadata or {}).get(b"huggingface")
    if content is None:
        return {}
    try:
        features = json.loads(content)["info"]["features"]
        return {str(name): kind for name, kind in features.items() if isinstance(kind, dict)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: its metadata `huggingface` is damaged ({error}); write the file again") from error


def _class_names(feature: Mapping[str, Any], path: Path) -> tuple[str, ...] | None:
    names = feature.get("names")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names) or not names:
        raise DataError(f"{path}: the class names of its metadata are not a list of strings; write the file again")
    if len(set(names)) < len(names):
        raise DataError(f"{path}: two classes of its metadata have the same name; rename one")
    return tuple(names)
