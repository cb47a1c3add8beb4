"""Bootstrap confidence intervals (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from digitgan import rng
from digitgan.evaluation.metrics.frechet import Vector

RESAMPLES = 200
CONFIDENCE = 0.95


@final
@dataclass(frozen=True)
class Interval:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def interval(count: int, statistic: Callable[[Vector], float], seed: int = 0) -> Interval:
    """Compute a statistic and its bootstrap confidence interval.

    This is the percentile interval, shifted by the mean bias of the resamples and clipped at 0. A resample has fewer distinct
    images than the sample, which alone increases a metric such as the Fréchet distance. The shift removes this bias. It is 0
    on average for unbiased statistics such as fractions.

    Args:
        count: the number of items to resample with replacement: images, or groups of images.
        statistic: a function of weights (count,), the number of times each item is taken. The sample itself has all ones.
            Its value must not be negative.
        seed: the seed of the resampling.
    """

    from scipy import stats  # imported here, since it takes half a second, also of a training that needs no interval

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
