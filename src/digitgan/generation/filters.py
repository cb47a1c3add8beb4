"""The filters that a set's plan names, made of the judge and the real images it was made for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from digitgan.data import Say
from digitgan.errors import UsageError
from digitgan.evaluation import judge_of, kept_real_side
from digitgan.evaluation.run import halves_of
from digitgan.generation.filtering import Filter, refuse
from digitgan.generation.quality import New, Recognised
from digitgan.generation.set_plan import SetPlan
from digitgan.model.file import Model

PROBED: Final = 64
"""Images of each class by which it is seen, before anything is written, whether a filter lets enough of them pass."""

LEAST_ACCEPTED: Final = 0.05
"""Share of a class's images that has to pass: below, drawing takes more than twenty times as long, and what is left is odd."""


def filters_of(plan: SetPlan, model: Model, data_dir: Path | None, say: Say) -> list[Filter]:
    """The filters a plan names.

    Args:
        plan: of a set.
        model: that is drawn from.
        data_dir: where downloaded data sets lie.
        say: is told where a judge has to be trained first.

    Raises:
        UsageError: where the judge knows other classes or images than the model draws.
    """
    if plan.judged_by is None:
        return []
    halves = halves_of(plan.judged_by, data_dir, say)
    known = judge_of(halves.training, say)
    found: list[Filter] = []
    if plan.min_confidence is not None:
        if halves.training.class_names != model.class_names or halves.training.shape != _channels_first(plan.shape):
            raise UsageError(
                f"--min-confidence: the judge of {plan.judged_by} knows other classes, or images of another size, than this "
                "model draws; name the data it was trained on with --data"
            )
        found.append(Recognised(known.judge, plan.min_confidence))
    if plan.unique:
        real = kept_real_side(known, halves.training, halves.held_out, min(10_000, len(halves.training)), say)
        found.append(New(halves.training.images, float(real.nearest.distances.min())))
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
        if passed.mean() < LEAST_ACCEPTED:
            refuse(filters, model.class_names[label])


def _channels_first(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width = shape[:2]
    return shape[2] if len(shape) == 3 else 1, height, width
