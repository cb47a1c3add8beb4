"""Every figure by which images are compared with real ones: one table, and what it is computed from."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt

from digitgan import rng
from digitgan.evaluation.classifier import FEATURES
from digitgan.evaluation.metrics import (
    ClassificationSummary,
    FeatureMoments,
    Interval,
    Neighbourhoods,
    frechet_distance,
    interval,
    kernel_distance,
    neighbourhoods,
)
from digitgan.evaluation.metrics.kernel import BLOCK
from digitgan.evaluation.summary import NEIGHBOURS, Summary

MIN_IMAGES: Final = 100
"""Of fewer images than this nothing is said."""

NORMAL_95: Final = 1.96
"""A normal variable is within so many standard deviations of its mean 95 times of 100."""


@final
@dataclass(frozen=True)
class Comparison:
    """A set of images beside a set of real ones."""

    images: Summary
    real: Summary

    @functools.cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """Of the samples of both."""
        around = self.real.radii, self.images.radii
        return neighbourhoods(self.real.features, self.images.features, NEIGHBOURS, around)


@final
@dataclass(frozen=True)
class Metric:
    """A figure by which images are compared with real ones.

    Attributes:
        name: in JSON.
        title: in reports.
        meaning: a sentence for whoever has not met it.
        better: which direction is.
        needs: images on each side, at least.
        by_class: whether the images have to have been asked for by class.
        of: the figure with its interval.
    """

    name: str
    title: str
    meaning: str
    better: Literal["higher", "lower"]
    needs: int
    by_class: bool
    of: Callable[[Comparison], Interval]


def per_class_frechet(compared: Comparison) -> list[float | None]:
    """The Fréchet distance of each class's images; None for a class with too few for a covariance of full rank."""
    pairs = zip(compared.images.by_class, compared.real.by_class, strict=True)
    return [frechet_distance(*pair) if min(side.count for side in pair) > FEATURES else None for pair in pairs]


def _of_answers(metric: Callable[[ClassificationSummary], float]) -> Callable[[Comparison], Interval]:
    def of(compared: Comparison) -> Interval:
        groups = compared.images.classification
        return interval(len(groups), lambda weights: metric(ClassificationSummary.weighted(groups, weights)))

    return of


def _frechet(compared: Comparison) -> Interval:
    groups, real = compared.images.moments, compared.real.moments
    all_real = FeatureMoments.weighted(real, np.ones(len(real)))
    return interval(len(groups), lambda weights: frechet_distance(FeatureMoments.weighted(groups, weights), all_real))


def _kernel(compared: Comparison) -> Interval:
    # In blocks, which are to be like the whole: images often come class by class.
    real, images = (
        side.features[rng.permutation(0, "kernel blocks", 0, len(side.features))] for side in (compared.real, compared.images)
    )
    found = kernel_distance(real, images)
    # The blocks are independent of each other, and their mean is nearly normal.
    reach = NORMAL_95 * (found.error or 0.0)
    return Interval(found.value, found.value - reach, found.value + reach)


def _of_neighbourhoods(values: Callable[[Neighbourhoods], npt.NDArray[Any]]) -> Callable[[Comparison], Interval]:
    def of(compared: Comparison) -> Interval:
        found = values(compared.neighbourhoods).astype(np.float64)
        return interval(len(found), lambda weights: float(weights @ found) / len(found))

    return of


METRICS: Final = (
    Metric(
        name="class_accuracy",
        title="Class accuracy",
        meaning="share of the images that the classifier assigns to the class asked for",
        better="higher",
        needs=MIN_IMAGES,
        by_class=True,
        of=_of_answers(lambda classification: classification.accuracy),
    ),
    Metric(
        name="frechet_distance",
        title="Fréchet distance",
        meaning="how far mean and covariance of the classifier's features are from the real images' (Heusel et al. 2017)",
        better="lower",
        needs=FEATURES + 1,
        by_class=False,
        of=_frechet,
    ),
    Metric(
        name="kernel_distance",
        title="Kernel distance",
        meaning="the same by a cubic kernel, and free of bias, so that it may fall below 0 by chance (Bińkowski et al. 2018)",
        better="lower",
        needs=2 * BLOCK,
        by_class=False,
        of=_kernel,
    ),
    Metric(
        name="precision",
        title="Precision",
        meaning="share of the images that look like some real one (Kynkäänniemi et al. 2019)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.within > 0),
    ),
    Metric(
        name="recall",
        title="Recall",
        meaning="share of the real images that look like some of these (Kynkäänniemi et al. 2019)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.recalled),
    ),
    Metric(
        name="density",
        title="Density",
        meaning="how many real images these stand beside; 1 for real ones (Naeem et al. 2020)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.within / found.neighbours),
    ),
    Metric(
        name="coverage",
        title="Coverage",
        meaning="share of the real images that have one of these beside them; low where kinds are missing (Naeem et al. 2020)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.covered),
    ),
    Metric(
        name="inception_score",
        title="Inception score",
        meaning="confidence in one class per image and variety over images (Salimans et al. 2016), by the classifier",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_answers(lambda classification: classification.inception_score),
    ),
    Metric(
        name="class_balance",
        title="Class balance",
        meaning="Jensen-Shannon divergence, in nats, of the predicted classes from the classes asked for; 0 where they agree",
        better="lower",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_answers(lambda classification: classification.class_balance),
    ),
)
"""Every figure there is; a new one is a new entry."""
