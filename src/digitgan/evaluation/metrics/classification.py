"""What a classifier's answers say of drawn images: accuracy, confusion, the score of Salimans et al., balance of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.evaluation.metrics.interface import Labels, Probabilities, Vector

TINY = 1e-300
"""Keeps the logarithm of an answer of exactly 0 finite; multiplied by that 0, it counts nothing."""


@final
@dataclass(frozen=True)
class ClassificationSummary:
    """A classifier's answers, summed up in one pass.

    Attributes:
        confusion: (classes, classes), how many images asked for as the row's class were taken for the column's; for images that
            were asked for without a class, everything stands in one row.
        total: (classes,), the sum of the answers.
        negative_entropy: the sum over images of sum(p log p), in nats.
    """

    confusion: npt.NDArray[np.float64]
    total: Vector
    negative_entropy: float

    @staticmethod
    def of(classification: Probabilities, labels: Labels | None) -> ClassificationSummary:
        """Those of answers (n, classes) to images asked for by labels (n,)."""
        exact = classification.astype(np.float64)
        classes = exact.shape[1]
        confusion = np.zeros((1 if labels is None else classes, classes), dtype=np.float64)
        asked = np.zeros(len(exact), dtype=np.int64) if labels is None else labels
        np.add.at(confusion, (asked, exact.argmax(axis=1)), 1)
        return ClassificationSummary(confusion, exact.sum(axis=0), float((exact * np.log(exact.clip(min=TINY))).sum()))

    def __add__(self, other: ClassificationSummary) -> ClassificationSummary:
        """Those to both sets of images."""
        return ClassificationSummary(
            self.confusion + other.confusion, self.total + other.total, self.negative_entropy + other.negative_entropy
        )

    @staticmethod
    def weighted(groups: Sequence[ClassificationSummary], weights: Vector) -> ClassificationSummary:
        """Those of groups together, each taken as often as its weight says."""
        return ClassificationSummary(
            np.tensordot(weights, [group.confusion for group in groups], axes=1),
            np.tensordot(weights, [group.total for group in groups], axes=1),
            float(weights @ [group.negative_entropy for group in groups]),
        )

    @property
    def asked(self) -> bool:
        """Whether the images were asked for by class."""
        return len(self.confusion) == len(self.total)

    @property
    def count(self) -> int:
        """How many images."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The share of images that were taken for what they were asked for as; a number only where they were asked for so."""
        return float(np.trace(self.confusion)) / self.count

    @property
    def inception_score(self) -> float:
        """exp of the mean of KL(p(y|x) || p(y)), 1 to the number of classes (Salimans et al. 2016, section 4).

        High where each image is clearly of one class and all classes come up equally. It looks at no real image.
        """
        mean = self.total / self.count
        entropy = -float((mean * np.log(mean.clip(min=TINY))).sum())
        return float(np.exp(self.negative_entropy / self.count + entropy))

    @property
    def class_balance(self) -> float:
        """How far the classes found are from the classes asked for: the Jensen-Shannon divergence of their shares, in nats.

        0 where they are in balance, ln 2 where nothing is what was asked for; unlike the Kullback-Leibler divergence it stays
        finite where a class is missing. Images that were asked for without a class are compared with equal shares.
        """
        classes = self.confusion.shape[1]
        found = self.confusion.sum(axis=0) / self.count
        asked = self.confusion.sum(axis=1) / self.count if self.asked else np.full(classes, 1 / classes)
        middle = (found + asked) / 2
        return (
            sum(float((shares * np.log(shares.clip(min=TINY) / middle.clip(min=TINY))).sum()) for shares in (found, asked)) / 2
        )
