"""The interface of the readers: the request to read, and the data source that is found at a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, final

from digitgan.data.conversion.options import Conversion
from digitgan.data.image_set import ImageSet, Split
from digitgan.data.notes import Notes
from digitgan.data.progress import ProgressFn, silent

LabelsFrom = Literal["auto", "outer-folder", "inner-folder", "file-name", "table"]
"""The place of the class of a picture: in the outermost folder of its split, in the folder of its file, in its file name
before the number at its end, or in a table beside the pictures. "auto" takes a table if there is one, else the outermost
folder."""


READING_OPTIONS: Final = ("image_shape", "labels_from", "label_column")
"""The options of reading that have an effect on some data sources only."""

ARRAY_OPTIONS: Final = ("image_shape", "label_column")
"""Those that have an effect on arrays."""


@final
@dataclass(frozen=True)
class Reading:
    """The request to read a data source.

    Attributes:
        conversion: the form of the images.
        image_shape: the shape of a flat image, for arrays (n, values) and CSV files; see `images_of_array`.
        labels_from: where the class of a picture is.
        label_column: the name of the column or array of labels; None for the usual names.
        skip_damaged: leave out files and rows that cannot be used, instead of raising `DataError`.
        notes: receives what was passed over, taken for granted or converted.
        notify: a function that receives lines of progress.
    """

    conversion: Conversion = field(default_factory=Conversion)
    image_shape: tuple[int, ...] | None = None
    labels_from: LabelsFrom = "auto"
    label_column: str | None = None
    skip_damaged: bool = False
    notes: Notes = field(default_factory=Notes)
    notify: ProgressFn = silent


@final
@dataclass(frozen=True)
class DataSource:
    """A data source that exists.

    Attributes:
        splits: the splits that it has.
        load: a function that loads one of them. It converts what only it knows, such as the transparency of encoded pictures;
            the size, the colours and the inversion of its images are converted afterwards.
        needs: how to provide the other splits, for the error message.
        options: those of `READING_OPTIONS` that have an effect on it. The others are refused.
    """

    splits: tuple[Split, ...]
    load: Callable[[Split], ImageSet]
    needs: str
    options: tuple[str, ...] = READING_OPTIONS


Reader = Callable[[Path, Reading], DataSource | None]
"""A reader returns the data source at a path, or None if the path is not of its kind."""
