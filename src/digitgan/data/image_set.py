"""The image set: labelled images in memory, the common form of all data sources."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, final

import numpy as np
import numpy.typing as npt

from digitgan.errors import DataError, UsageError, nearest

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

UNLABELLED = "image"
"""The class name of images without labels."""


@final
@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, labels and class names.

    Attributes:
        images: uint8, (n, height, width) for grey images or (n, height, width, channels) with 1 or 3 channels.
        labels: int64 (n,), each in [0, len(class_names)).
        class_names: one name for each class, in the order of the labels.
        name: the name of the image set in messages and records, such as "mnist (train)".
        notes: what was ignored, guessed or converted when the images were read, one line each.

    Raises:
        DataError: if an array has the wrong type or shape, the arrays differ in length or are empty, or a label has no class.
    """

    images: Pixels
    labels: Labels
    class_names: tuple[str, ...]
    name: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8:
            raise DataError(f"{self.name}: images are {self.images.dtype}, they must be uint8 (0 to 255)")
        if self.images.ndim not in (3, 4):
            raise DataError(
                f"{self.name}: images have shape {self.images.shape}; "
                "it must be (n, height, width) or (n, height, width, channels)"
            )
        if self.images.ndim == 4 and self.images.shape[3] not in (1, 3):
            raise DataError(f"{self.name}: images have {self.images.shape[3]} channels; they must have 1 (grey) or 3 (RGB)")
        if len(self.images) == 0:
            raise DataError(f"{self.name}: holds no images")
        if self.labels.dtype != np.int64 or self.labels.ndim != 1:
            raise DataError(f"{self.name}: labels are {self.labels.dtype} {self.labels.shape}; they must be int64 (n,)")
        if len(self.images) != len(self.labels):
            raise DataError(f"{self.name}: {len(self.images)} images but {len(self.labels)} labels; the numbers must be equal")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= len(self.class_names):
            wrong = low if low < 0 else high
            classes = len(self.class_names)
            raise DataError(f"{self.name}: label {wrong} is outside the {classes} classes (0 to {classes - 1})")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image: (channels, height, width)."""
        height, width = self.images.shape[1:3]
        return (self.images.shape[3] if self.images.ndim == 4 else 1, height, width)

    @property
    def counts(self) -> list[int]:
        """The number of images of each class, in the order of the class names."""
        return [int(count) for count in np.bincount(self.labels, minlength=len(self.class_names))]

    def unlabelled(self) -> ImageSet:
        """Return the same images as a single class, `UNLABELLED`."""
        return ImageSet(self.images, np.zeros_like(self.labels), (UNLABELLED,), self.name, self.notes)

    def limited(self, per_class: int) -> ImageSet:
        """Return the first `per_class` images of each class, in their order.

        Raises:
            DataError: if a class has fewer images.
        """
        least = min(self.counts)
        if least < per_class:
            raise DataError(
                f"{self.name}: class {self.class_names[self.counts.index(least)]!r} has {least:,} images, fewer than "
                f"--per-class-limit {per_class}; {f'use {least} or less' if least else 'leave the option out'}"
            )
        of_each = [np.flatnonzero(self.labels == label)[:per_class] for label in range(len(self.class_names))]
        kept = np.sort(np.concatenate(of_each))
        name = f"{self.name}, first {per_class} of each class"
        return ImageSet(self.images[kept], self.labels[kept], self.class_names, name, self.notes)

    @cached_property
    def content_hash(self) -> str:
        """The SHA-256 of pixels, labels, shape and class names. It does not depend on the data source or its format."""
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


Split = Literal["train", "test"]

SPLITS: tuple[Split, ...] = ("train", "test")


def check_split(name: str) -> Split:
    """Return `name` as a split.

    Raises:
        UsageError: if it is neither "train" nor "test".
    """
    for split in SPLITS:
        if name == split:
            return split
    raise UsageError(f"unknown split {name!r}: {nearest(name, SPLITS)}")
