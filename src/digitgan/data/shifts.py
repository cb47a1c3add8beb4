"""Random shifts and mirroring of real images, for the training of classifiers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digitgan import rng
from digitgan.data.loader import Batch, to_device
from digitgan.images import to_network

Positions = npt.NDArray[np.int64]

SHIFT_SHARE: Final = 1 / 16
"""Largest random shift of an image, as a share of the side: 2 pixels of 32."""


def shifted_and_mirrored(batch: Batch, seed: int, purpose: str, step: int, *, mirror: bool) -> Tensor:
    """Return the images of a batch, each moved by random numbers of pixels and, if `mirror` is set, half of them mirrored.

    Pixels beyond the border are those inside of it, reflected.

    Args:
        batch: images and labels.
        seed: seed of the random numbers.
        purpose: name of the random numbers, see `rng.words`.
        step: number of earlier batches of this size.
        mirror: whether half of the images are mirrored from left to right.

    Returns:
        Images (n, channels, height, width) in [-1, 1].
    """
    count, _, height, width = batch.images.shape
    words = rng.words(seed, purpose, step * count, count, 3)
    down, right = (_shifts(words[:, place], side) for place, side in enumerate((height, width)))
    mirrored = (words[:, 2] & np.uint64(1)).astype(bool) & mirror
    device = batch.images.device
    rows, columns = reflected(to_device(down, device), height), reflected(to_device(right, device), width)
    columns = torch.where(to_device(mirrored, device)[:, None], columns.flip(1), columns)
    numbers = torch.arange(count, device=device)[:, None, None]
    taken = batch.images[numbers, :, rows[:, :, None], columns[:, None, :]]
    return to_network(taken.permute(0, 3, 1, 2))


def _shifts(words: npt.NDArray[np.uint64], side: int) -> Positions:
    """Return random shifts of at most `SHIFT_SHARE` of a side, in pixels."""
    furthest = max(1, round(SHIFT_SHARE * side))
    return (words % np.uint64(2 * furthest + 1)).astype(np.int64) - furthest


def reflected(shifts: Tensor, length: int) -> Tensor:
    """Return the positions (n, length) from which lines that are moved by `shifts` (n,) take their pixels.

    Positions outside are reflected inside. A shift must be less than the length.
    """
    places = (torch.arange(length, device=shifts.device) - shifts[:, None]).abs()
    return torch.minimum(places, 2 * (length - 1) - places)
