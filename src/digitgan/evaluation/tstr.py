"""Usefulness: what a classifier learns from drawn images, tried on real ones, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from digitgan import rng
from digitgan.data import ImageSet
from digitgan.errors import UsageError
from digitgan.evaluation.classifier import class_accuracy, train_classifier
from digitgan.evaluation.measure import EvaluationSource
from digitgan.evaluation.reference import evenly

STEPS_OF_IMAGES: Final = 120_000
"""Images that each classifier is shown, however few different ones: more of them bring nothing that shows."""


@final
@dataclass(frozen=True)
class TrainOnSynthetic:
    """Accuracies of classifiers, all of one kind, trained for the same number of steps on as many images.

    Attributes:
        images: each was trained on.
        drawn_on_real: trained on drawn images, tried on held-out real ones.
        real_on_drawn: trained on real images, tried on drawn ones.
        real_on_real: trained on real images, tried on held-out real ones: what the first can hope for.
    """

    images: int
    drawn_on_real: float
    real_on_drawn: float
    real_on_real: float


def check_tstr(source: EvaluationSource) -> None:
    """Refuse images without labels.

    Raises:
        UsageError: for them.
    """
    if not source.by_class:
        raise UsageError(
            f"{source.name}: its images have no classes, which a classifier could learn; leave out --train-on-synthetic"
        )


def measure_tstr(source: EvaluationSource, training: ImageSet, held_out: ImageSet) -> TrainOnSynthetic:
    """Train two classifiers and try them.

    Args:
        source: images with the labels they were asked for by.
        training: real images; of the subject's no more are taken than there are of these.
        held_out: others of their kind.

    Raises:
        UsageError: see `check_tstr`.
    """
    check_tstr(source)
    count = min(source.count, len(training))
    drawn = _collected(source, count)
    epochs = max(1, round(STEPS_OF_IMAGES / count))
    by_drawn = train_classifier(evenly(drawn, count), epochs=epochs)
    by_real = train_classifier(evenly(training, count), epochs=epochs)
    return TrainOnSynthetic(
        images=count,
        drawn_on_real=class_accuracy(by_drawn, held_out.images, held_out.labels),
        real_on_drawn=class_accuracy(by_real, drawn.images, drawn.labels),
        real_on_real=class_accuracy(by_real, held_out.images, held_out.labels),
    )


def _collected(source: EvaluationSource, count: int) -> ImageSet:
    """So many images of a subject, evenly spread over it, at once."""
    images, labels, seen = [], [], 0
    chosen = rng.spread(0, "images of a set", 0, count, count, source.count)
    for some_images, some_labels in source.chunks():
        taken = chosen[(seen <= chosen) & (chosen < seen + len(some_images))] - seen
        seen += len(some_images)
        assert some_labels is not None
        images.append(some_images[taken])
        labels.append(some_labels[taken])
    return ImageSet(np.concatenate(images), np.concatenate(labels), source.class_names, source.name)
