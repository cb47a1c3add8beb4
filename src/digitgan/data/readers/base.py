"""The interface of the readers: the request to read, and the data source that is found at a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from digitgan.data.image_set import ImageSet, Split
from digitgan.data.notes import Notes
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.read_options import ReadOptions

READING_OPTIONS: Final = ("image_shape", "labels_from", "label_column")
"""The options of reading that have an effect on some data sources only."""

ARRAY_OPTIONS: Final = ("image_shape", "label_column")
"""Those that have an effect on arrays."""


@final
@dataclass(frozen=True)
class Reading(ReadOptions):
    """The request to read a data source: the options, and what receives the notes and the progress.

    Attributes:
        notes: receives what was ignored, guessed or converted.
        notify: a function that receives lines of progress.
    """

    notes: Notes = field(default_factory=Notes)
    notify: ProgressFn = silent

    @classmethod
    def with_options(cls, options: ReadOptions, notify: ProgressFn = silent) -> Reading:
        """Return the request to read with these options."""
        return cls(**vars(options), notify=notify)


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
