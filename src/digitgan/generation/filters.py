"""The filters that a set's plan names, made of the classifier and the real images it was made for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from digitgan.data import ProgressFn
from digitgan.errors import UsageError
from digitgan.evaluation import cached_reference_statistics, classifier_for
from digitgan.evaluation.run import train_test_split
from digitgan.generation.filtering import Filter, refuse
from digitgan.generation.quality import ConfidenceFilter, UniqueFilter
from digitgan.generation.set_plan import SetPlan
from digitgan.model.file import Model

PROBED: Final = 64
"""Images of each class by which it is seen, before anything is written, whether a filter lets enough of them pass."""

MIN_ACCEPTED: Final = 0.05
"""Share of a class's images that has to pass: below, drawing takes more than twenty times as long, and what is left is odd."""


def filters_of(plan: SetPlan, model: Model, data_dir: Path | None, notify: ProgressFn) -> list[Filter]:
    """The filters a plan names.

    Args:
        plan: of a set.
        model: that is drawn from.
        data_dir: where downloaded data sets lie.
        notify: is told where a classifier has to be trained first.

    Raises:
        UsageError: where the classifier knows other classes or images than the model draws.
    """
    if plan.classifier is None:
        return []
    split = train_test_split(plan.classifier, data_dir, notify)
    known = classifier_for(split.training, notify)
    found: list[Filter] = []
    if plan.min_confidence is not None:
        if split.training.class_names != model.class_names or split.training.shape != _channels_first(plan.shape):
            raise UsageError(
                f"--min-confidence: the classifier of {plan.classifier} knows other classes, or images of "
                "another size, than this "
                "model draws; name the data it was trained on with --data"
            )
        found.append(ConfidenceFilter(known.classifier, plan.min_confidence))
    if plan.unique:
        real = cached_reference_statistics(known, split.training, split.held_out, min(10_000, len(split.training)), notify)
        found.append(UniqueFilter(split.training.images, float(real.nearest.distances.min())))
    return found


def probe(model: Model, plan: SetPlan, filters: Sequence[Filter]) -> None:
    """Refuse filters that hardly any image passes, by the first images of each class, before anything is written.

    Raises:
        UsageError: for them.
    """
    if not filters:
        return
    for label in sorted(set(plan.labelling.classes)):
        labels = np.full(PROBED, label, dtype=np.int64)
        images = model.draw(model.latents(plan.seed, range(PROBED), plan.truncation), torch.from_numpy(labels))
        passed = np.logical_and.reduce([each.wants(images, labels) for each in filters])
        if passed.mean() < MIN_ACCEPTED:
            refuse(filters, model.class_names[label])


def _channels_first(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width = shape[:2]
    return shape[2] if len(shape) == 3 else 1, height, width
