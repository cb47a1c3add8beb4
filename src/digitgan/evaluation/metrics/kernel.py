"""The kernel distance (KID)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from digitgan.evaluation.metrics.interface import Features

BLOCK = 1000
"""Images on each side of one estimate, as Bińkowski et al. have it."""


@final
@dataclass(frozen=True)
class Estimate:
    """A number and how sure it is.

    Attributes:
        value: the number.
        error: its standard error; None where there is no telling.
    """

    value: float
    error: float | None


def squared_mean_discrepancy(first: Features, second: Features) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3).

    The kernel is the cubic one of Bińkowski et al. (2018): k(x, y) = (x·y / width + 1)³.

    Args:
        first: (n, width), at least 2 rows.
        second: (m, width), likewise.

    Returns:
        0 on average for sets of one distribution; as an unbiased estimate it may be slightly negative.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    return _mean_of_pairs(one) + _mean_of_pairs(other) - 2 * float(_kernel(one, other).mean())


def kernel_distance(first: Features, second: Features, block: int = BLOCK) -> Estimate:
    """The kernel distance (Bińkowski et al. 2018), as the mean over disjoint blocks of both sets.

    Args:
        first: (n, width), at least `block` rows.
        second: (m, width), likewise.
        block: rows of each that are compared with each other.

    Returns:
        The mean, with its standard error: the blocks are independent, so it is their spread over the root of their number; none
        for a single block.
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
    """The kernel's mean over all pairs of different rows."""
    values, count = _kernel(features, features), len(features)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))
