"""The two parts of a data set: what one trains on, and what one keeps back to measure with."""

from __future__ import annotations

from typing import Literal

from digitgan.errors import UsageError, nearest

Split = Literal["train", "test"]

SPLITS: tuple[Split, ...] = ("train", "test")


def check_split(name: str) -> Split:
    """The split of that name.

    Raises:
        UsageError: if it is neither "train" nor "test".
    """
    for split in SPLITS:
        if name == split:
            return split
    raise UsageError(f"there is no split {name!r}; {nearest(name, SPLITS)}")
