"""Filters of drawn images by what they are worth: recognised as their class, and new."""

from __future__ import annotations

from typing import final

import numpy as np
import torch

from digitgan.evaluation.classifier import FeatureClassifier, classify_images
from digitgan.generation.filtering import Filter, Yes
from digitgan.generation.labels import Labels
from digitgan.images import Picture


@final
class ConfidenceFilter(Filter):
    """Wants images that the classifier takes for their class with some confidence.

    Args:
        classifier: a classifier of the training images.
        confidence: the least probability it gives the class asked for, 0 to 1.
    """

    name = "--min-confidence"

    def __init__(self, classifier: FeatureClassifier, confidence: float) -> None:
        self.classifier = classifier
        self.confidence = confidence

    def wants(self, images: Picture, labels: Labels) -> Yes:
        """See `Filter.wants`."""
        probabilities = classify_images(self.classifier, images)[1]
        found: Yes = probabilities[np.arange(len(labels)), labels] >= self.confidence
        return found


@final
class UniqueFilter(Filter):
    """Wants images that are no nearer to a training image than real images ever come.

    Args:
        training: the images that were trained on.
        nearest: how near held-out real images come to them, in levels of 255; see `ReferenceStatistics.nearest`.
    """

    name = "--unique"

    def __init__(self, training: Picture, nearest: float) -> None:
        self.training = training.reshape(len(training), -1)
        self.columns = torch.from_numpy(self.training).float()
        self.lengths = self.columns.square().sum(dim=1)
        self.nearest = nearest

    def wants(self, images: Picture, labels: Labels) -> Yes:
        """See `Filter.wants`."""
        rows = images.reshape(len(images), -1)
        # Squared distances but for the row's own length, which is the same for every training image.
        nearest = torch.addmm(self.lengths, torch.from_numpy(rows).float(), self.columns.T, alpha=-2).argmin(dim=1).numpy()
        differences = rows.astype(np.float64) - self.training[nearest]
        found: Yes = np.sqrt((differences**2).mean(axis=1)) >= self.nearest
        return found
