"""How sure a figure is: the bootstrap (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import stats

from digitgan import rng
from digitgan.evaluation.metrics.interface import Vector

RESAMPLES = 200
CONFIDENCE = 0.95


@final
@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval of 95 %."""

    value: float
    low: float
    high: float


def interval(count: int, statistic: Callable[[Vector], float], seed: int = 0) -> Interval:
    """A figure with its interval, found by asking for it again with things left out and others taken twice.

    It is the percentile interval, moved by as much as the resamples are off on average. A resample has fewer different images
    than the sample, which alone pushes a figure like the Fréchet distance up; that is no part of how far it may vary. For
    figures that are not pushed, as all shares, nothing is moved.

    Args:
        count: of things that are drawn from with replacement: images, or groups of images.
        statistic: of weights (count,), how often each was taken; the sample itself is all ones. Never negative.
        seed: of the resampling.
    """

    def of_sample(indices: Vector) -> float:
        return statistic(np.bincount(indices.astype(np.int64), minlength=count).astype(np.float64))

    value = statistic(np.ones(count))
    resampled = stats.bootstrap(
        (np.arange(count),),
        of_sample,
        n_resamples=RESAMPLES,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(rng.torch_seed(seed, "bootstrap")),
    ).bootstrap_distribution
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]) - resampled.mean() + value
    return Interval(value, max(0.0, float(low)), float(high))
