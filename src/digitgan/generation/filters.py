"""The filters of a set: the classifier's confidence, the distance to training images, and the discriminator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

import numpy as np
import torch

from digitgan.data import DataRequest, ProgressFn, silent
from digitgan.errors import RunError, UsageError
from digitgan.evaluation import cached_reference_statistics, classifier_for
from digitgan.evaluation.classifier import classify_images
from digitgan.evaluation.classifier_networks import FeatureClassifier
from digitgan.evaluation.sources import train_test_split
from digitgan.generation.discriminator_rejection import OPTION, DiscriminatorFilter
from digitgan.generation.labels import Labels
from digitgan.generation.plan import SetPlan
from digitgan.generation.rejection_sampling import Accepted, Filter, Uniforms, acceptance_numbers, refuse
from digitgan.images import Picture
from digitgan.model.file import Model, tensors_sha256
from digitgan.model.registry import load_discriminator

ACCEPTANCE_IMAGES: Final = 64
"""Images per class from which the acceptance rate is estimated before anything is written."""

MIN_ACCEPTED: Final = 0.05
"""Minimum acceptance rate per class. Below it sampling takes more than twenty times as long, and the accepted images are
atypical."""


def filters_of(plan: SetPlan, model: Model, data_dir: Path | None, notify: ProgressFn) -> list[Filter]:
    """Build the filters of a plan.

    Args:
        plan: Plan of the set.
        model: The model to sample from.
        data_dir: Folder of downloaded data sets.
        notify: Called with a line if a classifier has to be trained first.

    Raises:
        UsageError: If the classifier and the model differ in classes or image size, or the model has no discriminator.
        RunError: If the discriminator is not that of the plan.
    """
    return [*_real_filters(plan, model, data_dir, notify), *_discriminator_filter(plan, model)]


def _discriminator_filter(plan: SetPlan, model: Model) -> list[Filter]:
    if plan.discriminator_rejection is None:
        return []
    discriminator = load_discriminator(plan.model, model, OPTION)
    if tensors_sha256(discriminator.state_dict()) != plan.discriminator_sha256:
        raise RunError(f"{plan.model}: its checkpoint changed during the command; repeat it when the training has ended")
    labels, share = set(plan.labelling.classes), plan.discriminator_rejection
    return [DiscriminatorFilter.of(model, discriminator, share, labels, plan.seed, plan.truncation)]


def _real_filters(plan: SetPlan, model: Model, data_dir: Path | None, notify: ProgressFn) -> list[Filter]:
    """Build the filters that compare with real images."""
    if plan.data is None:
        return []
    request = DataRequest.requested((), data_dir, None, json.loads(plan.data))
    split = train_test_split(request, silent)  # the plan of the set has reported its notes
    known = classifier_for(split.training, notify)
    found: list[Filter] = []
    if plan.min_confidence is not None:
        if split.training.class_names != model.class_names or split.training.shape != _channels_first(plan.shape):
            raise UsageError(
                f"--min-confidence: the classifier of {request.name} and this model differ in classes or image size; "
                "name the model's training data with --data"
            )
        found.append(ConfidenceFilter(known.classifier, plan.min_confidence))
    if plan.unique:
        real = cached_reference_statistics(known, split.training, split.held_out, min(10_000, len(split.training)), notify)
        found.append(UniqueFilter(split.training.images, float(real.nearest.distances.min())))
    return found


def check_acceptance(model: Model, plan: SetPlan, filters: Sequence[Filter]) -> None:
    """Estimate the acceptance rate of each class from its first images, before anything is written.

    Raises:
        UsageError: If a rate is below `MIN_ACCEPTED`.
    """
    if not filters:
        return
    for label in sorted(set(plan.labelling.classes)):
        labels = np.full(ACCEPTANCE_IMAGES, label, dtype=np.int64)
        images = model.draw(model.latents(plan.seed, range(ACCEPTANCE_IMAGES), plan.truncation), torch.from_numpy(labels))
        uniforms = acceptance_numbers(plan.seed, range(ACCEPTANCE_IMAGES), 0)
        passed = np.logical_and.reduce([each.accepts(images, labels, uniforms) for each in filters])
        if passed.mean() < MIN_ACCEPTED:
            refuse(filters, model.class_names[label])


def _channels_first(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width = shape[:2]
    return shape[2] if len(shape) == 3 else 1, height, width


@final
class ConfidenceFilter(Filter):
    """A filter that accepts images whose label the classifier predicts with a minimum probability.

    Args:
        classifier: A classifier of the training images.
        confidence: Minimum probability of the requested class, in [0, 1].
    """

    name = "--min-confidence"

    def __init__(self, classifier: FeatureClassifier, confidence: float) -> None:
        self.classifier = classifier
        self.confidence = confidence

    def accepts(self, images: Picture, labels: Labels, uniforms: Uniforms) -> Accepted:
        """See `Filter.accepts`."""
        probabilities = classify_images(self.classifier, images)[1]
        found: Accepted = probabilities[np.arange(len(labels)), labels] >= self.confidence
        return found


@final
class UniqueFilter(Filter):
    """A filter that rejects images nearer to a training image than the nearest held-out real image.

    Args:
        training: The training images, uint8 (n, height, width[, channels]).
        nearest: Minimum distance of held-out real images to them, in levels of 255; see `ReferenceStatistics.nearest`.
    """

    name = "--unique"

    def __init__(self, training: Picture, nearest: float) -> None:
        self.training = training.reshape(len(training), -1)
        self.columns = torch.from_numpy(self.training).float()
        self.lengths = self.columns.square().sum(dim=1)
        self.nearest = nearest

    def accepts(self, images: Picture, labels: Labels, uniforms: Uniforms) -> Accepted:
        """See `Filter.accepts`."""
        rows = images.reshape(len(images), -1)
        # The squared norm of the row is omitted from the distances: it is the same for every training image.
        nearest = torch.addmm(self.lengths, torch.from_numpy(rows).float(), self.columns.T, alpha=-2).argmin(dim=1).numpy()
        differences = rows.astype(np.float64) - self.training[nearest]
        found: Accepted = np.sqrt((differences**2).mean(axis=1)) >= self.nearest
        return found
