"""Images that stream by, and what is kept of them: sums, and a sample of fixed size."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from digitgan.evaluation.judge import FEATURES, Judge, judge_images
from digitgan.evaluation.metrics import Answers, Features, Labels, Moments, Vector, radii
from digitgan.images import Picture

NEIGHBOURS: Final = 5
"""k of all figures of neighbourhoods, as Naeem et al. (2020) have it."""

GROUPS = 50
"""Sums are kept apart for so many groups of images, which the bootstrap draws from."""

SAMPLE = 10_000
"""Images that are kept for what has to see pairs of images: the neighbourhoods, the kernel distance, memorisation."""

PORTION = 200
"""Images that go through the judge at once, and to one group, at most."""

Portion = tuple[Picture, Labels | None]
"""uint8 images (n, height, width[, channels]) and the labels (n,) they were asked for by, if they were."""


@final
@dataclass(frozen=True)
class Summary:
    """What is kept of a set of images, in memory that does not grow with it.

    Attributes:
        count: of images.
        moments: of the features, a group each.
        answers: the judge's, a group each.
        by_class: moments of the features of each class's images; where none was asked for, of those the judge takes for it.
        images: the sample: at most `SAMPLE`, evenly spread over the set.
        labels: of the sample; where there were none, what the judge takes the images for.
        features: of the sample.
        certainty: of the sample, the judge's probability of the class asked for.
    """

    count: int
    moments: list[Moments]
    answers: list[Answers]
    by_class: list[Moments]
    images: Picture
    labels: Labels
    features: Features
    certainty: Vector

    @functools.cached_property
    def radii(self) -> Vector:
        """How far the neighbourhood of each of the sample reaches, squared."""
        return radii(self.features, NEIGHBOURS)

    @property
    def class_accuracy(self) -> float:
        """The share of the images that the judge takes for the class they were asked for by."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """See `Answers.confusion`."""
        counted: npt.NDArray[np.int64] = np.sum([answers.confusion for answers in self.answers], axis=0).astype(np.int64)
        return counted


@final
@dataclass(frozen=True)
class Said:
    """What a judge has said of all images of a set, in portions as `summarise` takes them.

    Attributes:
        features: (n, FEATURES).
        probabilities: (n, classes).
    """

    features: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]

    @staticmethod
    def of(judge: Judge, images: Picture) -> Said:
        """Ask the judge."""
        size = _portion(len(images))
        found = [judge_images(judge, images[start : start + size]) for start in range(0, len(images), size)]
        return Said(*(np.concatenate(column) for column in zip(*found, strict=True)))


def summarise(judge: Judge, portions: Iterable[Portion], count: int, said: Said | None = None) -> Summary:
    """Judge images as they come.

    Args:
        judge: whose features and answers are kept.
        portions: images and labels, of any size each; all together `count`.
        count: how many there will be.
        said: what the judge says of them, where that is known already.

    Raises:
        UsageError: for images of another size than the judge's.
    """
    groups, size = min(GROUPS, count), _portion(count)
    classes = judge.form.classes
    moments = [Moments.none(FEATURES) for _ in range(groups)]
    answers: list[Answers | None] = [None] * groups
    by_class = [Moments.none(FEATURES) for _ in range(classes)]
    kept: list[tuple[Picture, Labels, Features, Vector]] = []
    for index, (images, asked) in enumerate(_of_size(portions, size)):
        if said is None:
            features, probabilities = judge_images(judge, images)
        else:
            place = slice(index * size, (index + 1) * size)
            features, probabilities = said.features[place], said.probabilities[place]
        labels = probabilities.argmax(axis=1) if asked is None else asked
        moments[index % groups] += Moments.of(features)
        more, before = Answers.of(probabilities, asked), answers[index % groups]
        answers[index % groups] = more if before is None else before + more
        for label in np.unique(labels):
            by_class[label] += Moments.of(features[labels == label])
        taken = _taken(index * size, len(labels), count)
        certainty = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        kept.append((images[taken], labels[taken], features[taken], certainty[taken]))
    sample = (np.concatenate(column) for column in zip(*kept, strict=True))
    return Summary(count, moments, [found for found in answers if found is not None], by_class, *sample)


def _portion(count: int) -> int:
    """How many of so many images go through the judge at once."""
    return max(1, min(PORTION, count // GROUPS))


def _taken(start: int, length: int, count: int) -> npt.NDArray[np.bool_]:
    """Which of the images from `start` on belong to the sample: all, or `SAMPLE` evenly spread over `count`."""
    if count <= SAMPLE:
        return np.ones(length, dtype=bool)
    place = np.arange(start, start + length + 1) * SAMPLE // count
    return place[1:] > place[:-1]


def _of_size(portions: Iterable[Portion], size: int) -> Iterator[Portion]:
    """The same images in portions of `size`, the last one shorter."""
    images: list[Picture] = []
    labels: list[Labels] = []
    waiting = 0

    def together() -> Portion:
        return np.concatenate(images), np.concatenate(labels) if labels else None

    for more_images, more_labels in portions:
        start = 0
        while start < len(more_images):
            end = start + size - waiting
            images.append(more_images[start:end])
            if more_labels is not None:
                labels.append(more_labels[start:end])
            waiting += len(images[-1])
            start = end
            if waiting == size:
                yield together()
                images.clear()
                labels.clear()
                waiting = 0
    if waiting:
        yield together()
