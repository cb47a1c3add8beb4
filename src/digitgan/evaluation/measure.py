"""The evaluation of images against real images: each metric with its confidence interval and its real baseline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from digitgan.data import ImageSet
from digitgan.data.notes import listed
from digitgan.errors import UsageError
from digitgan.evaluation.classifier import size_text
from digitgan.evaluation.classifier_networks import FeatureClassifier
from digitgan.evaluation.metric_table import METRICS, MIN_IMAGES, Comparison, Metric, per_class_frechet
from digitgan.evaluation.metrics import Interval, Nearest, nearest_images
from digitgan.evaluation.reference import ReferenceStatistics, reference_statistics
from digitgan.evaluation.summary import SAMPLE, Chunk, Summary, summarise

Reference = Literal["test", "train"]

RIGHT = 0.9
"""The least accuracy on held-out images, below which the report warns that the classifier's metrics are unreliable."""


@final
@dataclass(frozen=True)
class EvaluationSource:
    """A source of images to evaluate.

    Attributes:
        name: the name that the user gave.
        facts: the provenance of the images, as JSON values.
        count: the number of images.
        chunks: a function that returns a new iterator over all images, with their labels if `by_class`.
        shape: (channels, height, width) of an image.
        class_names: the class name of each label.
        by_class: whether the images have labels.
    """

    name: str
    facts: dict[str, Any]
    count: int
    chunks: Callable[[], Iterator[Chunk]]
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    by_class: bool


@final
@dataclass(frozen=True)
class MetricResult:
    """The result of one metric.

    Attributes:
        metric: the metric.
        found: its value and confidence interval; None if it cannot be computed.
        baseline: its real baseline, the value for real images; None if that cannot be computed.
        missing: the reason why `found` is None; empty otherwise.
    """

    metric: Metric
    found: Interval | None
    baseline: float | None
    missing: str


@final
@dataclass(frozen=True)
class Memorisation:
    """The distances of images to the training images.

    Attributes:
        images: for each image of the sample, the nearest training image and its distance.
        held_out: the same for held-out real images, as the distances expected by chance.
    """

    images: Nearest
    held_out: Nearest

    @property
    def closest_held_out(self) -> float:
        """The least distance of a held-out image to a training image, in levels of 255."""
        return float(self.held_out.distances.min())

    @property
    def closer_than_any_held_out(self) -> float:
        """The fraction of images that are nearer to a training image than the nearest held-out image, or are copies."""
        return self._nearer_than(self.closest_held_out)

    @property
    def closer_than_one_in_hundred(self) -> float:
        """The fraction of images that are nearer than all but 1 % of the held-out images, or are copies; 1 % by chance."""
        return self._nearer_than(float(np.quantile(self.held_out.distances, 0.01)))

    def _nearer_than(self, reach: float) -> float:
        distances = self.images.distances
        # If a held-out image is a copy, `reach` is 0 and no image is nearer, so copies are counted separately.
        return float(((distances < reach) | (distances == 0)).mean())


@final
@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        source: the evaluated images.
        reference: the real images that they were compared with: "test" or "train".
        images: the summary of the evaluated images.
        real: the summary of the real images.
        metrics: the result of each metric.
        per_class: the Fréchet distance of each class and its real baseline; None for too few images.
        memorisation: the distances to the training images.
        held_out_accuracy: the classifier's accuracy on held-out real images, 0 to 1.
        flags: warnings for the reader of the report. A metric that cannot be computed has its reason in `metrics`.
        seconds: the duration in seconds.
    """

    source: EvaluationSource
    reference: Reference
    images: Summary
    real: Summary
    metrics: tuple[MetricResult, ...]
    per_class: tuple[tuple[float | None, float | None], ...]
    memorisation: Memorisation
    held_out_accuracy: float
    flags: tuple[str, ...]
    seconds: float


def evaluate(
    source: EvaluationSource,
    training: ImageSet,
    held_out: ImageSet,
    classifier: FeatureClassifier,
    reference: Reference,
    real_images: ReferenceStatistics | None = None,
) -> Evaluation:
    """Evaluate images against real images.

    Args:
        source: the images to evaluate.
        training: the real images of the training set.
        held_out: real images that are not in the training set.
        classifier: a classifier trained on `training`.
        reference: the real images to compare with: all of `held_out` ("test") or as many images of `training` ("train").
            The real baseline compares the other set with these.
        real_images: the `reference_statistics` of the same image sets, for `baseline_count` images; computed if None.

    Returns:
        Every metric with its confidence interval and real baseline, and the distances to the training images.

    Raises:
        UsageError: for fewer than `MIN_IMAGES` images, or if the size or the classes differ from the real images'.
    """
    started = time.perf_counter()
    check_source(source, training)
    images = summarise(classifier, source.chunks(), source.count)
    known = real_images or reference_statistics(
        classifier, training, held_out, baseline_count(source, training, held_out, reference)
    )
    real, other = (known.held_out, known.training) if reference == "test" else (known.training, known.held_out)
    compared, baseline = Comparison(images, real), Comparison(other, real)
    memorisation = Memorisation(nearest_images(images.images, training.images), known.nearest)
    metrics = tuple(_result(metric, compared, baseline, source) for metric in METRICS.values())
    return Evaluation(
        source,
        reference,
        images,
        real,
        metrics,
        tuple(zip(per_class_frechet(compared), per_class_frechet(baseline), strict=True)),
        memorisation,
        known.held_out.class_accuracy,
        tuple(_flags(images, source, known.held_out.class_accuracy, other.count, has_metrics=real.count >= MIN_IMAGES)),
        time.perf_counter() - started,
    )


def check_source(source: EvaluationSource, training: ImageSet) -> None:
    """Raise an error if images cannot be compared with these training images.

    Raises:
        UsageError: for fewer than `MIN_IMAGES` images, or if the size or the classes differ.
    """
    if source.count < MIN_IMAGES:
        raise UsageError(f"{source.name}: {source.count} images; use at least {MIN_IMAGES}")
    if source.by_class and source.class_names != training.class_names:
        raise UsageError(
            f"{source.name}: its classes are {', '.join(source.class_names)}, but the classes of {training.name} are "
            f"{', '.join(training.class_names)}; choose data with the same classes (--data)"
        )
    if source.shape != training.shape:
        raise UsageError(
            f"{source.name}: the images are {size_text(source.shape)}, but those of {training.name} are "
            f"{size_text(training.shape)}; bring both to one form with --size and --colour, or choose other data (--data)"
        )


def baseline_count(source: EvaluationSource, training: ImageSet, held_out: ImageSet, reference: Reference) -> int:
    """Return the number of training images used: as many as held-out images ("train") or as evaluated images ("test")."""
    return min(len(training), len(held_out) if reference == "train" else max(MIN_IMAGES, source.count))


def _result(metric: Metric, compared: Comparison, baseline: Comparison, source: EvaluationSource) -> MetricResult:
    missing = ""
    fewest = min(compared.images.count, compared.real.count)
    if metric.by_class and not source.by_class:
        missing = "the images have no labels"
    elif metric.grey and source.shape[0] != 1:
        missing = "the images are in colour"
    elif fewest < metric.needs:
        missing = f"needs at least {metric.needs:,} images and as many real images; there are {fewest:,}"
    if missing:
        return MetricResult(metric, None, None, missing)
    real = metric.of(baseline).value if baseline.images.count >= metric.needs else None
    return MetricResult(metric, metric.of(compared), real, "")


def _flags(
    images: Summary, source: EvaluationSource, classifier_accuracy: float, in_baseline: int, *, has_metrics: bool
) -> Iterator[str]:
    if len(np.unique(images.images.reshape(len(images.images), -1), axis=0)) == 1:
        yield "all images are identical"
    elif (images.images == images.images[:, :1, :1]).all():
        yield "every image has a single colour"
    found = images.confusion.sum(axis=0)
    if source.by_class:
        absent = [name for label, name in enumerate(source.class_names) if images.by_class[label].count == 0]
        if absent:
            yield f"no image has the {'label' if len(absent) == 1 else 'labels'} {listed(absent)}"
        if never := [name for label, name in enumerate(source.class_names) if found[label] == 0]:
            yield f"the classifier predicts the {'class' if len(never) == 1 else 'classes'} {listed(never)} for no image"
    if classifier_accuracy < RIGHT:
        yield f"the classifier's accuracy on held-out real images is only {classifier_accuracy:.0%}: its metrics are unreliable"
    if has_metrics and min(source.count, SAMPLE) != min(in_baseline, SAMPLE):
        yield (
            f"the real baseline uses {in_baseline:,} images, but {source.count:,} images are evaluated: precision, recall, "
            "density and coverage depend on the number of images"
        )
