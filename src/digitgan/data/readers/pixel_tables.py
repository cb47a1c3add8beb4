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
from digitgan.data.notes import MAX_LISTED, Notes, Problems, counted, listed
from digitgan.data.progress import ProgressLines, in_megabytes
from digitgan.data.readers.base import ARRAY_OPTIONS, DataSource, Reading
from digitgan.data.readers.columns import INDEX_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS, plain_name, usual_columns
from digitgan.data.readers.splits import Part, as_splits, part_in, part_of
from digitgan.data.readers.table_rows import decoded_text, is_number
from digitgan.data.safe_reading import open_content
from digitgan.errors import DataError

ENDINGS: Final = (".csv", ".csv.gz", ".csv.xz", ".tsv")

LINES_AT_ONCE: Final = 1000

MAX_LINE: Final = 4 << 20
"""Largest length of a line: some 100,000 values."""

MAX_CSV_BYTES: Final = 16 << 30

MIN_TEXT_PIXELS: Final = 16
"""Number of values in a cell from which it holds all pixels of an image, as in FER2013."""


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


class _Columns(NamedTuple):
    """The places of the columns in a line.

    Attributes:
        width: the number of columns.
        label: the place of the label; None if there is none.
        split: the place of the split; None if the lines do not state it.
        text: the place of a cell with all pixels as text; None if each pixel has its column.
        left_out: the places of columns that are neither.
        header: whether the first line holds the names of the columns.
        delimiter: the delimiter.
    """

    width: int
    label: int | None
    split: int | None
    text: int | None
    left_out: tuple[int, ...]
    header: bool
    delimiter: str

    def pixels(self, row: Sequence[str]) -> Sequence[str]:
        """Return the pixels of a line."""
        if self.text is not None:
            return row[self.text].split()
        others = {self.label, self.split, *self.left_out}
        return row if others == {None} else [cell for place, cell in enumerate(row) if place not in others]


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


def _columns_of(path: Path, reading: Reading) -> _Columns:
    """Return the columns of a file.

    Raises:
        DataError: if it is no table of pixels.
    """
    with open_content(path) as content:
        return _columns(_lines(content.stream, path, reading.notes), path, reading)[0]


def _stated_parts(path: Path, reading: Reading) -> tuple[Part, ...]:
    """Return the splits in the column of splits; () for a table without one, or a damaged one."""
    try:
        with open_content(path) as content:
            lines = _lines(content.stream, path, reading.notes)
            columns, first = _columns(lines, path, reading)
            if columns.split is None:
                return ()
            found: dict[Part, None] = {}
            for row in csv.reader(chain(first[columns.header :], lines), delimiter=columns.delimiter):
                if len(row) == columns.width and (part := part_of(row[columns.split])) is not None:
                    found[part] = None
            if not found:
                reading.notes.add(f"ignored the column {columns.split + 1} of {path.name}, whose values are no splits")
            return tuple(found)
    except (DataError, csv.Error):
        return ()  # the error is raised when it is read


def _columns(lines: Iterator[str], path: Path, reading: Reading) -> tuple[_Columns, list[str]]:
    """Return the columns of a table, and the lines that were read for this: the first two.

    Raises:
        DataError: if the table is empty, or if its lines hold no images.
    """
    first = list(islice(lines, 2))
    if not first:
        raise DataError(f"{path}: is empty; download or copy it again")
    delimiter = max(",;\t", key=first[0].count)
    rows = _rows(first, delimiter, path)
    cells = rows[0] if rows else []
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    # They are names if at least half of them are no numbers, or if the others are the numbers of the columns, with which tables
    # without names are often written.
    has_pixels = any(len(cell.split()) >= MIN_TEXT_PIXELS for cell in cells)
    header = not has_pixels and (2 * len(numbers) <= len(cells) or _are_column_numbers(numbers))
    if header and len(rows) < 2:
        raise DataError(f"{path}: has a line of column names only; download or copy it again")
    values = rows[1] if header else cells
    names = [plain_name(cell) for cell in cells] if header else [f"column {place}" for place in range(1, len(cells) + 1)]
    text = next((place for place, value in enumerate(values) if len(value.split()) >= MIN_TEXT_PIXELS), None)
    split = next((names.index(name) for name in usual_columns(names, SPLIT_COLUMNS) if header), None)
    left_out = [place for place, name in enumerate(names) if header and name in INDEX_COLUMNS]
    label = _label_column(names, [split, text, *left_out], path, reading)
    if label is None and text is not None:
        rest = [place for place in range(len(names)) if place not in (text, split, *left_out)]
        if len(rest) > 1:
            raise DataError(
                f"{path}: several columns may hold the labels: {', '.join(names[place] for place in rest)}; choose one with "
                "--label-column"
            )
        label = rest[0] if rest else None
    if label is None and text is None:
        label = _by_number(len(cells) - len({split, *left_out} - {None}), names, header, path, reading)
        if label is not None:
            label = next(place for place in range(len(names)) if place not in (split, *left_out))
    left_out = [place for place in left_out if place != label]
    if left_out:
        reading.notes.add(f"left out the columns {listed([repr(cells[place]) for place in left_out])}, which count the lines")
    if text is not None:
        further = [place for place in range(len(names)) if place not in (text, split, label, *left_out)]
        if further:
            reading.notes.add(f"ignored the columns {listed([repr(names[place]) for place in further])}")
        left_out += further
    return _Columns(len(cells), label, split, text, tuple(left_out), header, delimiter), first


def _label_column(names: Sequence[str], others: Sequence[int | None], path: Path, reading: Reading) -> int | None:
    """Return the place of the label by the names of the columns; None if they do not state it."""
    if reading.label_column is not None:
        wanted = plain_name(reading.label_column) if plain_name(reading.label_column) in names else reading.label_column.lower()
        if wanted not in names:
            shown = names if len(names) < MAX_LISTED else [*names[:3], "…", names[-1]]
            raise DataError(f"{path}: has no column {reading.label_column!r} for --label-column; it has {', '.join(shown)}")
        return names.index(wanted)
    if usual := usual_columns(names, LABEL_COLUMNS):
        return names.index(usual[0])
    left = [place for place in range(len(names)) if place not in others]
    if names[:1] != ["column 1"] and left and len(odd := _unlike_the_others([names[place] for place in left])) == 1:
        place = left[odd[0]]
        reading.notes.add(
            f"labels from the column {names[place]!r}, whose name differs from those of the pixels (--label-column)"
        )
        return place
    return None


def _by_number(count: int, names: Sequence[str], header: bool, path: Path, reading: Reading) -> int | None:
    """Return 0 if the number of columns is that of a label and pixels, None if it is that of pixels.

    Raises:
        DataError: if it is neither.
    """
    wanted = math.prod(reading.image_shape) if reading.image_shape is not None else None
    if count == wanted or (wanted is None and _is_square(count) and not _is_square(count - 1)):
        return None
    if count - 1 == wanted or (wanted is None and count > 4 and _is_square(count - 1)):
        last = "" if header else f"; --label-column 'column {len(names)}' takes the last one"
        reading.notes.add(f"the first value of each line is taken as its label (--label-column){last}")
        return 0
    if count < 5:
        raise DataError(
            f"{path}: has {count} columns ({', '.join(names[:5])}), and no pixels. If it names pictures and their classes, "
            "give the folder of the pictures, with this file in it"
        )
    raise DataError(
        f"{path}: has {count:,} columns, which are neither a square number of pixels nor one more; state the shape of "
        "the images with --image-shape, or remove the columns that hold neither pixels nor labels"
    )


def _are_column_numbers(numbers: Sequence[str]) -> bool:
    """Return whether numbers are 0, 1, 2, … or 1, 2, 3, …; or 0, 0.1, 0.2, …, which pandas makes of a line of equal values."""
    ways = [[str(number) for number in range(start, start + len(numbers))] for start in (0, 1)]
    ways.append([numbers[0], *(f"{numbers[0]}.{number}" for number in range(1, len(numbers)))])
    return len(numbers) > 4 and numbers in ways


def _table(path: Path, part: Part | None, reading: Reading, *, pixels: bool) -> _Table:
    """Read a table, or its lines of one part. Without `pixels`, only its labels are kept.

    Raises:
        DataError: if lines cannot be used and may not be left out. The message lists them.
    """
    with open_content(path) as content:
        lines = _lines(content.stream, path, reading.notes)
        columns, first = _columns(lines, path, reading)
        blocks: list[npt.NDArray[np.generic]] = []
        labels: list[str] = []
        problems = Problems(str(path), "lines")
        progress = ProgressLines(reading.notify, f"{path.name}, read", in_megabytes)
        check = _RowCheck(columns, part, problems)
        number, done = 1 + columns.header, 0
        rest = chain(first[columns.header :], lines)
        while block := list(islice(rest, LINES_AT_ONCE)):
            rows = _rows(block, columns.delimiter, path)
            right = check.usable(rows, number)
            if pixels and right:
                values, right = _numbers_of({number + place: columns.pixels(rows[place]) for place in right}, problems)
                blocks += [values] if right else []
                right = [line - number for line in right]
            if columns.label is not None:
                labels += [rows[place][columns.label].strip() for place in right]
            number += len(block)
            done += sum(map(len, block))
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

    def __init__(self, columns: _Columns, part: Part | None, problems: Problems) -> None:
        self._columns, self._part, self._problems = columns, part, problems
        self._pixels: int | None = None
        self.neither: list[str] = []

    def usable(self, rows: Sequence[Sequence[str]], number: int) -> list[int]:
        """Return the places of the rows that can be used. `number` is that of the line of the first row."""
        return [place for place, row in enumerate(rows) if self._is_usable(row, number + place)]

    def _is_usable(self, row: Sequence[str], line: int) -> bool:
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


def _rows(lines: Sequence[str], delimiter: str, path: Path) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error as error:
        raise DataError(f"{path}: is not a table ({error}); save it as CSV in UTF-8") from error


def _unlike_the_others(names: Sequence[str]) -> list[int]:
    """Return the places of the names that have another part before their number than most names."""
    parts = [re.sub(r"[\d.]*$", "", name) for name in names]
    most = max(set(parts), key=parts.count)
    return [place for place, part in enumerate(parts) if part != most] if parts.count(most) > len(parts) // 2 else []


def _is_square(count: int) -> bool:
    return count > 1 and math.isqrt(count) ** 2 == count


def _lines(stream: io.BufferedIOBase, path: Path, notes: Notes) -> Iterator[str]:
    """Yield the lines of a text, whose length is limited."""
    total = 0
    while line := stream.readline(MAX_LINE + 1):
        total += len(line)
        if len(line) > MAX_LINE or total > MAX_CSV_BYTES:
            raise DataError(f"{path}: has a line of more than {MAX_LINE:,} bytes, or unpacks to too many; is it a CSV file?")
        if b"\0" in line:
            raise DataError(f"{path}: is not a table, it contains null bytes; save it as text")
        text = decoded_text(line, path.name, notes)
        if text.strip():
            yield text
