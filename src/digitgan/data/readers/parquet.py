"""Parquet files in the layout of the Hugging Face Hub: a column of encoded images and a column of labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan.data.conversion.collection import Encoded, EncodedPictures, read_pictures
from digitgan.data.conversion.labels import class_labels
from digitgan.data.image_set import UNLABELLED, ImageSet, Labels, Split
from digitgan.data.notes import Problems
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.parquet_file import opened_parquet
from digitgan.data.readers.parquet_layout import ParquetColumns, columns_of, parquet_files
from digitgan.errors import DataError

ROWS_AT_ONCE: Final = 1000


def parquet_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a Parquet file or a folder of Parquet files as a data source; None if the path is neither."""
    files = parquet_files(path, reading.notes)
    if not files:
        return None
    needs = "a Parquet file is training data; in a folder, names such as test-00000-of-00001.parquet state the splits"
    return DataSource(tuple(files), lambda split: read_parquet(path, split, reading), needs, ("label_column",))


def read_parquet(path: Path | str, split: Split = "train", reading: Reading | None = None) -> ImageSet:
    """Read one split of a Parquet file, or of a folder of Parquet files.

    Images are a column of encoded images (PNG, JPEG, …), as binary values or as structs with the field `bytes`. The metadata
    `huggingface` names it, or it has one of the names `IMAGE_COLUMNS`. Labels are a column of integers or strings, of the
    metadata's type ClassLabel or with one of the names `LABEL_COLUMNS`. The first one is used if there are several. The class
    names are those of the metadata, else the values of all splits. A file of images alone is an unlabelled image set with the
    single class `UNLABELLED`.

    Args:
        path: the file or folder, see `parquet_files`.
        split: the split to read.
        reading: how the images are read and converted.

    Returns:
        Images uint8 (n, height, width) or (n, height, width, 3), with labels and class names.

    Raises:
        DataError: if pyarrow is not installed; if a file is missing or damaged; if there is no column of images, or none of
            labels beside other columns; if files differ in their columns or class names; or if rows cannot be used, because
            a value is missing or an image is damaged or too large. The message lists these rows, counted from 0.
    """
    path, reading = Path(path), reading or Reading()
    files = parquet_files(path, reading.notes)
    if split not in files:
        raise DataError(f"{path}: has no {split} split; add a Parquet file whose name starts with {split}")
    tables = {part: [_Table.of(file, reading.label_column) for file in of_part] for part, of_part in files.items()}
    first = tables[split][0]
    first.columns.add_notes(reading.notes, chosen=reading.label_column is not None)
    for table in (table for of_part in tables.values() for table in of_part):
        table.check_columns(first)
    name = f"{path.resolve().name} ({split})" if path.is_dir() else path.name
    problems = Problems(name, "rows")
    rows = sum(table.rows for table in tables[split])
    if first.columns.label is None:
        labels, labelled = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool)
        class_names: tuple[str, ...] = (UNLABELLED,)
    else:
        labels, labelled, class_names = _labels(tables, split, problems, name, reading)
    images, kept = read_pictures(
        _Rows(tables[split]),
        reading.conversion,
        reading.notes,
        name,
        background_is_stated="background" in reading.stated,
        skip_damaged=reading.skip_damaged,
        notify=reading.notify,
        problems=problems,
        other_splits=_Rows([table for part, of_part in tables.items() if part != split for table in of_part]),
    )
    usable = labelled[kept]
    return ImageSet(images if usable.all() else images[usable], labels[kept][usable], class_names, name)


@final
class _Rows(EncodedPictures):
    """The images of Parquet files."""

    def __init__(self, tables: Sequence[_Table]) -> None:
        self._tables = tables
        self._count = sum(table.rows for table in tables)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Encoded]:
        index = 0
        for table in self._tables:
            for name, content in table.encoded_images():
                if index == self._count:  # a damaged file states fewer rows than it has; the labels then differ in number
                    return
                yield Encoded(index, name, content)
                index += 1


@final
@dataclass(frozen=True)
class _Table:
    """A Parquet file with at least one row."""

    path: Path
    rows: int
    columns: ParquetColumns

    @classmethod
    def of(cls, path: Path, label_column: str | None) -> _Table:
        with opened_parquet(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        if rows < 1:
            raise DataError(f"{path}: holds {rows} rows; write or download it again")
        return cls(path, rows, columns_of(schema, path, label_column))

    def check_columns(self, other: _Table) -> None:
        """Raise `DataError` if the columns or the class names differ from those of another file of the set."""
        for what, mine, theirs in (
            ("column of images", self.columns.image, other.columns.image),
            ("column of labels", self.columns.label, other.columns.label),
            ("list of class names", self.columns.class_names, other.columns.class_names),
        ):
            if mine != theirs:
                raise DataError(f"{self.path}: has another {what} than {other.path}; make the files of the set agree")

    def labels(self) -> list[int | str | None]:
        """Return the labels, None where one is missing."""
        import pyarrow as pa

        with opened_parquet(self.path) as file:
            column = file.read([self.columns.label], use_threads=False).column(0)
            values = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks]) if _is_coded(column) else column
            if pa.types.is_integer(values.type) or pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                return list(values.to_pylist())
        raise DataError(f"{self.path}: labels are {values.type}; they must be integers or strings")

    def encoded_images(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the name of each row and the bytes of its image, None if they are missing."""
        import pyarrow as pa

        row = 0
        with opened_parquet(self.path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[self.columns.image], use_threads=False):
                column = batch.column(0)
                nested = pa.types.is_struct(column.type)
                contents = column.field("bytes").to_pylist() if nested else column.to_pylist()
                named = nested and column.type.get_field_index("path") >= 0
                names = column.field("path").to_pylist() if named else [None] * len(column)
                for exists, content, name in zip(column.is_valid().to_pylist(), contents, names, strict=True):
                    yield f"{self.path}: row {row}{f' ({name})' if name else ''}", content if exists else None
                    row += 1


def _is_coded(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(column.type))


def _labels(
    tables: Mapping[Split, Sequence[_Table]], split: Split, problems: Problems, name: str, reading: Reading
) -> tuple[Labels, npt.NDArray[np.bool_], tuple[str, ...]]:
    """Return the labels of a split, for each row whether it has one, and the class names of all splits."""
    first = tables[split][0]
    stated = first.columns.class_names
    # Stated class names are those of all splits, so that the other split need not be read.
    found = {table.path: table.labels() for part in tables if part == split or stated is None for table in tables[part]}
    values = {value for of_table in found.values() for value in of_table if value is not None}
    if len({isinstance(value, str) for value in values}) > 1:
        raise DataError(f"{first.path}: the labels of this set are strings in one file and integers in another; use one type")
    known = None if stated is None else {*stated, *range(len(stated))}
    has_label: list[bool] = []
    for table in tables[split]:
        for row, value in enumerate(found[table.path]):
            right = _is_class(value, known)
            if not right:
                wrong = "has no label" if value is None else f"label {value!r} is not one of the {len(stated or ())} classes"
                wrong = "label -1 stands for none" if value == -1 else wrong
                problems.add(f"{table.path}: row {row}: {wrong}")
            has_label.append(right)
    usable = np.array(has_label)
    columns = {
        part: [value for table in of_part for value in found[table.path]]
        for part, of_part in tables.items()
        if of_part[0].path in found
    }
    parts = {part: np.array([value for value in column if _is_class(value, known)]) for part, column in columns.items()}
    if not usable.any():
        problems.check(skip=False, notes=reading.notes)
    indices, class_names = class_labels(parts, stated, reading.notes, str(first.path))
    labels = np.zeros(len(usable), dtype=np.int64)
    labels[usable] = indices[split]
    return labels, usable, class_names


def _is_class(value: int | str | None, known: Collection[int | str] | None) -> bool:
    """Return whether a label is one of the known classes, or any text or index without known ones."""
    if known is not None:
        return value in known
    return isinstance(value, str) or (value is not None and value >= 0)
