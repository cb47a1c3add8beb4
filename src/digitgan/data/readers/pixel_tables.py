"""CSV files with one image in each line: its pixels, and a label in front or behind, as MNIST is often distributed."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from digitgan.data.conversion.arrays import images_of_array
from digitgan.data.conversion.labels import class_labels
from digitgan.data.files import open_content
from digitgan.data.image_set import UNLABELLED, ImageSet, Split
from digitgan.data.progress import ProgressLines, in_megabytes
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.columns import LABEL_COLUMNS
from digitgan.data.readers.splits import Part, as_splits, part_of
from digitgan.errors import DataError, nearest

ENDINGS: Final = (".csv", ".csv.gz", ".csv.xz", ".tsv")

LINES_AT_ONCE: Final = 1000

MAX_LINE: Final = 4 << 20
"""Largest length of a line: some 100,000 values."""

MAX_CSV_BYTES: Final = 16 << 30


def pixel_table_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a CSV file of pixels, or a folder of such files named by their splits, as a data source; None for other paths."""
    needs = "a CSV file is training data; name a folder with files such as mnist_train.csv and mnist_test.csv for both splits"
    if not path.is_dir():
        if not path.name.lower().endswith(ENDINGS):
            return None
        return DataSource(("train",), lambda split: _read({split: path}, split, reading), needs)
    files: dict[Part, Path] = {}
    for file in sorted(each for each in path.iterdir() if each.name.lower().endswith(ENDINGS) and each.is_file()):
        for word in re.split(r"[-_. ]", file.name):
            if (part := part_of(word)) is not None:
                if part in files:
                    raise DataError(
                        f"{path}: {files[part].name} and {file.name} are both of the {part} split; name one of the files"
                    )
                files[part] = file
                break
    if not files:
        return None
    labelled = {part: _is_labelled(file, reading) for part, file in files.items()}
    if any(labelled.values()):
        for part in [part for part, has in labelled.items() if not has]:
            reading.notes.add(f"{files.pop(part).name} has no labels and is not read")
    of_split = as_splits(files, reading.notes)
    return DataSource(tuple(of_split), lambda split: _read(of_split, split, reading), needs)


class _Table(NamedTuple):
    """The values of a table: pixels (n, values), and labels (n,) as texts; None without labels."""

    pixels: npt.NDArray[np.generic]
    labels: npt.NDArray[np.str_] | None


def _read(files: dict[Split, Path], split: Split, reading: Reading) -> ImageSet:
    tables = {part: _table(path, reading, pixels=part == split) for part, path in files.items()}
    path, table = files[split], tables[split]
    images = images_of_array(table.pixels, reading.conversion, reading.image_shape, reading.notes, str(path))
    if table.labels is None:
        reading.notes.add(f"{path.name} has no column of labels: one class")
        return ImageSet(images, np.zeros(len(images), dtype=np.int64), (UNLABELLED,), path.name)
    parts = {part: _numbers(each.labels) for part, each in tables.items() if each.labels is not None}
    labels, class_names = class_labels(parts, None, reading.notes, str(path))
    return ImageSet(images, labels[split], class_names, path.name)


def _numbers(labels: npt.NDArray[np.str_]) -> npt.NDArray[np.generic]:
    """Return texts as integers if all are, else as floats if all are."""
    for kind in (np.int64, np.float64):
        try:
            return labels.astype(kind)
        except (ValueError, OverflowError):
            continue
    return labels


def _is_labelled(path: Path, reading: Reading) -> bool:
    """Return whether the first line of a table has a label; false for a file that is no table of pixels."""
    try:
        with open_content(path) as content:
            cells, has_header = _first_line(next(_lines(content.stream, path), ""), path)
            return _label_column(cells, has_header, path, reading) is not None
    except DataError:
        return False


def _first_line(line: str, path: Path) -> tuple[list[str], bool]:
    """Return the cells of the first line of a table, and whether they are the names of the columns.

    They are names if at least half of them are no numbers, or if the others are the numbers of the columns, with which tables
    without names are often written.
    """
    rows = _rows([line], _delimiter(line), path)
    if not rows:
        return [], False
    numbers = [cell.strip() for cell in rows[0] if _is_number(cell)]
    return rows[0], 2 * len(numbers) <= len(rows[0]) or _are_column_numbers(numbers)


def _are_column_numbers(numbers: Sequence[str]) -> bool:
    """Return whether numbers are 0, 1, 2, … or 1, 2, 3, …; or 0, 0.1, 0.2, …, which pandas makes of a line of equal values."""
    ways = [[str(number) for number in range(start, start + len(numbers))] for start in (0, 1)]
    ways.append([numbers[0], *(f"{numbers[0]}.{number}" for number in range(1, len(numbers)))])
    return len(numbers) > 4 and numbers in ways


def _delimiter(line: str) -> str:
    """Return the delimiter of a line: the one of comma, semicolon and tab that occurs most often."""
    return max(",;\t", key=line.count)


def _table(path: Path, reading: Reading, *, pixels: bool) -> _Table:
    """Read a table. Without `pixels`, only its labels are kept."""
    with open_content(path) as content:
        lines = _lines(content.stream, path)
        first = next(lines, None)
        if first is None:
            raise DataError(f"{path}: is empty; download or copy it again")
        delimiter = _delimiter(first)
        cells, has_header = _first_line(first, path)
        label = _label_column(cells, has_header, path, reading)
        blocks: list[npt.NDArray[np.generic]] = []
        labels: list[str] = []
        progress = ProgressLines(reading.notify, f"{path.name}, read", in_megabytes)
        number = 1 + has_header
        done = 0
        lines = lines if has_header else chain([first], lines)
        while block := list(islice(lines, LINES_AT_ONCE)):
            rows = _rows(block, delimiter, path)
            wrong = next((place for place, row in enumerate(rows) if len(row) != len(cells)), None)
            if wrong is not None:
                raise DataError(
                    f"{path}: line {number + wrong} has {len(rows[wrong])} values, the first line {len(cells)}; correct it"
                )
            if label is not None:
                labels += [row.pop(label).strip() for row in rows]
            if pixels and rows:
                blocks.append(_parsed(rows, number, path))
            number += len(block)
            done += sum(map(len, block))
            progress.report(done, None)
    if not number - 1 - has_header:
        raise DataError(f"{path}: has a line of column names only; download or copy it again")
    values = np.concatenate(blocks) if blocks else np.zeros((0, 0), dtype=np.uint8)
    return _Table(values, None if label is None else np.array(labels))


def _rows(lines: Sequence[str], delimiter: str, path: Path) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error as error:
        raise DataError(f"{path}: is not a table ({error}); save it as CSV in UTF-8") from error


def _parsed(rows: Sequence[Sequence[str]], number: int, path: Path) -> npt.NDArray[np.generic]:
    """Return the values of lines as uint8 if they are integers of 0 to 255, else as float32."""
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError as error:
        wrong = next((line, cell) for line, row in enumerate(rows, number) for cell in row if not _is_number(cell))
        raise DataError(f"{path}: line {wrong[0]} has the value {wrong[1]!r}, which is not a number; correct it") from error
    small = values.astype(np.uint8)
    return small if np.array_equal(small, values) else values.astype(np.float32)


def _label_column(cells: Sequence[str], has_header: bool, path: Path, reading: Reading) -> int | None:
    """Return the place of the label in a line; None if all values are pixels.

    Raises:
        DataError: if the lines hold no images.
    """
    names = [cell.strip().lower() for cell in cells]
    if reading.label_column is not None:
        if reading.label_column.lower() not in names:
            raise DataError(f"{path}: --label-column {reading.label_column}: {nearest(reading.label_column, names[:10])}")
        return names.index(reading.label_column.lower())
    if has_header and (found := next((name for name in LABEL_COLUMNS if name in names), None)) is not None:
        return names.index(found)
    if has_header and len(odd := _unlike_the_others(names)) == 1:
        reading.notes.add(
            f"labels from the column {cells[odd[0]]!r}, whose name differs from those of the pixels (--label-column)"
        )
        return odd[0]
    count = len(cells)
    wanted = math.prod(reading.image_shape) if reading.image_shape is not None else None
    if count == wanted or (wanted is None and _is_square(count) and not _is_square(count - 1)):
        return None
    if count - 1 == wanted or (wanted is None and count > 4 and _is_square(count - 1)):
        reading.notes.add("the first value of each line is taken as its label (--label-column)")
        return 0
    if count < 5:
        raise DataError(
            f"{path}: has {count} columns ({', '.join(cells[:5])}), and no pixels. If it names pictures and their classes, "
            "give the folder of the pictures, with this file in it"
        )
    raise DataError(
        f"{path}: has {count:,} columns, which are neither a square number of pixels nor one more; state the shape of "
        "the images with --image-shape"
    )


def _unlike_the_others(names: Sequence[str]) -> list[int]:
    """Return the places of the names that have another part before their number than most names."""
    parts = [re.sub(r"[\d.]*$", "", name) for name in names]
    most = max(set(parts), key=parts.count)
    return [place for place, part in enumerate(parts) if part != most] if parts.count(most) > len(parts) // 2 else []


def _is_square(count: int) -> bool:
    return count > 1 and math.isqrt(count) ** 2 == count


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _lines(stream: io.BufferedIOBase, path: Path) -> Iterator[str]:
    """Yield the lines of a text, whose length is limited."""
    total = 0
    while line := stream.readline(MAX_LINE + 1):
        total += len(line)
        if len(line) > MAX_LINE or total > MAX_CSV_BYTES:
            raise DataError(f"{path}: has a line of more than {MAX_LINE:,} bytes, or unpacks to too many; is it a CSV file?")
        if b"\0" in line:
            raise DataError(f"{path}: is not a table, it contains null bytes; save it as text")
        text = line.decode("utf-8-sig", "replace")
        if text.strip():
            yield text
