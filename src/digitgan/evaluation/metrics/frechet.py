"""Moments of features, summed up in one pass, and the Fréchet distance between two sets of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.evaluation.metrics.interface import Features, Vector


@final
@dataclass(frozen=True)
class FeatureMoments:
    """Count, sum and sum of outer products, in float64: all that a mean and a covariance need, in memory that never grows.

    Attributes:
        count: of vectors.
        total: (width,), their sum.
        products: (width, width), the sum of their outer products.
    """

    count: int
    total: Vector
    products: npt.NDArray[np.float64]

    @staticmethod
    def none(width: int) -> FeatureMoments:
        """Those of no vectors at all."""
        return FeatureMoments(0, np.zeros(width), np.zeros((width, width)))

    @staticmethod
    def of(features: Features) -> FeatureMoments:
        """Those of vectors (n, width)."""
        exact = features.astype(np.float64)
        return FeatureMoments(len(exact), exact.sum(axis=0), exact.T @ exact)

    def __add__(self, other: FeatureMoments) -> FeatureMoments:
        """Those of both sets together."""
        return FeatureMoments(self.count + other.count, self.total + other.total, self.products + other.products)

    @staticmethod
    def weighted(groups: Sequence[FeatureMoments], weights: Vector) -> FeatureMoments:
        """Those of groups together, each taken as often as its weight says."""
        return FeatureMoments(
            int(sum(weight * group.count for group, weight in zip(groups, weights, strict=True))),
            np.tensordot(weights, [group.total for group in groups], axes=1),
            np.tensordot(weights, [group.products for group in groups], axes=1),
        )

    @property
    def mean(self) -> Vector:
        """(width,)."""
        return self.total / self.count

    @property
    def covariance(self) -> npt.NDArray[np.float64]:
        """(width, width), unbiased."""
        mean = self.mean
        return (self.products - self.count * np.outer(mean, mean)) / (self.count - 1)


def frechet_distance(first: FeatureMoments, second: FeatureMoments) -> float:
    """The Fréchet distance between normal distributions of these moments (Heusel et al. 2017, equation 6).

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is the sum of the roots of the eigenvalues of C1 C2,
    which are those of the symmetric S C2 S with S the root of C1: no general matrix root is needed, and no complex number comes
    up.

    Args:
        first: of at least 2 vectors.
        second: likewise, of the same width.

    Returns:
        d², 0 for equal moments.
    """
    between = first.mean - second.mean
    one, other = first.covariance, second.covariance
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum()
    return max(0.0, float(between @ between + np.trace(one) + np.trace(other) - 2 * cross))
