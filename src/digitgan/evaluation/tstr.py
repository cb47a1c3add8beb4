"""Train on synthetic, test on real (TSTR), and the reverse: the accuracy of classifiers trained on generated or real images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from digitgan import rng
from digitgan.data import ImageSet, ProgressFn, silent
from digitgan.errors import UsageError
from digitgan.evaluation.classifier import class_accuracy
from digitgan.evaluation.classifier_training import train_classifier
from digitgan.evaluation.measure import EvaluationSource
from digitgan.evaluation.reference import evenly

TSTR_TRAINING_IMAGES: Final = 120_000
"""The number of images that each classifier is trained on, with repetition; more do not measurably improve that on MNIST."""


@final
@dataclass(frozen=True)
class TrainOnSynthetic:
    """The accuracies of two classifiers of the same architecture, trained on equally many images for equally many steps.

    Attributes:
        images: the number of images that each classifier is trained on.
        train_synthetic_test_real: trained on generated images, tested on held-out real images.
        train_real_test_synthetic: trained on real images, tested on generated images.
        train_real_test_real: trained on real images, tested on held-out real images: the real baseline of
            `train_synthetic_test_real`.
    """

    images: int
    train_synthetic_test_real: float
    train_real_test_synthetic: float
    train_real_test_real: float


def check_tstr(source: EvaluationSource) -> None:
    """Raise an error for images without labels.

    Raises:
        UsageError: if the images have no labels.
    """
    if not source.by_class:
        raise UsageError(
            f"--train-on-synthetic: the images of {source.name} have no labels; leave out the option, or use labelled images"
        )


def measure_tstr(
    source: EvaluationSource, training: ImageSet, held_out: ImageSet, notify: ProgressFn = silent
) -> TrainOnSynthetic:
    """Train one classifier on generated images and one on real images, and compute their accuracies.

    Args:
        source: generated images with labels. At most as many as there are training images are used.
        training: the real images of the training set.
        held_out: real images that are not in the training set.
        notify: a function that receives lines of progress.

    Raises:
        UsageError: if the images have no labels.
    """
    check_tstr(source)
    count = min(source.count, len(training))
    drawn = _collected(source, count)
    epochs = max(1, round(TSTR_TRAINING_IMAGES / count))
    by_drawn = train_classifier(evenly(drawn, count), epochs=epochs, notify=notify)
    by_real = train_classifier(evenly(training, count), epochs=epochs, notify=notify)
    return TrainOnSynthetic(
        images=count,
        train_synthetic_test_real=class_accuracy(by_drawn, held_out.images, held_out.labels),
        train_real_test_synthetic=class_accuracy(by_real, drawn.images, drawn.labels),
        train_real_test_real=class_accuracy(by_real, held_out.images, held_out.labels),
    )


def _collected(source: EvaluationSource, count: int) -> ImageSet:
    """Return `count` evenly spread images of a source as an image set."""
    images, labels, seen = [], [], 0
    chosen = rng.spread(0, "images of a set", 0, count, count, source.count)
    for some_images, some_labels in source.chunks():
        taken = chosen[(seen <= chosen) & (chosen < seen + len(some_images))] - seen
        seen += len(some_images)
        assert some_labels is not None
        images.append(some_images[taken])
        labels.append(some_labels[taken])
    return ImageSet(np.concatenate(images), np.concatenate(labels), source.class_names, source.name)
