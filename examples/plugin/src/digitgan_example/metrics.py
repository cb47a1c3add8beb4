"""A metric: the distance between the mean features of generated and of real images of a class."""

from __future__ import annotations

from typing import Final

import numpy as np

from digitgan.plugins import Comparison, Interval, Metric


def class_mean_distance(compared: Comparison) -> Interval:
    """Compute the mean over classes of the Euclidean distance between the mean feature vectors of both sets."""
    pairs = zip(compared.images.by_class, compared.real.by_class, strict=True)
    value = float(np.mean([np.linalg.norm(images.mean - real.mean) for images, real in pairs if images.count and real.count]))
    return Interval(value, value, value)  # without a confidence interval: both bounds equal the value


CLASS_MEAN_DISTANCE: Final = Metric(
    name="class_mean_distance",
    title="Class mean distance",
    meaning="distance between the mean features of generated and of real images, averaged over the classes",
    better="lower",
    needs=2,
    by_class=True,
    of=class_mean_distance,
)
