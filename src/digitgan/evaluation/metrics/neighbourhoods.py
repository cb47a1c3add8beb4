"""Precision, recall, density and coverage: what lies in whose neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.evaluation.metrics.interface import Features, Vector

BLOCK = 1000
"""Rows of a distance matrix that are in memory at once."""


@final
@dataclass(frozen=True)
class Neighbourhoods:
    """What two sets have to do with each other's neighbourhoods.

    An image's neighbourhood is the ball around it that reaches to its k-th nearest other image of its own set.

    Attributes:
        neighbours: k.
        within: (drawn,), in how many real images' neighbourhoods each drawn one lies.
        covered: (real,), whether some drawn image lies in the neighbourhood of each real one.
        recalled: (real,), whether each real image lies in the neighbourhood of some drawn one.
    """

    neighbours: int
    within: npt.NDArray[np.int64]
    covered: npt.NDArray[np.bool_]
    recalled: npt.NDArray[np.bool_]

    @property
    def precision(self) -> float:
        """The share of drawn images in some real one's neighbourhood (Kynkäänniemi et al. 2019, equation 2)."""
        return float((self.within > 0).mean())

    @property
    def recall(self) -> float:
        """The share of real images in some drawn one's neighbourhood (the same with the sets exchanged)."""
        return float(self.recalled.mean())

    @property
    def density(self) -> float:
        """How many real neighbourhoods a drawn image lies in, over k (Naeem et al. 2020, equation 5).

        1 on average for two sets of one distribution; more is possible.
        """
        return float(self.within.mean()) / self.neighbours

    @property
    def coverage(self) -> float:
        """The share of real images with a drawn one in their neighbourhood (Naeem et al. 2020, equation 6)."""
        return float(self.covered.mean())


def neighbourhoods(
    real: Features, drawn: Features, neighbours: int, around: tuple[Vector, Vector] | None = None
) -> Neighbourhoods:
    """Compare two sets of features by their neighbourhoods.

    All that follows from it depends on how many images there are: compare only figures of the same numbers.

    Args:
        real: (n, width), more than `neighbours` rows.
        drawn: (m, width), likewise.
        neighbours: k.
        around: `radii` of both, where they are known already.
    """
    around_real, around_drawn = around or (radii(real, neighbours), radii(drawn, neighbours))
    within = np.zeros(len(drawn), dtype=np.int64)
    covered, recalled = np.zeros(len(real), dtype=bool), np.zeros(len(real), dtype=bool)
    for start in range(0, len(drawn), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = squared_distances(drawn[rows], real)
        inside = distances <= around_real
        within[rows] = inside.sum(axis=1)
        covered |= inside.any(axis=0)
        recalled |= (distances <= around_drawn[rows, None]).any(axis=0)
    return Neighbourhoods(neighbours, within, covered, recalled)


def radii(features: Features, neighbours: int) -> Vector:
    """The squared distance from each row to its k-th nearest other one, (n,)."""
    found = np.empty(len(features))
    for start in range(0, len(features), BLOCK):
        rows = slice(start, start + BLOCK)
        # The nearest is the row itself, at distance 0.
        found[rows] = np.partition(squared_distances(features[rows], features), neighbours, axis=1)[:, neighbours]
    return found


def squared_distances(rows: Features, columns: Features) -> Features:
    """(n, m) in float64, from (n, width) and (m, width)."""
    rows, columns = rows.astype(np.float64), columns.astype(np.float64)
    squares = (rows**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1) - 2 * rows @ columns.T
    clipped: Features = squares.clip(min=0)
    return clipped
