"""Which labels to draw: what a user writes, turned into class indices."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.errors import UsageError, nearest

Labels = npt.NDArray[np.int64]
"""(n,), class indices."""

MAX_IMAGES = 10_000_000_000
"""More than this in one call is a slip of the finger: it would take days and terabytes."""


def parse_labels(text: str, class_names: Sequence[str], option: str = "--labels") -> list[int]:
    """Class indices from "7", "0-9", "1,3,5" or class names, in the order given; `option` is what they were written after.

    Raises:
        UsageError: for anything that is no class of the model.
    """
    labels: list[int] = []
    for part in (piece.strip() for piece in text.split(",")):
        if part in class_names:
            labels.append(class_names.index(part))
        elif span := re.fullmatch(r"(\d+)\s*-\s*(\d+)", part):
            first, last = (_label(end, f"{option} {part}", class_names) for end in span.groups())
            if first > last:
                raise UsageError(f"{option} {text!r}: {part} runs backwards; {span[2]}-{span[1]} is right")
            labels.extend(range(first, last + 1))
        elif part.isdecimal():
            labels.append(_label(part, f"{option} {part}", class_names))
        else:
            raise UsageError(f"{option} {text!r}: {part!r} is no class: {nearest(part, class_names)}; write 7, 0-9 or 1,3,5")
    return labels


@final
@dataclass(frozen=True)
class Labelling:
    """Which label each image of a set has.

    Attributes:
        classes: that are drawn, in this order.
        counts: how many images of each.
        in_turn: whether the classes take turns, or come one after another; turns are only for counts that differ by one.
    """

    classes: tuple[int, ...]
    counts: tuple[int, ...]
    in_turn: bool

    @property
    def count(self) -> int:
        """Images in all."""
        return sum(self.counts)

    def of(self, span: range) -> Labels:
        """The labels of images `span`, whose end may not lie beyond the set's."""
        classes, places = np.asarray(self.classes, dtype=np.int64), np.arange(span.start, span.stop)
        if self.in_turn:
            return classes[places % len(classes)]
        return classes[np.searchsorted(np.cumsum(self.counts), places, side="right")]

    def tally(self, class_names: Sequence[str]) -> dict[str, int]:
        """How many images each class has, by its name."""
        found = [0] * len(class_names)
        for label, count in zip(self.classes, self.counts, strict=True):
            found[label] += count
        return dict(zip(class_names, found, strict=True))


def spread_labels(classes: Sequence[int], *, per_class: int | None, count: int | None) -> Labelling:
    """The labels of all images to draw.

    Args:
        classes: the classes asked for.
        per_class: so many of each, class after class; or
        count: so many in all, the classes taking turns. With neither, ten of each.

    Raises:
        UsageError: for both, for counts below 1, or for more than `MAX_IMAGES` in all.
    """
    if per_class is not None and count is not None:
        raise UsageError("--per-class and --count exclude each other; give one")
    for option, value in (("--per-class", per_class), ("--count", count)):
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: at least 1 is right")
    if count is not None:
        rounds, rest = divmod(count, len(classes))
        return _few_enough(
            Labelling(tuple(classes), tuple(rounds + (turn < rest) for turn in range(len(classes))), in_turn=True)
        )
    return _few_enough(Labelling(tuple(classes), (per_class or 10,) * len(classes), in_turn=False))


def weighted_labels(text: str, class_names: Sequence[str], count: int) -> Labelling:
    """Labels in given proportions, class after class; the counts add up to just so many.

    Args:
        text: "0:3,1:1" is three times as many of class 0 as of class 1, and none of the others.
        class_names: of the model.
        count: images in all. What proportions leave over goes to the largest remainders.

    Raises:
        UsageError: for anything else, or a class that gets no image.
    """
    wanted: dict[int, float] = {}
    for part in (piece.strip() for piece in text.split(",")):
        name, colon, written = part.rpartition(":")
        try:
            weight = float(written)
        except ValueError:
            weight = math.nan
        if not colon or not 0 < weight < math.inf:
            raise UsageError(f"--weights {text!r}: {part!r} is no class and its weight; 0:3,1:1 is right")
        for label in parse_labels(name, class_names, option="--weights"):
            if label in wanted:
                raise UsageError(f"--weights {text!r}: {class_names[label]} comes twice")
            wanted[label] = weight
    shares = [count * weight / sum(wanted.values()) for weight in wanted.values()]
    counts = [math.floor(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda place: counts[place] - shares[place])
    for place in by_remainder[: count - sum(counts)]:
        counts[place] += 1
    none = [class_names[label] for label, each in zip(wanted, counts, strict=True) if not each]
    if none:
        raise UsageError(f"--weights {text!r}: of {count:,} images none is left for {', '.join(none)}; draw more (--count)")
    return _few_enough(Labelling(tuple(wanted), tuple(counts), in_turn=False))


def _few_enough(labelling: Labelling) -> Labelling:
    if labelling.count > MAX_IMAGES:
        raise UsageError(
            f"{labelling.count:,} images are more than one call draws ({MAX_IMAGES:,}); draw them in chunks, by --seed"
        )
    return labelling


def _label(written: str, part: str, class_names: Sequence[str]) -> int:
    """The class of that name or, where none has it, of that index: in "1-9" as in "1"."""
    label = class_names.index(written) if written in class_names else int(written)
    if label >= len(class_names):
        raise UsageError(f"{part}: this model has {len(class_names)} classes, 0 to {len(class_names) - 1}")
    return label
