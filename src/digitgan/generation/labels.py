"""Parsing of class selections such as "0-9", and the labels of the images of a set."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.data.notes import listed
from digitgan.errors import UsageError, nearest
from digitgan.options import join_names, split_names
from digitgan.recipes import Recipe

Labels = npt.NDArray[np.int64]
"""Class indices, int64 (n,)."""

MAX_IMAGES_PER_CALL = 10_000_000_000
"""Maximum images per call. More would take days and terabytes, and is most likely a typing error."""


def check_conditional(recipe: Recipe, option: str, value: object) -> None:
    """Check that a model has classes, which an option of the command line selects.

    Args:
        recipe: Recipe of the model.
        option: The option.
        value: Its value.

    Raises:
        UsageError: If the recipe is unconditional.
    """
    if not recipe.conditional:
        raise UsageError(
            f"{option} {value}: this model has no classes, because its recipe, {recipe.name}, is unconditional; remove {option}"
        )


def parse_labels(text: str, class_names: Sequence[str], option: str = "--labels") -> list[int]:
    """Return the class indices selected by "7", "0-9", "1,3,5" or class names, in the order given.

    Args:
        text: The selection.
        class_names: Class names of the model.
        option: Option named in error messages.

    Raises:
        UsageError: If a part of the text is not a class of the model.
    """
    labels: list[int] = []
    for part in split_names(text):
        if part in class_names:
            labels.append(class_names.index(part))
        elif span := re.fullmatch(r"(\d+)\s*-\s*(\d+)", part):
            first, last = int(span[1]), int(span[2])
            if first > last:
                raise UsageError(f"{option} {text!r}: the range {part} is reversed; write {span[2]}-{span[1]}")
            labels.extend(_label(str(number), f"{option} {part}", class_names) for number in range(first, last + 1))
        elif part.isascii() and part.isdigit():
            labels.append(_label(part, f"{option} {part}", class_names))
        else:
            raise UsageError(
                f"{option} {text!r}: unknown class {part!r}; {nearest(part, class_names)}. Examples: 7, 0-9, 1,3,5"
            )
    return labels


@final
@dataclass(frozen=True)
class Labelling:
    """The label of each image of a set.

    Attributes:
        classes: Class indices, in the order of sampling.
        counts: Number of images per class.
        in_turn: True if the classes alternate, False if each class is a contiguous block. Alternation requires counts that
            differ by at most one.
    """

    classes: tuple[int, ...]
    counts: tuple[int, ...]
    in_turn: bool

    @property
    def count(self) -> int:
        """Total number of images."""
        return sum(self.counts)

    def of(self, span: range) -> Labels:
        """Return the labels of the images in `span`, which must lie within the set."""
        classes, places = np.asarray(self.classes, dtype=np.int64), np.arange(span.start, span.stop)
        if self.in_turn:
            return classes[places % len(classes)]
        return classes[np.searchsorted(np.cumsum(self.counts), places, side="right")]

    def tally(self, class_names: Sequence[str]) -> dict[str, int]:
        """Return the number of images per class name."""
        found = [0] * len(class_names)
        for label, count in zip(self.classes, self.counts, strict=True):
            found[label] += count
        return dict(zip(class_names, found, strict=True))


def spread_labels(classes: Sequence[int], *, per_class: int | None, count: int | None) -> Labelling:
    """Return the labels of the images to sample.

    Args:
        classes: Class indices.
        per_class: Number of images per class; each class is a contiguous block. Ten if `count` is also None.
        count: Total number of images; the classes alternate.

    Raises:
        UsageError: If both numbers are given, one is below 1, or the total exceeds `MAX_IMAGES_PER_CALL`.
    """
    if per_class is not None and count is not None:
        raise UsageError("--per-class, --count: mutually exclusive; give one of them")
    for option, value in (("--per-class", per_class), ("--count", count)):
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: must be 1 or more")
    if count is not None:
        rounds, rest = divmod(count, len(classes))
        return _few_enough(
            Labelling(tuple(classes), tuple(rounds + (turn < rest) for turn in range(len(classes))), in_turn=True)
        )
    return _few_enough(Labelling(tuple(classes), (per_class or 10,) * len(classes), in_turn=False))


def weighted_labels(text: str, class_names: Sequence[str], count: int) -> Labelling:
    """Return labels in given proportions; each class is a contiguous block.

    Args:
        text: Weights such as "0:3,1:1": three times as many images of class 0 as of class 1, and none of the other classes.
        class_names: Class names of the model.
        count: Total number of images, met exactly. Rounding follows the largest-remainder method.

    Raises:
        UsageError: If the text cannot be parsed, a class occurs twice, or a class would get no image.
    """
    wanted: dict[int, float] = {}
    for part in split_names(text):
        name, colon, written = part.rpartition(":")
        try:
            weight = float(written)
        except ValueError:
            weight = math.nan
        if not colon or not 0 < weight < math.inf:
            raise UsageError(f"--weights {text!r}: {part!r} must be CLASS:WEIGHT with a positive weight, as in 0:3,1:1")
        for label in parse_labels(join_names([name]), class_names, option="--weights"):
            if label in wanted:
                raise UsageError(f"--weights {text!r}: class {class_names[label]} occurs twice; give it one weight")
            wanted[label] = weight
    shares = [count * weight / sum(wanted.values()) for weight in wanted.values()]
    counts = [math.floor(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda place: counts[place] - shares[place])
    for place in by_remainder[: count - sum(counts)]:
        counts[place] += 1
    none = [class_names[label] for label, each in zip(wanted, counts, strict=True) if not each]
    if none:
        raise UsageError(f"--weights {text!r}: {count:,} images leave none for class {', '.join(none)}; increase --count")
    return _few_enough(Labelling(tuple(wanted), tuple(counts), in_turn=False))


def _few_enough(labelling: Labelling) -> Labelling:
    if labelling.count > MAX_IMAGES_PER_CALL:
        raise UsageError(
            f"{labelling.count:,} images: at most {MAX_IMAGES_PER_CALL:,} per call; split them over several calls with "
            "different --seed"
        )
    return labelling


def _label(written: str, part: str, class_names: Sequence[str]) -> int:
    """Return the class of that name or, if the class names are no numbers, of that index."""
    if written in class_names:
        return class_names.index(written)
    if all(name.isascii() and name.isdigit() for name in class_names):
        if (numbers := [int(name) for name in class_names]).count(int(written)) == 1:
            return numbers.index(int(written))
        # An index would be another class: of classes 1 to 12, class 0 is none, and not the first one.
        raise UsageError(f"{part}: {written} is not a class of this model; its classes are {', '.join(class_names)}")
    if int(written) >= len(class_names):
        indices = f"0 to {len(class_names) - 1}" if len(class_names) > 1 else "0, its only class"
        raise UsageError(
            f"{part}: is not a class of this model; its classes are {listed(list(class_names))}, or by number {indices}"
        )
    return int(written)
