"""Summaries of image streams: sums, and a sample of fixed size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from digitgan import rng
from digitgan.evaluation.classifier import classify_images
from digitgan.evaluation.classifier_networks import FEATURES, FeatureClassifier
from digitgan.evaluation.metrics import ClassificationSummary, FeatureMoments, Features, Labels, Vector, radii
from digitgan.images import Picture

NEIGHBOURS: Final = 5
"""k, the number of neighbours for precision, recall, density and coverage, as in Naeem et al. (2020)."""

BOOTSTRAP_GROUPS = 50
"""The number of groups of images with separate sums, which the bootstrap resamples."""

SAMPLE = 10_000
"""The number of images kept for metrics of pairs of images: neighbourhoods, kernel distance and memorisation."""

CLASSIFIER_CHUNK_SIZE = 500
"""The number of images in one forward pass of the classifier."""

Chunk = tuple[Picture, Labels | None]
"""Images, uint8 (n, height, width[, channels]), and their labels (n,) or None."""


@final
@dataclass(frozen=True)
class Summary:
    """The summary of an image set, in memory that does not depend on its size.

    Attributes:
        count: the number of images.
        moments: the moments of the features of each group.
        classification: the summary of the predictions for each group.
        by_class: the moments of the features of each class. Unlabelled images count for their predicted class.
        images: the sample: at most `SAMPLE` images, evenly spread over the set.
        labels: the labels of the sample; the predicted labels if the images are unlabelled.
        features: the features of the sample.
        certainty: the predicted probability of each label of the sample.
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
        """The squared radius of the neighbourhood of each image of the sample."""
        return radii(self.features, NEIGHBOURS)

    @property
    def class_accuracy(self) -> float:
        """The fraction of images whose predicted label equals their label."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """The confusion matrix of all groups; see `ClassificationSummary.confusion`."""
        counted: npt.NDArray[np.int64] = np.sum(
            [classification.confusion for classification in self.classification], axis=0
        ).astype(np.int64)
        return counted


@final
@dataclass(frozen=True)
class Predictions:
    """A classifier's predictions for an image set, computed in the same chunks as in `summarise`.

    Attributes:
        features: (n, FEATURES), the output of the last hidden layer.
        probabilities: (n, classes), the predicted probabilities.
    """

    features: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]

    @staticmethod
    def of(classifier: FeatureClassifier, images: Picture) -> Predictions:
        """Compute the predictions of a classifier for images."""
        found = [
            classify_images(classifier, images[start : start + CLASSIFIER_CHUNK_SIZE])
            for start in range(0, len(images), CLASSIFIER_CHUNK_SIZE)
        ]
        return Predictions(*(np.concatenate(column) for column in zip(*found, strict=True)))


def summarise(
    classifier: FeatureClassifier, chunks: Iterable[Chunk], count: int, predictions: Predictions | None = None
) -> Summary:
    """Classify a stream of images and summarise it.

    Args:
        classifier: the classifier that supplies features and predictions.
        chunks: images and labels in chunks of any size, `count` images in total.
        count: the number of images.
        predictions: the classifier's predictions for these images; computed if None.

    Raises:
        UsageError: if the size of the images differs from the classifier's.
    """
    groups = min(BOOTSTRAP_GROUPS, count)
    classes = classifier.spec.classes
    moments = [FeatureMoments.none(FEATURES) for _ in range(groups)]
    classification: list[ClassificationSummary | None] = [None] * groups
    by_class = [FeatureMoments.none(FEATURES) for _ in range(classes)]
    kept: list[tuple[Picture, Labels, Features, Vector]] = []
    sample = rng.spread(0, "sample of images", 0, min(SAMPLE, count), min(SAMPLE, count), count)
    for start, (images, asked) in zip(itertools.count(step=CLASSIFIER_CHUNK_SIZE), _of_size(chunks, CLASSIFIER_CHUNK_SIZE)):
        if predictions is None:
            features, probabilities = classify_images(classifier, images)
        else:
            place = slice(start, start + CLASSIFIER_CHUNK_SIZE)
            features, probabilities = predictions.features[place], predictions.probabilities[place]
        labels = probabilities.argmax(axis=1) if asked is None else asked
        group_of = _groups(start, len(images), groups)
        for group in np.unique(group_of):
            in_group = group_of == group
            moments[group] += FeatureMoments.of(features[in_group])
            more, before = (
                ClassificationSummary.of(probabilities[in_group], None if asked is None else asked[in_group]),
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
    """Return the groups of `length` images from index `start`: each run of `groups` images has one image in each group.

    The order within a run is random. Images are often sorted by class or cycle through the classes, and each group should be
    distributed like the whole set.
    """
    first, last = start // groups, -(-(start + length) // groups)
    order = rng.words(0, "groups of images", first, last - first, groups).argsort(axis=1)
    return order.reshape(-1)[start - first * groups :][:length]


def _of_size(chunks: Iterable[Chunk], size: int) -> Iterator[Chunk]:
    """Yield the same images in chunks of `size`; the last chunk may be shorter."""
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
