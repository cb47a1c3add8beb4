"""The usual names of the columns of tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

LABEL_COLUMNS: Final = (
    "label",
    "labels",
    "label_name",
    "class",
    "class_name",
    "classname",
    "class_id",
    "classid",
    "category",
    "target",
    "y",
    "digit",
    "character",
    "fine_label",
    "emotion",
    "breed",
    "text",
)
"""The usual names of the column of labels, in lower case, the most common first."""

FILE_COLUMNS: Final = (
    "file_name",
    "filename",
    "file",
    "path",
    "filepath",
    "image",
    "image_name",
    "image_id",
    "image_path",
    "img",
    "name",
    "id",
)
"""The usual names of the column of files, in lower case, the most common first."""

SPLIT_COLUMNS: Final = ("split", "set", "subset", "partition", "usage")
"""The usual names of a column of splits, in lower case."""

TRAINING_COLUMNS: Final = ("is_train", "is_training", "is_training_image", "train", "training")
"""The usual names of a column that is true for training images, in lower case."""

INDEX_COLUMNS: Final = ("", "unnamed:_0", "index", "id")
"""The usual names of a column that counts the rows, in lower case. pandas writes one without a name."""


def plain_name(name: str) -> str:
    """Return the name of a column in lower case, with "_" in place of spaces."""
    return re.sub(r"\s+", "_", name.strip().lower())


def rank(name: str, usual: Sequence[str]) -> int:
    """Return the place of a column among the usual names, their number if it is not one of them."""
    plain = plain_name(name)
    return usual.index(plain) if plain in usual else len(usual)


def usual_columns(names: Iterable[str], usual: Collection[str]) -> list[str]:
    """Return the names that are usual, the most common first."""
    order = list(usual)
    return sorted((name for name in names if plain_name(name) in usual), key=lambda name: rank(name, order))
