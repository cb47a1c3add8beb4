"""Metrics of a classifier's predictions: class accuracy, confusion matrix, Inception score and class balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.evaluation.metrics.frechet import Vector

Probabilities = npt.NDArray[np.floating]
"""Class probabilities (n, classes), one distribution for each image. Each row sums to 1."""

Labels = npt.NDArray[np.int64]


TINY = 1e-300
"""The lower bound of a probability inside a logarithm. It keeps p log p finite at p = 0, where the product is 0."""


@final
@dataclass(frozen=True)
class ClassificationSummary:
    """The sums of a classifier's predictions, accumulated in one pass.

    Attributes:
        confusion: (classes, classes), the number of images with the row's label and the column's predicted label. Unlabelled
            images have a single row, (1, classes).
        total: (classes,), the sum of the predicted probabilities.
        negative_entropy: the sum over images of sum(p log p), in nats.
    """

    confusion: npt.NDArray[np.float64]
    total: Vector
    negative_entropy: float

    @staticmethod
    def of(classification: Probabilities, labels: Labels | None) -> ClassificationSummary:
        """Return the summary of probabilities (n, classes) for images with labels (n,)."""
        exact = classification.astype(np.float64)
        classes = exact.shape[1]
        confusion = np.zeros((1 if labels is None else classes, classes), dtype=np.float64)
        asked = np.zeros(len(exact), dtype=np.int64) if labels is None else labels
        np.add.at(confusion, (asked, exact.argmax(axis=1)), 1)
        return ClassificationSummary(confusion, exact.sum(axis=0), float((exact * np.log(exact.clip(min=TINY))).sum()))

    def __add__(self, other: ClassificationSummary) -> ClassificationSummary:
        """Return the summary of both sets of images."""
        return ClassificationSummary(
            self.confusion + other.confusion, self.total + other.total, self.negative_entropy + other.negative_entropy
        )

    @staticmethod
    def weighted(groups: Sequence[ClassificationSummary], weights: Vector) -> ClassificationSummary:
        """Return the summary of several groups, each counted as many times as its weight."""
        return ClassificationSummary(
            np.tensordot(weights, [group.confusion for group in groups], axes=1),
            np.tensordot(weights, [group.total for group in groups], axes=1),
            float(weights @ [group.negative_entropy for group in groups]),
        )

    @property
    def asked(self) -> bool:
        """True if the images have labels."""
        return len(self.confusion) == len(self.total)

    @property
    def count(self) -> int:
        """The number of images."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The fraction of images whose predicted label equals their label; meaningful only if the images have labels."""
        return float(np.trace(self.confusion)) / self.count

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the class accuracies of the classes that have images; meaningful only if the images have labels."""
        totals = self.confusion.sum(axis=1)
        there = totals > 0
        return float((np.diagonal(self.confusion)[there] / totals[there]).mean()) if there.any() else 0.0

    @property
    def inception_score(self) -> float:
        """The exponential of the mean of KL(p(y|x) || p(y)), 1 to the number of classes (Salimans et al. 2016, section 4).

        It is high if each prediction is confident and all classes are equally frequent. It does not use real images.
        """
        mean = self.total / self.count
        entropy = -float((mean * np.log(mean.clip(min=TINY))).sum())
        return float(np.exp(self.negative_entropy / self.count + entropy))

    @property
    def class_balance(self) -> float:
        """The Jensen-Shannon divergence between the distributions of predicted labels and of labels, in nats.

        It is 0 for equal distributions and ln 2 for disjoint ones. Unlike the Kullback-Leibler divergence, it is finite if a
        class is missing. Unlabelled images are compared with the uniform distribution.
        """
        classes = self.confusion.shape[1]
        found = self.confusion.sum(axis=0) / self.count
        asked = self.confusion.sum(axis=1) / self.count if self.asked else np.full(classes, 1 / classes)
        middle = (found + asked) / 2
        return (
            sum(float((shares * np.log(shares.clip(min=TINY) / middle.clip(min=TINY))).sum()) for shares in (found, asked)) / 2
        )
