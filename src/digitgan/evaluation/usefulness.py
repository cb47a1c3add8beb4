"""Usefulness: what a classifier learns from drawn images, tried on real ones, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from digitgan.data import ImageSet
from digitgan.evaluation.evaluating import evenly
from digitgan.evaluation.judge import class_accuracy, train_judge

STEPS_OF_IMAGES: Final = 120_000
"""Images that each classifier is shown, however few different ones: more of them bring nothing that shows."""


@final
@dataclass(frozen=True)
class Usefulness:
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


def usefulness(drawn: ImageSet, training: ImageSet, held_out: ImageSet) -> Usefulness:
    """Train two classifiers and try them.

    Args:
        drawn: with the labels they were asked for by.
        training: real images.
        held_out: others of their kind.
    """
    count = min(len(drawn), len(training))
    epochs = max(1, round(STEPS_OF_IMAGES / count))
    by_drawn = train_judge(evenly(drawn, count), epochs=epochs)
    by_real = train_judge(evenly(training, count), epochs=epochs)
    return Usefulness(
        images=count,
        drawn_on_real=class_accuracy(by_drawn, held_out.images, held_out.labels),
        real_on_drawn=class_accuracy(by_real, drawn.images, drawn.labels),
        real_on_real=class_accuracy(by_real, held_out.images, held_out.labels),
    )
