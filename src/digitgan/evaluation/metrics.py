"""How near drawn images come to real ones, as pure functions of feature vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
"""(n, width): one vector an image."""

BLOCK = 1000
"""Rows of a distance matrix that are in memory at once."""


def frechet_distance(first: Features, second: Features) -> float:
    """The Fréchet distance between normal distributions fitted to two sets of features (Heusel et al. 2017, equation 6).

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is the sum of the roots of the eigenvalues of C1 C2,
    which are those of the symmetric S C2 S with S the root of C1: no general matrix root is needed.

    Args:
        first: (n, width), at least 2 rows.
        second: (m, width), likewise.

    Returns:
        d², 0 for equal moments.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    between = first.mean(axis=0) - second.mean(axis=0)
    one, other = (np.cov(features, rowvar=False).reshape(features.shape[1], -1) for features in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum()
    return max(0.0, float(between @ between + np.trace(one) + np.trace(other) - 2 * cross))


def coverage(real: Features, drawn: Features, neighbours: int = 5) -> float:
    """The share of real images that have a drawn one in their neighbourhood (Naeem et al. 2020, equation 6).

    A real image's neighbourhood is the ball around it that reaches to its k-th nearest other real image.

    Args:
        real: (n, width), more than `neighbours` rows.
        drawn: (m, width).
        neighbours: k.

    Returns:
        0 to 1.
    """
    covered = 0
    for start in range(0, len(real), BLOCK):
        rows = real[start : start + BLOCK]
        # The nearest real image is the image itself, at distance 0.
        radii = np.partition(_squared_distances(rows, real), neighbours, axis=1)[:, neighbours]
        covered += int((_squared_distances(rows, drawn).min(axis=1) <= radii).sum())
    return covered / len(real)


def _squared_distances(rows: Features, columns: Features) -> npt.NDArray[np.float64]:
    rows, columns = rows.astype(np.float64), columns.astype(np.float64)
    squares = (rows**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1) - 2 * rows @ columns.T
    result: npt.NDArray[np.float64] = squares.clip(min=0)
    return result
