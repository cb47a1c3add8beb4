"""The Fréchet distance, and the feature moments that it is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
"""Feature vectors (n, width), one for each image."""

Vector = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class FeatureMoments:
    """The sums for the mean and covariance of feature vectors, in float64 and in constant memory.

    Attributes:
        count: the number of vectors.
        total: (width,), the sum of the vectors.
        products: (width, width), the sum of their outer products.
    """

    count: int
    total: Vector
    products: npt.NDArray[np.float64]

    @staticmethod
    def none(width: int) -> FeatureMoments:
        """Return the moments of an empty set of vectors."""
        return FeatureMoments(0, np.zeros(width), np.zeros((width, width)))

    @staticmethod
    def of(features: Features) -> FeatureMoments:
        """Return the moments of vectors (n, width)."""
        exact = features.astype(np.float64)
        return FeatureMoments(len(exact), exact.sum(axis=0), exact.T @ exact)

    def __add__(self, other: FeatureMoments) -> FeatureMoments:
        """Return the moments of the union of both sets."""
        return FeatureMoments(self.count + other.count, self.total + other.total, self.products + other.products)

    @staticmethod
    def weighted(groups: Sequence[FeatureMoments], weights: Vector) -> FeatureMoments:
        """Return the moments of several groups, each counted as many times as its weight."""
        return FeatureMoments(
            int(sum(weight * group.count for group, weight in zip(groups, weights, strict=True))),
            np.tensordot(weights, [group.total for group in groups], axes=1),
            np.tensordot(weights, [group.products for group in groups], axes=1),
        )

    @property
    def mean(self) -> Vector:
        """The mean, (width,)."""
        return self.total / self.count

    @property
    def covariance(self) -> npt.NDArray[np.float64]:
        """The unbiased covariance, (width, width)."""
        mean = self.mean
        return (self.products - self.count * np.outer(mean, mean)) / (self.count - 1)


def frechet_distance(first: FeatureMoments, second: FeatureMoments) -> float:
    """Compute the Fréchet distance between normal distributions with these moments (Heusel et al. 2017, equation 6).

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is the sum of the square roots of the eigenvalues of
    C1 C2. These equal the eigenvalues of the symmetric matrix S C2 S, where S is the square root of C1. No general matrix root
    and no complex numbers are needed.

    Args:
        first: the moments of at least 2 vectors.
        second: the moments of at least 2 vectors of the same width.

    Returns:
        d², which is 0 for equal moments.
    """
    between = first.mean - second.mean
    one, other = first.covariance, second.covariance
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum()
    return max(0.0, float(between @ between + np.trace(one) + np.trace(other) - 2 * cross))
