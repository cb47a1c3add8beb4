"""The table of metrics that compare images with real images, and their computation from summaries."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt

from digitgan import rng
from digitgan.data.notes import listed
from digitgan.evaluation.classifier_networks import FEATURES
from digitgan.evaluation.metrics import (
    ClassificationSummary,
    FeatureMoments,
    Interval,
    Neighbourhoods,
    frechet_distance,
    interval,
    kernel_distance,
    neighbourhoods,
    speckled,
)
from digitgan.evaluation.metrics.kernel import KERNEL_BLOCK_SIZE
from digitgan.evaluation.summary import NEIGHBOURS, Summary
from digitgan.lookup import Registry

MIN_IMAGES: Final = 100
"""The least number of images of an evaluation."""

NORMAL_95: Final = 1.96
"""The half-width of a 95 % confidence interval of a normal distribution, in standard deviations."""


@final
@dataclass(frozen=True)
class Comparison:
    """A pair of summaries: images and the real images that they are compared with."""

    images: Summary
    real: Summary

    @functools.cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """The neighbourhood relations between the samples of both."""
        around = self.real.radii, self.images.radii
        return neighbourhoods(self.real.features, self.images.features, NEIGHBOURS, around)


@final
@dataclass(frozen=True)
class Metric:
    """A metric that compares images with real images.

    Attributes:
        name: the key in JSON.
        title: the name in reports.
        meaning: a short definition for reports.
        better: the better direction, "higher" or "lower".
        needs: the least number of images, and of real images.
        by_class: whether the metric needs labels.
        of: a function that computes the value and its confidence interval.
        grey: whether the metric needs grey images.
    """

    name: str
    title: str
    meaning: str
    better: Literal["higher", "lower"]
    needs: int
    by_class: bool
    of: Callable[[Comparison], Interval]
    grey: bool = False


def per_class_frechet(compared: Comparison) -> list[float | None]:
    """Return the Fréchet distance of each class; None for a class with too few images for a covariance of full rank."""
    pairs = zip(compared.images.by_class, compared.real.by_class, strict=True)
    return [frechet_distance(*pair) if min(side.count for side in pair) > FEATURES else None for pair in pairs]


def _of_classification(metric: Callable[[ClassificationSummary], float]) -> Callable[[Comparison], Interval]:
    def of(compared: Comparison) -> Interval:
        groups = compared.images.classification
        return interval(len(groups), lambda weights: metric(ClassificationSummary.weighted(groups, weights)))

    return of


def _frechet(compared: Comparison) -> Interval:
    groups, real = compared.images.moments, compared.real.moments
    all_real = FeatureMoments.weighted(real, np.ones(len(real)))
    return interval(len(groups), lambda weights: frechet_distance(FeatureMoments.weighted(groups, weights), all_real))


def _kernel(compared: Comparison) -> Interval:
    # Images are often sorted by class. The blocks should be distributed like the whole set, hence the permutation.
    real, images = (
        side.features[rng.permutation(0, "kernel blocks", 0, len(side.features))] for side in (compared.real, compared.images)
    )
    found = kernel_distance(real, images)
    # The blocks are independent, so their mean is approximately normal.
    reach = NORMAL_95 * (found.error or 0.0)
    return Interval(found.value, found.value - reach, found.value + reach)


def _mean_over_images(values: Callable[[Comparison], npt.NDArray[Any]]) -> Callable[[Comparison], Interval]:
    def of(compared: Comparison) -> Interval:
        found = values(compared).astype(np.float64)
        return interval(len(found), lambda weights: float(weights @ found) / len(found))

    return of


def _of_neighbourhoods(values: Callable[[Neighbourhoods], npt.NDArray[Any]]) -> Callable[[Comparison], Interval]:
    return _mean_over_images(lambda compared: values(compared.neighbourhoods))


_METRICS: Final = (
    Metric(
        name="class_accuracy",
        title="Class accuracy",
        meaning="fraction of the images whose predicted class equals their label",
        better="higher",
        needs=MIN_IMAGES,
        by_class=True,
        of=_of_classification(lambda classification: classification.accuracy),
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        meaning="mean of the class accuracies of all classes, so that rare classes count as much as frequent ones",
        better="higher",
        needs=MIN_IMAGES,
        by_class=True,
        of=_of_classification(lambda classification: classification.balanced_accuracy),
    ),
    Metric(
        name="frechet_distance",
        title="Fréchet distance",
        meaning="distance of the mean and covariance of the classifier's features to the real images' (Heusel et al. 2017)",
        better="lower",
        needs=FEATURES + 1,
        by_class=False,
        of=_frechet,
    ),
    Metric(
        name="kernel_distance",
        title="Kernel distance",
        meaning="unbiased distance of the features with a cubic kernel; may be negative by chance (Bińkowski et al. 2018)",
        better="lower",
        needs=2 * KERNEL_BLOCK_SIZE,
        by_class=False,
        of=_kernel,
    ),
    Metric(
        name="precision",
        title="Precision",
        meaning="fraction of the images that are similar to a real image (Kynkäänniemi et al. 2019)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.within > 0),
    ),
    Metric(
        name="recall",
        title="Recall",
        meaning="fraction of the real images that are similar to one of the images (Kynkäänniemi et al. 2019)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.recalled),
    ),
    Metric(
        name="density",
        title="Density",
        meaning="mean number of real images that an image is similar to, divided by k; 1 for real images (Naeem et al. 2020)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.within / found.neighbours),
    ),
    Metric(
        name="coverage",
        title="Coverage",
        meaning="fraction of the real images with an image close to them; low if modes are missing (Naeem et al. 2020)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_neighbourhoods(lambda found: found.covered),
    ),
    Metric(
        name="inception_score",
        title="Inception score",
        meaning="confidence of the classifier's predictions and diversity of the predicted classes (Salimans et al. 2016)",
        better="higher",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_classification(lambda classification: classification.inception_score),
    ),
    Metric(
        name="class_balance",
        title="Class balance",
        meaning="Jensen-Shannon divergence between the distributions of predicted classes and of labels, in nats; 0 if equal",
        better="lower",
        needs=MIN_IMAGES,
        by_class=False,
        of=_of_classification(lambda classification: classification.class_balance),
    ),
    Metric(
        name="speckles",
        title="Speckles",
        meaning="fraction of the images with a separate bright spot of at most 8 pixels, a frequent artefact of GANs",
        better="lower",
        needs=MIN_IMAGES,
        by_class=False,
        of=_mean_over_images(lambda compared: speckled(compared.images.images)),
        grey=True,
    ),
)

METRICS: Final = Registry[Metric]("metric", {metric.name: metric for metric in _METRICS}, group="metrics", kind=Metric)
"""All metrics. To add a metric, add an entry."""


def left_out_for(count: int) -> str:
    """Return which metrics need more than a number of images or real images, as a phrase; "" if none do.

    Args:
        count: the lesser of the number of images and the number of real images.
    """
    needs = {metric.title: metric.needs for metric in METRICS.values() if metric.needs > count}
    if len(needs) == len(METRICS):
        return f"any metric (at least {min(needs.values()):,} needed)"
    return listed([f"{title} ({least:,} needed)" for title, least in needs.items()])
