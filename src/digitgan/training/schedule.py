"""What happens when, counted in images seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from digitgan.recipes import Recipe, TrainingRecipe

MIN_SCALE = 1e-3
"""Share of the learning rate left at the very end, so that the last step is a step like any other."""


def learning_rate_scale(recipe: Recipe, images_seen: int) -> float:
    """The factor on both learning rates at this point of the run: 1, falling over the last `decay_share` of it."""
    optimizer = recipe.optimizer
    if optimizer.decay == "none" or optimizer.decay_share == 0:
        return 1.0
    left = 1 - images_seen / recipe.training.images
    share = min(1.0, max(0.0, left / optimizer.decay_share))
    if optimizer.decay == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    return max(MIN_SCALE, share)


@final
@dataclass(frozen=True)
class Schedule:
    """Evenly spread moments of a run at which something is due.

    Attributes:
        images: length of the run.
        count: how many moments; the last is the run's end.
        batch_size: a moment is reached with the first step that ends at or after it.
    """

    images: int
    count: int
    batch_size: int

    def due(self, images_seen: int) -> bool:
        """Whether a moment was reached by the step that ended at this count of images."""
        return images_seen > 0 and self._passed(images_seen) > self._passed(images_seen - self.batch_size)

    def _passed(self, images_seen: int) -> int:
        return max(0, min(images_seen, self.images)) * self.count // self.images


@final
@dataclass(frozen=True)
class IntervalSchedule:
    """Moments after every so many images, and at the run's end.

    Attributes:
        images: length of the run.
        every: images between two moments.
        batch_size: a moment is reached with the first step that ends at or after it.
    """

    images: int
    every: float
    batch_size: int

    def due(self, images_seen: int) -> bool:
        """Whether a moment was reached by the step that ended at this count of images."""
        before = images_seen - self.batch_size
        ends = before < self.images <= images_seen
        return images_seen > 0 and (ends or images_seen // self.every > max(0, before) // self.every)


@final
@dataclass(frozen=True)
class RunSchedules:
    """When in a run what is due.

    Attributes:
        previews: sample grids.
        checkpoints: what one resumes from.
        snapshots: numbered models.
        evaluations: scores of what is drawn.
    """

    previews: Schedule | IntervalSchedule
    checkpoints: Schedule | IntervalSchedule
    snapshots: Schedule | IntervalSchedule
    evaluations: Schedule | IntervalSchedule


def schedules_of(training: TrainingRecipe, images_an_epoch: int) -> RunSchedules:
    """A run's moments, by count or by epochs as its recipe has it."""

    def spread(count: int, epochs: float) -> Schedule | IntervalSchedule:
        if epochs:
            return IntervalSchedule(training.images, epochs * images_an_epoch, training.batch_size)
        return Schedule(training.images, count, training.batch_size)

    every = training.evaluate_every
    return RunSchedules(
        previews=spread(training.previews, training.preview_epochs),
        checkpoints=spread(training.checkpoints, training.checkpoint_epochs),
        snapshots=spread(training.snapshots, 0.0),
        evaluations=IntervalSchedule(training.images, every, training.batch_size) if every else spread(0, 0.0),
    )
