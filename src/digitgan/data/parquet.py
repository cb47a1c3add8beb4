"""Parquet files in the layout of the Hugging Face Hub: a column of encoded images and a column of labels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from digitgan.data.files import check_is_file
from digitgan.data.folders import sorted_classes
from digitgan.data.image_set import UNLABELLED, ImageSet, Labels, Pixels, Split
from digitgan.data.npz import MAX_UNNAMED_CLASSES
from digitgan.data.parquet_layout import ParquetColumns, columns_of, parquet_files
from digitgan.data.pictures import PictureStack, open_picture, picture_pixels
from digitgan.data.progress import ProgressFn, ProgressLines, silent, with_separators
from digitgan.errors import DataError

ROWS_AT_ONCE: Final = 1000

MAX_LISTED: Final = 10
"""Largest number of unusable rows that an error lists."""


def read_parquet(path: Path | str, split: Split = "train", notify: ProgressFn = silent) -> ImageSet:
    """Read one split of a Parquet file, or of a folder of Parquet files.

    Images are a column of encoded images (PNG, JPEG, …), as binary values or as structs with the field `bytes`. The metadata
    `huggingface` names it, or it has one of the names `IMAGE_COLUMNS`. Labels are a column of integers or strings, of the
    metadata's type ClassLabel or with one of the names `LABEL_COLUMNS`. The first one is used if there are several. The class
    names are those of the metadata, else the values of all splits. A file of images alone is an unlabelled image set with the
    single class `UNLABELLED`. The image set is grey if all images are grey, else RGB.

    Args:
        path: the file or folder, see `parquet_files`.
        split: the split to read.
        notify: a function that receives lines of progress.

    Returns:
        Images uint8 (n, height, width) or (n, height, width, 3), with labels and class names.

    Raises:
        DataError: if pyarrow is not installed; if a file is missing or damaged; if there is no column of images, or none of
            labels beside other columns; if files differ in their columns or class names; or if rows cannot be used, because
            a value is missing or an image is damaged, too large, partly transparent, or differs in size from the others. The
            message lists these rows, counted from 0.
    """
    path = Path(path)
    files = parquet_files(path)
    if split not in files:
        raise DataError(f"{path}: has no {split} split; add a Parquet file whose name starts with {split}")
    tables = {part: [_Table.of(file) for file in of_part] for part, of_part in files.items()}
    first = tables[split][0]
    for table in (table for of_part in tables.values() for table in of_part):
        table.check_columns(first)
    name = f"{path.resolve().name} ({split})" if path.is_dir() else path.name
    problems = _Problems(name)
    if first.columns.label is None:
        labels = np.zeros(sum(table.rows for table in tables[split]), dtype=np.int64)
        class_names: tuple[str, ...] = (UNLABELLED,)
    else:
        labels, class_names = _labels(tables, split, problems)
    return ImageSet(_images(tables[split], name, problems, notify), labels, class_names, name)


@final
class _Problems:
    """The rows that cannot be used, reported together."""

    def __init__(self, name: str) -> None:
        self._name, self._listed, self._count = name, list[str](), 0

    def add(self, problem: str) -> None:
        self._count += 1
        if len(self._listed) < MAX_LISTED:
            self._listed.append(f"  {problem}")

    def check(self) -> None:
        """Raise `DataError` if there is a problem."""
        if self._count:
            more = self._count - len(self._listed)
            lines = [*self._listed, *([f"  and {more:,} more"] if more else [])]
            found = "1 problem" if self._count == 1 else f"{self._count:,} problems"
            raise DataError("\n".join([f"{self._name}: {found} with its rows; correct or remove them:", *lines]))


@final
@dataclass(frozen=True)
class _Table:
    """A Parquet file with at least one row."""

    path: Path
    rows: int
    columns: ParquetColumns

    @classmethod
    def of(cls, path: Path) -> _Table:
        with _opened(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        if rows < 1:
            raise DataError(f"{path}: holds {rows} rows; write or download it again")
        return cls(path, rows, columns_of(schema, path))

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

        with _opened(self.path) as file:
            column = file.read([self.columns.label], use_threads=False).column(0)
            values = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks]) if _is_coded(column) else column
            if pa.types.is_integer(values.type) or pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                return list(values.to_pylist())
        raise DataError(f"{self.path}: labels are {values.type}; they must be integers or strings")

    def encoded_images(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the name of each row and the bytes of its image, None if they are missing."""
        import pyarrow as pa

        row = 0
        with _opened(self.path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[self.columns.image], use_threads=False):
                column = batch.column(0)
                nested = pa.types.is_struct(column.type)
                contents = column.field("bytes").to_pylist() if nested else column.to_pylist()
                named = nested and column.type.get_field_index("path") >= 0
                names = column.field("path").to_pylist() if named else [None] * len(column)
                for exists, content, name in zip(column.is_valid().to_pylist(), contents, names, strict=True):
                    yield f"{self.path}: row {row}{f' ({name})' if name else ''}", content if exists else None
                    row += 1


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a Parquet file for pyarrow, and turn the exceptions for a damaged file into a `DataError`.

    Raises:
        DataError: if pyarrow is not installed, or if the file is missing or damaged.
    """
    check_is_file(path)
    try:
        import pyarrow as pa  # imported here because it is optional
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise DataError(f"{path}: needs pyarrow; install it with: pip install 'digitgan[parquet]'") from problem
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise DataError(f"{path}: is not a Parquet file or is damaged ({reason}); download or copy it again") from error


def _is_coded(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(column.type))


def _labels(tables: Mapping[Split, Sequence[_Table]], split: Split, problems: _Problems) -> tuple[Labels, tuple[str, ...]]:
    """Return the labels of a split and the class names of all splits."""
    first = tables[split][0]
    stated = first.columns.class_names
    # Stated class names are those of all splits, so that the other split need not be read.
    found = {table.path: table.labels() for part in tables if part == split or stated is None for table in tables[part]}
    values = {value for of_table in found.values() for value in of_table if value is not None}
    texts = {value for value in values if isinstance(value, str)}
    numbers = {value for value in values if isinstance(value, int)}
    if texts and numbers:
        raise DataError(f"{first.path}: the labels of this set are strings in one file and integers in another; use one type")
    class_names = stated or (tuple(sorted_classes(texts)) if texts else _numbered(numbers, first.path))
    known: Mapping[int | str | None, int] = {(name if texts else label): label for label, name in enumerate(class_names)}
    labels = []
    for table in tables[split]:
        for row, value in enumerate(found[table.path]):
            if value not in known:
                wrong = "has no label" if value is None else f"label {value!r} is not one of the {len(class_names)} classes"
                problems.add(f"{table.path}: row {row}: {wrong}")
            labels.append(known.get(value, 0))
    return np.array(labels, dtype=np.int64), class_names


def _numbered(labels: set[int], path: Path) -> tuple[str, ...]:
    """Return the class names "0", "1", … up to the highest label."""
    highest = max(labels, default=0)
    if highest >= MAX_UNNAMED_CLASSES:
        raise DataError(
            f"{path}: label {highest} is too high without class names (at most {MAX_UNNAMED_CLASSES - 1}); "
            "number the classes from 0, or use strings"
        )
    return tuple(map(str, range(highest + 1)))


def _images(tables: Sequence[_Table], name: str, problems: _Problems, notify: ProgressFn) -> Pixels:
    """Decode the images of files, and raise all problems with their rows."""
    count = sum(table.rows for table in tables)
    progress = ProgressLines(notify, f"{name}, images read", with_separators)
    stack: PictureStack | None = None
    size, first = (0, 0), ""
    for done, (row, content) in enumerate(image for table in tables for image in table.encoded_images()):
        if done >= count:
            break  # a damaged file states fewer rows than it has; the labels then differ in number
        progress.report(done, count)
        try:
            if content is None:
                raise DataError(f"{row}: has no image bytes")
            with open_picture(io.BytesIO(content), row) as picture:
                if not first:
                    size, first = picture.size, row
                # Before the pixels are decoded, so that one huge image among small ones costs no memory.
                if picture.size != size:
                    sizes = [f"{width} x {height}" for width, height in (picture.size, size)]
                    raise DataError(f"{row}: is {sizes[0]} (width x height), but {first} is {sizes[1]}; resize all to one size")
                pixels = picture_pixels(picture, row)
        except DataError as error:
            problems.add(str(error))
            continue
        if stack is None:
            stack = PictureStack(count, size, name)
        stack.add(pixels)
    problems.check()
    if stack is None:
        raise DataError(f"{name}: holds no images; download or copy it again")
    return stack.array()
