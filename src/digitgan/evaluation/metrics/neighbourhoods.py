"""Precision, recall, density and coverage from k-nearest-neighbour balls, and the nearest training image of each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.evaluation.metrics.frechet import Features, Vector
from digitgan.images import shared_tensor

DISTANCE_ROWS = 1000
"""The number of rows of the distance matrix held in memory at once."""


@final
@dataclass(frozen=True)
class Neighbourhoods:
    """The neighbourhood relations between real and generated images.

    The neighbourhood of an image is the ball around it whose radius is the distance to its k-th nearest neighbour in its set.

    Attributes:
        neighbours: k, the number of neighbours.
        within: (generated,), the number of real images whose neighbourhood contains the generated image.
        covered: (real,), whether the neighbourhood of the real image contains a generated image.
        recalled: (real,), whether the neighbourhood of a generated image contains the real image.
    """

    neighbours: int
    within: npt.NDArray[np.int64]
    covered: npt.NDArray[np.bool_]
    recalled: npt.NDArray[np.bool_]

    @property
    def precision(self) -> float:
        """The fraction of generated images inside a real image's neighbourhood (Kynkäänniemi et al. 2019, equation 2)."""
        return float((self.within > 0).mean())

    @property
    def recall(self) -> float:
        """The fraction of real images inside a generated image's neighbourhood: precision with the sets exchanged."""
        return float(self.recalled.mean())

    @property
    def density(self) -> float:
        """The mean number of real neighbourhoods that contain a generated image, divided by k (Naeem et al. 2020, equation 5).

        It is 1 on average for two samples of the same distribution, and can exceed 1.
        """
        return float(self.within.mean()) / self.neighbours

    @property
    def coverage(self) -> float:
        """The fraction of real images with a generated image in their neighbourhood (Naeem et al. 2020, equation 6)."""
        return float(self.covered.mean())


def neighbourhoods(
    real: Features, drawn: Features, neighbours: int, around: tuple[Vector, Vector] | None = None
) -> Neighbourhoods:
    """Compute the neighbourhood relations between real and generated images.

    The metrics depend on the numbers of images: compare values only for the same numbers.

    Args:
        real: the features of real images, (n, width), more than `neighbours` rows.
        drawn: the features of generated images, (m, width), more than `neighbours` rows.
        neighbours: k, the number of neighbours.
        around: the `radii` of both sets; computed if None.
    """
    around_real, around_drawn = around or (radii(real, neighbours), radii(drawn, neighbours))
    within = np.zeros(len(drawn), dtype=np.int64)
    covered, recalled = np.zeros(len(real), dtype=bool), np.zeros(len(real), dtype=bool)
    for start in range(0, len(drawn), DISTANCE_ROWS):
        rows = slice(start, start + DISTANCE_ROWS)
        distances = squared_distances(drawn[rows], real)
        inside = distances <= around_real
        within[rows] = inside.sum(axis=1)
        covered |= inside.any(axis=0)
        recalled |= (distances <= around_drawn[rows, None]).any(axis=0)
    return Neighbourhoods(neighbours, within, covered, recalled)


def radii(features: Features, neighbours: int) -> Vector:
    """Return the squared distance (n,) from each row to its k-th nearest neighbour, for k = `neighbours`."""
    found = np.empty(len(features))
    for start in range(0, len(features), DISTANCE_ROWS):
        rows = slice(start, start + DISTANCE_ROWS)
        # Index 0 is the row itself, at distance 0.
        found[rows] = np.partition(squared_distances(features[rows], features), neighbours, axis=1)[:, neighbours]
    return found


def squared_distances(rows: Features, columns: Features) -> Features:
    """Return the squared distances (n, m), in float64, between rows (n, width) and columns (m, width)."""
    rows, columns = rows.astype(np.float64), columns.astype(np.float64)
    squares = (rows**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1) - 2 * rows @ columns.T
    clipped: Features = squares.clip(min=0)
    return clipped


Pixels = npt.NDArray[np.uint8]
"""Images as uint8 (n, …), flattened or not."""


@final
@dataclass(frozen=True)
class Nearest:
    """The nearest neighbours of images in a set.

    Attributes:
        distances: (n,), the root mean squared difference of the pixels, in levels of 255.
        indices: (n,), the index of the nearest image in the set.
    """

    distances: Vector
    indices: npt.NDArray[np.int64]


def nearest_images(images: Pixels, among: Pixels) -> Nearest:
    """Find the nearest image of a set for each image, by the distance of the pixels.

    Args:
        images: (n, …), the images.
        among: (m, …), the set to search, with images of the same size.
    """
    rows, columns = (shared_tensor(pixels.reshape(len(pixels), -1)) for pixels in (images, among))
    indices = torch.zeros(len(rows), dtype=torch.int64)
    least = torch.full((len(rows),), torch.inf)
    for start in range(0, len(columns), 4 * DISTANCE_ROWS):
        part = columns[start : start + 4 * DISTANCE_ROWS].float()
        lengths = part.square().sum(dim=1)
        for first in range(0, len(rows), DISTANCE_ROWS):
            place = slice(first, first + DISTANCE_ROWS)
            # The squared length of the row is left out: it is the same for the whole set.
            found, index = torch.addmm(lengths, rows[place].float(), part.T, alpha=-2).min(dim=1)
            better = found < least[place]
            least[place] = torch.where(better, found, least[place])
            indices[place] = torch.where(better, index + start, indices[place])
    chosen = indices.numpy()
    # Integers make the distance of a copy exactly 0; float32 rounds.
    differences = rows.numpy().astype(np.int32) - columns.numpy()[chosen].astype(np.int32)
    return Nearest(np.sqrt((differences.astype(np.float64) ** 2).mean(axis=1)), chosen)
