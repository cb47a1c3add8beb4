"""Memorisation: how near drawn images come to the images that were trained on, and whether that is nearer than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.evaluation.metrics.interface import Vector

BLOCK = 1000

Pixels = npt.NDArray[np.uint8]
"""uint8 (n, …): images, flattened or not."""


@final
@dataclass(frozen=True)
class Nearest:
    """The nearest image of a set, for each of some others.

    Attributes:
        distances: (n,), root of the mean squared difference of the pixels, in levels of 255.
        indices: (n,), which image of the set it is.
    """

    distances: Vector
    indices: npt.NDArray[np.int64]


def nearest_images(images: Pixels, among: Pixels) -> Nearest:
    """For each image the nearest of a set, by its pixels.

    Args:
        images: (n, …).
        among: (m, …), of the same size.
    """
    rows, columns = (torch.from_numpy(pixels.reshape(len(pixels), -1)) for pixels in (images, among))
    indices = torch.zeros(len(rows), dtype=torch.int64)
    least = torch.full((len(rows),), torch.inf)
    for start in range(0, len(columns), 4 * BLOCK):
        part = columns[start : start + 4 * BLOCK].float()
        lengths = part.square().sum(dim=1)
        for first in range(0, len(rows), BLOCK):
            place = slice(first, first + BLOCK)
            # Without the row's own length, which is the same for all of the set.
            found, index = torch.addmm(lengths, rows[place].float(), part.T, alpha=-2).min(dim=1)
            better = found < least[place]
            least[place] = torch.where(better, found, least[place])
            indices[place] = torch.where(better, index + start, indices[place])
    chosen = indices.numpy()
    # Once more in whole numbers: a copy is to be found at distance 0, whatever float32 rounded.
    differences = rows.numpy().astype(np.int32) - columns.numpy()[chosen].astype(np.int32)
    return Nearest(np.sqrt((differences.astype(np.float64) ** 2).mean(axis=1)), chosen)
