"""A reader: the text file of the Semeion handwritten digits (https://archive.ics.uci.edu/dataset/178), 16×16 pixels.

A line has 256 pixels, 0 or 1, and then ten numbers, of which the one at the place of the digit is 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from digitgan.plugins import DataError, DataSource, ImageSet, Reading, Split

SIDE: Final = 16
PIXELS: Final = SIDE * SIDE
CLASSES: Final = 10


def semeion_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a Semeion file as a data source; None if the path is something else.

    Raises:
        DataError: when it is loaded, if a line does not have 256 pixels and one class. The message names all such lines.
    """
    if path.suffix.lower() != ".data" or not path.is_file():
        return None

    def load(split: Split) -> ImageSet:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        wrong = [number for number, row in enumerate(rows, start=1) if not _is_valid(row)]
        if wrong or not rows:
            lines = ", ".join(map(str, wrong[:10])) or "none"
            raise DataError(
                f"{path}: is not a Semeion file: a line must have {PIXELS} pixels, 0 or 1, and {CLASSES} numbers, of which one "
                f"is 1; wrong lines: {lines}. Give the file semeion.data as it was downloaded"
            )
        values = np.array(rows, dtype=np.float64).astype(np.uint8)
        reading.notes.add(f"{path.name}: {len(rows):,} images of {SIDE}x{SIDE} pixels, black and white")
        images = values[:, :PIXELS].reshape(-1, SIDE, SIDE) * np.uint8(255)
        labels = values[:, PIXELS:].argmax(axis=1).astype(np.int64)
        return ImageSet(images, labels, tuple(map(str, range(CLASSES))), path.name)

    return DataSource(("train",), load, "a Semeion file has a training split only", options=())


def _is_valid(row: list[str]) -> bool:
    """Return whether the words of a line are 256 pixels and a class."""
    if len(row) != PIXELS + CLASSES:
        return False
    try:
        values = [float(word) for word in row]
    except ValueError:
        return False
    return set(values) <= {0.0, 1.0} and sum(values[-CLASSES:]) == 1
