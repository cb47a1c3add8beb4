"""Which labels to draw: what a user writes, turned into class indices."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from digitgan.errors import UsageError, nearest

MOST_IMAGES = 10_000_000
"""More than this in one call is a slip of the finger: it would take hours and tens of gigabytes."""


def parse_labels(text: str, class_names: Sequence[str]) -> list[int]:
    """Class indices from "7", "0-9", "1,3,5" or class names, in the order given.

    Raises:
        UsageError: for anything that is no class of the model.
    """
    labels: list[int] = []
    for part in (piece.strip() for piece in text.split(",")):
        if part in class_names:
            labels.append(class_names.index(part))
        elif span := re.fullmatch(r"(\d+)\s*-\s*(\d+)", part):
            first, last = (_label(end, part, class_names) for end in span.groups())
            if first > last:
                raise UsageError(f"--labels {text!r}: {part} runs backwards; {span[2]}-{span[1]} is right")
            labels.extend(range(first, last + 1))
        elif part.isdecimal():
            labels.append(_label(part, part, class_names))
        else:
            raise UsageError(f"--labels {text!r}: {part!r} is no class: {nearest(part, class_names)}; write 7, 0-9 or 1,3,5")
    return labels


def spread_labels(classes: Sequence[int], *, per_class: int | None, count: int | None) -> npt.NDArray[np.int64]:
    """The labels of all images to draw.

    Args:
        classes: the classes asked for.
        per_class: so many of each, class after class; or
        count: so many in all, the classes taking turns. With neither, ten of each.

    Raises:
        UsageError: for both, for counts below 1, or for more than `MOST_IMAGES` in all.
    """
    if per_class is not None and count is not None:
        raise UsageError("--per-class and --count exclude each other; give one")
    for option, value in (("--per-class", per_class), ("--count", count)):
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: at least 1 is right")
    total = count if count is not None else (per_class or 10) * len(classes)
    if total > MOST_IMAGES:
        raise UsageError(f"{total:,} images are more than one call draws ({MOST_IMAGES:,}); draw them in portions, by --seed")
    if count is not None:
        return np.resize(np.asarray(classes, dtype=np.int64), count)
    return np.repeat(np.asarray(classes, dtype=np.int64), per_class or 10)


def _label(written: str, part: str, class_names: Sequence[str]) -> int:
    """The class of that name or, where none has it, of that index: in "1-9" as in "1"."""
    label = class_names.index(written) if written in class_names else int(written)
    if label >= len(class_names):
        raise UsageError(f"--labels {part}: this model has {len(class_names)} classes, 0 to {len(class_names) - 1}")
    return label
