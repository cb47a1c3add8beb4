"""CSV files with one image in each line: its pixels, and a label in front or behind, as MNIST is often distributed."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple, final

import numpy as np
import numpy.typing as npt

from digitgan.data.conversion.arrays import images_of_array
from digitgan.data.conversion.labels import class_labels
from digitgan.data.image_set import UNLABELLED, ImageSet, Split
from digitgan.data.notes import Notes, Problems, counted, listed
from digitgan.data.progress import ProgressLines, in_megabytes
from digitgan.data.readers import emnist
from digitgan.data.readers.base import ARRAY_OPTIONS, DataSource, Reading
from digitgan.data.readers.pixel_columns import PixelColumns, columns_of_lines, rows_of_lines
from digitgan.data.readers.splits import Part, as_splits, part_in, part_of
from digitgan.data.readers.table_rows import decoded_text, is_number
from digitgan.data.safe_reading import open_content
from digitgan.errors import DataError

ENDINGS: Final = (".csv", ".csv.gz", ".csv.xz", ".tsv")

LINES_AT_ONCE: Final = 1000

MAX_LINE: Final = 4 << 20
"""Largest length of a line: some 100,000 values."""

EMNIST: Final = re.compile(r"emnist-[a-z]+(?=[-_](train|test))")
"""The beginning of the names of EMNIST's CSV files, such as emnist-letters-train.csv."""

MAX_CSV_BYTES: Final = 16 << 30


def pixel_table_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a CSV file of pixels, or a folder of such files named by their splits, as a data source; None for other paths."""
    if not path.is_dir():
        return _source({None: path}, reading) if path.name.lower().endswith(ENDINGS) else None
    files: dict[Part | None, Path] = {}
    others: list[Path] = []
    for file in sorted(each for each in path.iterdir() if each.name.lower().endswith(ENDINGS) and each.is_file()):
        part = part_in(file.name.lower().split(".csv")[0].removesuffix(".tsv"))[0]
        if part is None:
            others.append(file)
        elif part in files:
            raise DataError(f"{path}: {files[part].name} and {file.name} are both of the {part} split; name one of the files")
        else:
            files[part] = file
    if not files:
        if len(others) != 1:
            return None
        try:
            _columns_of(others[0], reading)
        except DataError:
            return None
        reading.notes.add(f"read from the file {others[0].name} within it", asked=True)
        return _source({None: others[0]}, reading)
    if others:
        count = counted(len(others), "table")
        reading.notes.add(f"ignored {count} without a split in the file name: {listed([file.name for file in others])}")
    labelled: dict[Part | None, bool] = {}
    for part, file in list(files.items()):
        try:
            labelled[part] = _columns_of(file, reading).label is not None
        except DataError as error:
            if part == "train":
                raise
            reading.notes.add(f"ignored {files.pop(part).name}: {error}")
    if any(labelled.values()):
        for part in [part for part, has in labelled.items() if not has]:
            reading.notes.add(f"{files.pop(part).name} has no labels and is not read")
    return _source(files, reading)


def _source(files: Mapping[Part | None, Path], reading: Reading) -> DataSource:
    """Return files as a data source. The rows of a single file, of the part None, may state their splits."""
    needs = "a CSV file is training data; name a folder with files such as mnist_train.csv and mnist_test.csv for both splits"
    whole = files.get(None)
    parts: dict[Part, tuple[Path, Part | None]] = {part: (file, None) for part, file in files.items() if part is not None}
    if whole is not None:
        parts = {part: (whole, part) for part in _stated_parts(whole, reading)} or {"train": (whole, None)}
    of_split = as_splits(parts, reading.notes)
    return DataSource(tuple(of_split), lambda split: _read(of_split, split, reading), needs, ARRAY_OPTIONS)


class _Table(NamedTuple):
    """The values of a table: pixels (n, values), and labels (n,) as strings; None without labels."""

    pixels: npt.NDArray[np.generic]
    labels: npt.NDArray[np.str_] | None


def _read(files: Mapping[Split, tuple[Path, Part | None]], split: Split, reading: Reading) -> ImageSet:
    path, part = files[split]
    table = _table(path, part, reading, pixels=True)
    # Values of 0 to 255 are plain. The range of others is that of all splits.
    plain = table.pixels.dtype == np.uint8 and table.pixels.max(initial=0) > 1
    tables = {split: table}
    tables |= {each: _table(*files[each], reading, pixels=not plain) for each in files if each != split}
    others = [] if plain else [other.pixels for each, other in tables.items() if each != split]
    images = images_of_array(table.pixels, reading.conversion, reading.image_shape, reading.notes, str(path), others)
    name = path.name if part is None else f"{path.name} ({split})"
    if table.labels is None:
        reading.notes.add(f"{path.name} has no column of labels: one class")
        return ImageSet(images, np.zeros(len(images), dtype=np.int64), (UNLABELLED,), name)
    parts = {each: _numbers(other.labels) for each, other in tables.items() if other.labels is not None}
    if (found := EMNIST.match(path.name.lower())) is not None:
        if images.ndim == 3 and reading.image_shape is None:
            images = emnist.turned_upright(images, reading.notes)
        characters = emnist.characters_of(path.parent, found[0].rstrip("-_"))
        if characters is not None:
            labels, class_names = emnist.character_labels(parts, characters, str(path))
            return ImageSet(images, labels[split], class_names, name)
    labels, class_names = class_labels(parts, None, reading.notes, str(path))
    return ImageSet(images, labels[split], class_names, name)


def _numbers(labels: npt.NDArray[np.str_]) -> npt.NDArray[np.generic]:
    """Return strings as integers if all are, else as floats if all are."""
    for kind in (np.int64, np.float64):
        try:
            return labels.astype(kind)
        except (ValueError, OverflowError):
            continue
    return labels


def _columns_of(path: Path, reading: Reading) -> PixelColumns:
    """Return the columns of a file.

    Raises:
        DataError: if it is no table of pixels.
    """
    with open_content(path) as content:
        first = islice(_lines(content.stream, path, reading.notes), 2)
        return columns_of_lines([line.text for line in first], path, reading)


def _stated_parts(path: Path, reading: Reading) -> tuple[Part, ...]:
    """Return the splits in the column of splits; () for a table without one, or a damaged one."""
    try:
        with open_content(path) as content:
            lines = _lines(content.stream, path, reading.notes)
            first = list(islice(lines, 2))
            columns = columns_of_lines([line.text for line in first], path, reading)
            if columns.split is None:
                return ()
            found: dict[Part, None] = {}
            texts = (line.text for line in chain(first[columns.header :], lines))
            for row in csv.reader(texts, delimiter=columns.delimiter):
                if len(row) == columns.width and (part := part_of(row[columns.split])) is not None:
                    found[part] = None
            if not found:
                reading.notes.add(f"ignored the column {columns.split + 1} of {path.name}, whose values are no splits")
            return tuple(found)
    except (DataError, csv.Error):
        return ()  # the error is raised when it is read


def _table(path: Path, part: Part | None, reading: Reading, *, pixels: bool) -> _Table:
    """Read a table, or its lines of one part. Without `pixels`, only its labels are kept.

    Raises:
        DataError: if lines cannot be used and may not be left out. The message lists them.
    """
    with open_content(path) as content:
        lines = _lines(content.stream, path, reading.notes)
        first = list(islice(lines, 2))
        columns = columns_of_lines([line.text for line in first], path, reading)
        blocks: list[npt.NDArray[np.generic]] = []
        labels: list[str] = []
        problems = Problems(str(path), "lines")
        progress = ProgressLines(reading.notify, f"{path.name}, read", in_megabytes)
        check = _RowCheck(columns, part, problems)
        done = 0
        rest = chain(first[columns.header :], lines)
        while block := list(islice(rest, LINES_AT_ONCE)):
            cells = rows_of_lines([line.text for line in block], columns.delimiter, path)
            rows = dict(zip((line.number for line in block), cells, strict=False))
            right = [number for number, row in rows.items() if check.is_usable(row, number)]
            if pixels and right:
                values, right = _numbers_of({number: columns.pixels(rows[number]) for number in right}, problems)
                blocks += [values] if right else []
            if columns.label is not None:
                labels += [rows[number][columns.label].strip() for number in right]
            done += sum(len(line.text) for line in block)
            progress.report(done, None)
    problems.check(skip=reading.skip_damaged, notes=reading.notes)
    if check.neither:
        count = counted(len(check.neither), "line")
        reading.notes.add(f"ignored {count} of {path.name} that state neither training nor test: {listed(check.neither)}")
    if (columns.label is not None and not labels) or (pixels and not blocks):
        raise DataError(f"{path}: has no lines of images; download or copy it again")
    values = np.concatenate(blocks) if blocks else np.zeros((0, 0), dtype=np.uint8)
    return _Table(values, None if columns.label is None else np.array(labels))


@final
class _RowCheck:
    """The choice of the rows of a table that can be used.

    Args:
        columns: the columns of the table.
        part: the split whose rows are used; None for all.
        problems: receives a line for each row that cannot be used.

    Attributes:
        neither: the numbers of the lines that state neither training nor test.
    """

    def __init__(self, columns: PixelColumns, part: Part | None, problems: Problems) -> None:
        self._columns, self._part, self._problems = columns, part, problems
        self._pixels: int | None = None
        self.neither: list[str] = []

    def is_usable(self, row: Sequence[str], line: int) -> bool:
        """Return whether a row can be used. `line` is the number of its line."""
        columns, wrong = self._columns, ""
        if len(row) != columns.width:
            self._problems.add(f"line {line} has {len(row):,} values, the first line {columns.width:,}")
            return False
        if self._part is not None and columns.split is not None:
            stated = part_of(row[columns.split])
            if stated is None:
                self.neither.append(str(line))
            if stated != self._part:
                return False
        count = len(columns.pixels(row))
        if self._pixels is None:
            self._pixels = count
        label = "none" if columns.label is None else row[columns.label].strip()
        if not label:
            wrong = "no label"
        elif re.fullmatch(r"-\d+(\.0+)?", label):
            wrong = f"the label {label}, and a negative number is no class"
        elif count != self._pixels:
            wrong = f"{count:,} pixels, those before {self._pixels:,}"
        if wrong:
            self._problems.add(f"line {line} has {wrong}")
        return not wrong


def _numbers_of(lines: Mapping[int, Sequence[str]], problems: Problems) -> tuple[npt.NDArray[np.generic], list[int]]:
    """Return the values of lines, and the numbers of the lines. Those with a value that is no number become problems."""
    right = list(lines)
    try:
        values = np.array(list(lines.values()), dtype=np.float64)
        all_numbers = bool(np.isfinite(values).all())
    except ValueError:
        all_numbers = False
    if not all_numbers:
        wrong = {
            number: next((cell for cell in cells if not (is_number(cell) and math.isfinite(float(cell)))), None)
            for number, cells in lines.items()
        }
        for number, cell in wrong.items():
            if cell is not None:
                problems.add(f"line {number} has the value {cell!r}, which is not a number")
        right = [number for number, cell in wrong.items() if cell is None]
        values = np.array([lines[number] for number in right], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        small = values.astype(np.uint8)
    return small if np.array_equal(small, values) else values.astype(np.float32), right


class _Line(NamedTuple):
    """A line of a file, and its number from 1."""

    number: int
    text: str


def _lines(stream: io.BufferedIOBase, path: Path, notes: Notes) -> Iterator[_Line]:
    """Yield the lines of a text that are not empty. Their length is limited."""
    total = number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        total += len(line)
        if len(line) > MAX_LINE or total > MAX_CSV_BYTES:
            raise DataError(f"{path}: has a line of more than {MAX_LINE:,} bytes, or unpacks to too many; is it a CSV file?")
        if b"\0" in line:
            raise DataError(f"{path}: is not a table, it contains null bytes; save it as text")
        text = decoded_text(line, path.name, notes)
        if text.strip():
            yield _Line(number, text)
