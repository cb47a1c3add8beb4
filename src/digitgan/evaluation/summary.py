"""Images that stream by, and what is kept of them: sums, and a sample of fixed size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from digitgan import rng
from digitgan.evaluation.classifier import FEATURES, FeatureClassifier, classify_images
from digitgan.evaluation.metrics import ClassificationSummary, FeatureMoments, Features, Labels, Vector, radii
from digitgan.images import Picture

NEIGHBOURS: Final = 5
"""k of all figures of neighbourhoods, as Naeem et al. (2020) have it."""

GROUPS = 50
"""Sums are kept apart for so many groups of images, which the bootstrap draws from."""

SAMPLE = 10_000
"""Images that are kept for what has to see pairs of images: the neighbourhoods, the kernel distance, memorisation."""

CHUNK_SIZE = 500
"""Images that go through the classifier at once."""

Chunk = tuple[Picture, Labels | None]
"""uint8 images (n, height, width[, channels]) and the labels (n,) they were asked for by, if they were."""


@final
@dataclass(frozen=True)
class Summary:
    """What is kept of a set of images, in memory that does not grow with it.

    Attributes:
        count: of images.
        moments: of the features, a group each.
        classification: the classifier's, a group each.
        by_class: moments of the features of each class's images; where none was asked for, of those the classifier takes for
        it.
        images: the sample: at most `SAMPLE`, evenly spread over the set.
        labels: of the sample; where there were none, what the classifier takes the images for.
        features: of the sample.
        certainty: of the sample, the classifier's probability of the class asked for.
    """

    count: int
    moments: list[FeatureMoments]
    classification: list[ClassificationSummary]
    by_class: list[FeatureMoments]
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
        """The share of the images that the classifier takes for the class they were asked for by."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """See `ClassificationSummary.confusion`."""
        counted: npt.NDArray[np.int64] = np.sum(
            [classification.confusion for classification in self.classification], axis=0
        ).astype(np.int64)
        return counted


@final
@dataclass(frozen=True)
class Predictions:
    """What a classifier has said of all images of a set, in chunks as `summarise` takes them.

    Attributes:
        features: (n, FEATURES).
        probabilities: (n, classes).
    """

    features: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]

    @staticmethod
    def of(classifier: FeatureClassifier, images: Picture) -> Predictions:
        """Ask the classifier."""
        found = [classify_images(classifier, images[start : start + CHUNK_SIZE]) for start in range(0, len(images), CHUNK_SIZE)]
        return Predictions(*(np.concatenate(column) for column in zip(*found, strict=True)))


def summarise(
    classifier: FeatureClassifier, chunks: Iterable[Chunk], count: int, predictions: Predictions | None = None
) -> Summary:
    """Judge images as they come.

    Args:
        classifier: whose features and answers are kept.
        chunks: images and labels, of any size each; all together `count`.
        count: how many there will be.
        predictions: what the classifier says of them, where that is known already.

    Raises:
        UsageError: for images of another size than the classifier's.
    """
    groups = min(GROUPS, count)
    classes = classifier.spec.classes
    moments = [FeatureMoments.none(FEATURES) for _ in range(groups)]
    classification: list[ClassificationSummary | None] = [None] * groups
    by_class = [FeatureMoments.none(FEATURES) for _ in range(classes)]
    kept: list[tuple[Picture, Labels, Features, Vector]] = []
    sample = rng.spread(0, "sample of images", 0, min(SAMPLE, count), min(SAMPLE, count), count)
    for start, (images, asked) in zip(itertools.count(step=CHUNK_SIZE), _of_size(chunks, CHUNK_SIZE)):
        if predictions is None:
            features, probabilities = classify_images(classifier, images)
        else:
            place = slice(start, start + CHUNK_SIZE)
            features, probabilities = predictions.features[place], predictions.probabilities[place]
        labels = probabilities.argmax(axis=1) if asked is None else asked
        group_of = _groups(start, len(images), groups)
        for group in np.unique(group_of):
            mine = group_of == group
            moments[group] += FeatureMoments.of(features[mine])
            more, before = (
                ClassificationSummary.of(probabilities[mine], None if asked is None else asked[mine]),
                classification[group],
            )
            classification[group] = more if before is None else before + more
        for label in np.unique(labels):
            by_class[label] += FeatureMoments.of(features[labels == label])
        taken = sample[(start <= sample) & (sample < start + len(images))] - start
        certainty = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        kept.append((images[taken], labels[taken], features[taken], certainty[taken]))
    columns = (np.concatenate(column) for column in zip(*kept, strict=True))
    return Summary(count, moments, [found for found in classification if found is not None], by_class, *columns)


def _groups(start: int, length: int, groups: int) -> npt.NDArray[np.intp]:
    """The groups of the images from `start` on: of so many in a row each goes to another one.

    To which is random: images often come class by class, or the classes taking turns, and a group is to be like the whole set.
    """
    first, last = start // groups, -(-(start + length) // groups)
    order = rng.words(0, "groups of images", first, last - first, groups).argsort(axis=1)
    return order.reshape(-1)[start - first * groups :][:length]


def _of_size(chunks: Iterable[Chunk], size: int) -> Iterator[Chunk]:
    """The same images in chunks of `size`, the last one shorter."""
    images: list[Picture] = []
    labels: list[Labels] = []
    waiting = 0

    def together() -> Chunk:
        return np.concatenate(images), np.concatenate(labels) if labels else None

    for more_images, more_labels in chunks:
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
