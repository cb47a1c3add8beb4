"""An evaluation: images beside real ones, every figure with its interval and its floor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from digitgan.data import ImageSet
from digitgan.errors import UsageError
from digitgan.evaluation.classifier import Judge, size_text
from digitgan.evaluation.metric_table import FEWEST, METRICS, Comparison, Metric, per_class_frechet
from digitgan.evaluation.metrics import Interval, Nearest, nearest_images
from digitgan.evaluation.reference import RealSide, real_side
from digitgan.evaluation.summary import SAMPLE, Portion, Summary, summarise

Reference = Literal["test", "train"]

RIGHT = 0.9
"""A judge that is right on fewer held-out images than this says little."""


@final
@dataclass(frozen=True)
class Subject:
    """What is evaluated.

    Attributes:
        name: as the user called it.
        facts: what is known of it, as JSON values.
        count: how many images.
        portions: gives all of them, with their labels if they were asked for by class; each call begins anew.
        shape: (channels, height, width) of one.
        class_names: a name for each label.
        by_class: whether they were.
    """

    name: str
    facts: dict[str, Any]
    count: int
    portions: Callable[[], Iterator[Portion]]
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    by_class: bool


@final
@dataclass(frozen=True)
class Figure:
    """One figure of an evaluation.

    Attributes:
        metric: what it is.
        found: with its interval; None where it can't be had.
        floor: the same for real images.
        missing: why there is none; empty where there is.
    """

    metric: Metric
    found: Interval | None
    floor: float | None
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
        subject: what was evaluated.
        reference: which real images it was compared with.
        images, real: what is kept of both.
        figures: one for each metric.
        per_class: a Fréchet distance for each class, and that of real images; None for too few images.
        memorisation: how near the training images are.
        held_out_accuracy: the share of held-out real images that the judge is right on.
        flags: what whoever reads the figures should know.
        seconds: that it took.
    """

    subject: Subject
    reference: Reference
    images: Summary
    real: Summary
    figures: tuple[Figure, ...]
    per_class: tuple[tuple[float | None, float | None], ...]
    memorisation: Memorisation
    held_out_accuracy: float
    flags: tuple[str, ...]
    seconds: float


def evaluate(
    subject: Subject,
    training: ImageSet,
    held_out: ImageSet,
    judge: Judge,
    reference: Reference,
    real_images: RealSide | None = None,
) -> Evaluation:
    """Compare images with real ones.

    Args:
        subject: the images.
        training: the real images that were trained on.
        held_out: others of their kind.
        judge: a classifier of `training`.
        reference: whether the images are compared with `held_out` ("test") or with as many of `training` ("train"). The floor
            is what the others of the two come to.
        real_images: by `real_side` of the same images, of which `floor_count` says how many; found if it is not given.

    Raises:
        UsageError: for fewer images than anything can be said of, or of another size or other classes than the real ones.
    """
    started = time.perf_counter()
    check_subject(subject, training)
    images = summarise(judge, subject.portions(), subject.count)
    known = real_images or real_side(judge, training, held_out, floor_count(subject, training, held_out, reference))
    real, other = (known.held_out, known.training) if reference == "test" else (known.training, known.held_out)
    compared, floor = Comparison(images, real), Comparison(other, real)
    memorisation = Memorisation(nearest_images(images.images, training.images), known.nearest)
    figures = tuple(_figure(metric, compared, floor, subject) for metric in METRICS)
    return Evaluation(
        subject,
        reference,
        images,
        real,
        figures,
        tuple(zip(per_class_frechet(compared), per_class_frechet(floor), strict=True)),
        memorisation,
        known.held_out.class_accuracy,
        tuple(_flags(images, subject, figures, known.held_out.class_accuracy, other.count)),
        time.perf_counter() - started,
    )


def check_subject(subject: Subject, training: ImageSet) -> None:
    """Refuse images that can't be compared with these real ones; see `evaluate`."""
    if subject.count < FEWEST:
        raise UsageError(f"{subject.name}: {subject.count} images; at least {FEWEST} are needed to say anything")
    if subject.by_class and subject.class_names != training.class_names:
        raise UsageError(
            f"{subject.name}: its classes are {', '.join(subject.class_names)}, those of {training.name} are "
            f"{', '.join(training.class_names)}; compare it with data of its own (--data)"
        )
    if subject.shape != training.shape:
        raise UsageError(
            f"{subject.name}: {size_text(subject.shape)} images, those of {training.name} are {size_text(training.shape)}"
        )


def floor_count(subject: Subject, training: ImageSet, held_out: ImageSet, reference: Reference) -> int:
    """Training images that the real side of an evaluation takes: as many as there are drawn ones, or held-out ones."""
    return min(len(training), len(held_out) if reference == "train" else max(FEWEST, subject.count))


def _figure(metric: Metric, compared: Comparison, floor: Comparison, subject: Subject) -> Figure:
    missing = ""
    fewest = min(compared.images.count, compared.real.count)
    if metric.by_class and not subject.by_class:
        missing = "the images were not asked for by class"
    elif fewest < metric.needs:
        missing = f"needs {metric.needs:,} images on each side, there are {fewest:,}"
    if missing:
        return Figure(metric, None, None, missing)
    real = metric.of(floor).value if floor.images.count >= metric.needs else None
    return Figure(metric, metric.of(compared), real, "")


def _flags(
    images: Summary, subject: Subject, figures: tuple[Figure, ...], judge_accuracy: float, in_floor: int
) -> Iterator[str]:
    if len(np.unique(images.images.reshape(len(images.images), -1), axis=0)) == 1:
        yield "all images are the same"
    elif (images.images == images.images[:, :1, :1]).all():
        yield "every image is of one even colour"
    found = images.confusion.sum(axis=0)
    for label, name in enumerate(subject.class_names) if subject.by_class else ():
        if images.by_class[label].count == 0:
            yield f"none of the images is asked for as a {name}"
        if found[label] == 0:
            yield f"the judge takes no image for a {name}"
    if judge_accuracy < RIGHT:
        yield f"the judge is right on only {judge_accuracy:.0%} of the held-out real images: what it says is worth little"
    if min(subject.count, SAMPLE) != min(in_floor, SAMPLE):
        yield (
            f"the floor is of {in_floor:,} real images, and these are {subject.count:,}: precision, recall, density and "
            "coverage depend on how many there are"
        )
    for figure in figures:
        if figure.missing:
            yield f"no {figure.metric.title.lower()}: {figure.missing}"
