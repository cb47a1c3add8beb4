"""An evaluation: images beside real ones, every figure with its interval and its floor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from digitgan.data import ImageSet
from digitgan.errors import UsageError
from digitgan.evaluation.classifier import FeatureClassifier, size_text
from digitgan.evaluation.metric_table import METRICS, MIN_IMAGES, Comparison, Metric, per_class_frechet
from digitgan.evaluation.metrics import Interval, Nearest, nearest_images
from digitgan.evaluation.reference import ReferenceStatistics, reference_statistics
from digitgan.evaluation.summary import SAMPLE, Chunk, Summary, summarise

Reference = Literal["test", "train"]

RIGHT = 0.9
"""A classifier that is right on fewer held-out images than this says little."""


@final
@dataclass(frozen=True)
class EvaluationSource:
    """What is evaluated.

    Attributes:
        name: as the user called it.
        facts: what is known of it, as JSON values.
        count: how many images.
        chunks: gives all of them, with their labels if they were asked for by class; each call begins anew.
        shape: (channels, height, width) of one.
        class_names: a name for each label.
        by_class: whether they were.
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
    """One figure of an evaluation.

    Attributes:
        metric: what it is.
        found: with its interval; None where it can't be had.
        baseline: the same for real images.
        missing: why there is none; empty where there is.
    """

    metric: Metric
    found: Interval | None
    baseline: float | None
    missing: str


@final
@dataclass(frozen=True)
class Memorisation:
    """How near the images come to those that were trained on.

    Attributes:
        images: of the sample, the nearest training image and how far it is.
        held_out: the same for real images that were not trained on: what chance is.
    """

    images: Nearest
    held_out: Nearest

    @property
    def closest_held_out(self) -> float:
        """How near held-out images ever come, in levels of 255."""
        return float(self.held_out.distances.min())

    @property
    def closer_than_any_held_out(self) -> float:
        """The share of the images that come nearer than any held-out one, or are copies."""
        return self._nearer_than(self.closest_held_out)

    @property
    def closer_than_one_in_hundred(self) -> float:
        """The share of the images that come nearer than all but 1 % of the held-out ones, or are copies: 1 % is chance."""
        return self._nearer_than(float(np.quantile(self.held_out.distances, 0.01)))

    def _nearer_than(self, reach: float) -> float:
        distances = self.images.distances
        # A copy counts even where some held-out image is a copy as well, and nothing could be nearer than that.
        return float(((distances < reach) | (distances == 0)).mean())


@final
@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        source: what was evaluated.
        reference: which real images it was compared with.
        images, real: what is kept of both.
        metrics: one for each metric.
        per_class: a Fréchet distance for each class, and that of real images; None for too few images.
        memorisation: how near the training images are.
        held_out_accuracy: the share of held-out real images that the classifier is right on.
        flags: what whoever reads the figures should know.
        seconds: that it took.
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
    """Compare images with real ones.

    Args:
        source: the images.
        training: the real images that were trained on.
        held_out: others of their kind.
        classifier: a classifier of `training`.
        reference: whether the images are compared with `held_out` ("test") or with as many of `training` ("train"). The
            real baseline is what the others of the two come to.
        real_images: `reference_statistics` of the same images, `baseline_count` of them; computed if not given.

    Raises:
        UsageError: for fewer images than anything can be said of, or of another size or other classes than the real ones.
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
    metrics = tuple(_result(metric, compared, baseline, source) for metric in METRICS)
    return Evaluation(
        source,
        reference,
        images,
        real,
        metrics,
        tuple(zip(per_class_frechet(compared), per_class_frechet(baseline), strict=True)),
        memorisation,
        known.held_out.class_accuracy,
        tuple(_flags(images, source, metrics, known.held_out.class_accuracy, other.count)),
        time.perf_counter() - started,
    )


def check_source(source: EvaluationSource, training: ImageSet) -> None:
    """Refuse images that can't be compared with these real ones; see `evaluate`."""
    if source.count < MIN_IMAGES:
        raise UsageError(f"{source.name}: {source.count} images; at least {MIN_IMAGES} are needed to say anything")
    if source.by_class and source.class_names != training.class_names:
        raise UsageError(
            f"{source.name}: its classes are {', '.join(source.class_names)}, those of {training.name} are "
            f"{', '.join(training.class_names)}; compare it with data of its own (--data)"
        )
    if source.shape != training.shape:
        raise UsageError(
            f"{source.name}: {size_text(source.shape)} images, those of {training.name} are {size_text(training.shape)}"
        )


def baseline_count(source: EvaluationSource, training: ImageSet, held_out: ImageSet, reference: Reference) -> int:
    """Training images that the real side of an evaluation takes: as many as there are drawn ones, or held-out ones."""
    return min(len(training), len(held_out) if reference == "train" else max(MIN_IMAGES, source.count))


def _result(metric: Metric, compared: Comparison, baseline: Comparison, source: EvaluationSource) -> MetricResult:
    missing = ""
    fewest = min(compared.images.count, compared.real.count)
    if metric.by_class and not source.by_class:
        missing = "the images were not asked for by class"
    elif fewest < metric.needs:
        missing = f"needs {metric.needs:,} images on each side, there are {fewest:,}"
    if missing:
        return MetricResult(metric, None, None, missing)
    real = metric.of(baseline).value if baseline.images.count >= metric.needs else None
    return MetricResult(metric, metric.of(compared), real, "")


def _flags(
    images: Summary, source: EvaluationSource, metrics: tuple[MetricResult, ...], classifier_accuracy: float, in_baseline: int
) -> Iterator[str]:
    if len(np.unique(images.images.reshape(len(images.images), -1), axis=0)) == 1:
        yield "all images are the same"
    elif (images.images == images.images[:, :1, :1]).all():
        yield "every image is of one even colour"
    found = images.confusion.sum(axis=0)
    for label, name in enumerate(source.class_names) if source.by_class else ():
        if images.by_class[label].count == 0:
            yield f"none of the images is asked for as a {name}"
        if found[label] == 0:
            yield f"the classifier takes no image for a {name}"
    if classifier_accuracy < RIGHT:
        yield f"the classifier is right on only {classifier_accuracy:.0%} of the held-out real images: its metrics mean little"
    if min(source.count, SAMPLE) != min(in_baseline, SAMPLE):
        yield (
            f"the real baseline is of {in_baseline:,} real images, and these are {source.count:,}: precision, "
            "recall, density and "
            "coverage depend on how many there are"
        )
    for result in metrics:
        if result.missing:
            yield f"no {result.metric.title.lower()}: {result.missing}"
