"""Checks of images before a training: few, uneven, equal or empty images, and images in both splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import numpy as np

from digitgan.data.image_set import ImageSet, Split
from digitgan.data.notes import listed

FEW: Final = 50
"""Number of images of a class below which a generator mostly repeats them."""

UNEVEN: Final = 10
"""Ratio of the largest to the smallest class from which the smallest are noticeably worse."""


def warnings_about(sets: Mapping[Split, ImageSet]) -> list[str]:
    """Return what about the images makes a training or its evaluation worse than it could be, one line each.

    Args:
        sets: the images of each split.
    """
    lines: list[str] = []
    hashes = {split: _hashes(images) for split, images in sets.items()}
    train = sets.get("train")
    if train is not None:
        lines += count_warnings(train)
        lines += _about_contents(train, hashes["train"])
    if len(hashes) == 2:
        both = len(set(hashes["train"]) & set(hashes["test"]))
        if both:
            lines.append(
                f"{both:,} different images are in both splits: an evaluation against the test split is too favourable"
            )
    return lines


_BALANCED: Final = {
    "none": (
        "rare classes become worse; --set training.balance=uniform shows each class equally often, square-root lies between"
    ),
    "square-root": "each is shown in proportion to the square root of its number (training.balance=square-root)",
    "uniform": "each is shown equally often, so that the few images of a rare one repeat (training.balance=uniform)",
}
"""Text about uneven classes, by the setting `training.balance`."""


def count_warnings(images: ImageSet, balance: str = "none") -> list[str]:
    """Return the warnings about the numbers of images of the classes, one line each.

    Args:
        images: the images.
        balance: the setting `training.balance` of the training.
    """
    counts = dict(zip(images.class_names, images.counts, strict=True))
    lines = []
    if few := [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEW]:
        lines.append(f"fewer than {FEW} images of {listed(few)}: the generator will mostly repeat them")
    filled = {name: count for name, count in counts.items() if count}
    if filled and max(filled.values()) >= UNEVEN * min(filled.values()):
        most, least = max(filled, key=filled.__getitem__), min(filled, key=filled.__getitem__)
        lines.append(
            f"the classes are uneven, from {filled[most]:,} images of {most} to {filled[least]:,} of {least}: "
            + _BALANCED[balance]
        )
    if empty := [name for name, count in counts.items() if not count]:
        lines.append(f"no images of {listed(empty)}: a training leaves these classes out")
    return lines


def _about_contents(images: ImageSet, hashes: list[bytes]) -> list[str]:
    lines = []
    labels_of: dict[bytes, set[int]] = {}
    for each, label in zip(hashes, images.labels.tolist(), strict=True):
        labels_of.setdefault(each, set()).add(label)
    if repeated := len(hashes) - len(labels_of):
        lines.append(f"{repeated:,} of {len(hashes):,} images {'is a copy' if repeated == 1 else 'are copies'} of others")
    if several := sum(len(labels) > 1 for labels in labels_of.values()):
        lines.append(f"{several:,} images are in several classes")
    flat = images.images.reshape(len(images), -1)
    if blank := int((flat.min(axis=1) == flat.max(axis=1)).sum()):
        lines.append(f"{blank:,} images have one colour only")
    return lines


def _hashes(images: ImageSet) -> list[bytes]:
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images.images]
