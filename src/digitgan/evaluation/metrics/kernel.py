"""The kernel distance, also called kernel Inception distance (KID)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from digitgan.evaluation.metrics.frechet import Features

KERNEL_BLOCK_SIZE = 1000
"""The number of images of each set in one estimate, as in Bińkowski et al. (2018)."""


@final
@dataclass(frozen=True)
class Estimate:
    """An estimate with its standard error.

    Attributes:
        value: the estimate.
        error: its standard error; None if it cannot be estimated.
    """

    value: float
    error: float | None


def squared_mean_discrepancy(first: Features, second: Features) -> float:
    """Compute the unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3).

    The kernel is the cubic kernel of Bińkowski et al. (2018): k(x, y) = (x·y / width + 1)³.

    Args:
        first: (n, width), at least 2 rows.
        second: (m, width), at least 2 rows.

    Returns:
        The estimate. It is 0 on average for samples of the same distribution and may be slightly negative.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    return _mean_of_pairs(one) + _mean_of_pairs(other) - 2 * float(_kernel(one, other).mean())


def kernel_distance(first: Features, second: Features, block: int = KERNEL_BLOCK_SIZE) -> Estimate:
    """Compute the kernel distance (Bińkowski et al. 2018) as the mean over disjoint blocks of both sets.

    Args:
        first: (n, width), at least `block` rows.
        second: (m, width), at least `block` rows.
        block: the number of rows of each set in a block.

    Returns:
        The mean and its standard error. The blocks are independent, so the error is their standard deviation divided by the
        square root of their number. It is None for a single block.
    """
    blocks = min(len(first), len(second)) // block
    found = [
        squared_mean_discrepancy(first[start : start + block], second[start : start + block])
        for start in range(0, blocks * block, block)
    ]
    error = float(np.std(found, ddof=1)) / math.sqrt(blocks) if blocks > 1 else None
    return Estimate(float(np.mean(found)), error)


def _kernel(first: Features, second: Features) -> Features:
    cubic: Features = (first @ second.T / first.shape[1] + 1) ** 3
    return cubic


def _mean_of_pairs(features: Features) -> float:
    """Return the mean of the kernel over all pairs of different rows."""
    values, count = _kernel(features, features), len(features)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))
