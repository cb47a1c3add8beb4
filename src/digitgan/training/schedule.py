"""Schedules of the learning rate and of the events of a run, in images seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from digitgan.recipes import Recipe, TrainingRecipe

MIN_SCALE = 1e-3
"""Smallest factor of the learning rate, so that the last step also updates the networks."""


def learning_rate_scale(recipe: Recipe, images_seen: int) -> float:
    """Return the factor of both learning rates: 1, decaying over the last `decay_share` of the run."""
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
    """A schedule of evenly spaced events.

    Attributes:
        images: length of the run, in images.
        count: number of events; the last one is at the end of the run.
        batch_size: images of a step; an event is due after the first step that ends at or after its position.
    """

    images: int
    count: int
    batch_size: int

    def due(self, images_seen: int) -> bool:
        """Return whether an event is due after the step that ended at this number of images seen."""
        return images_seen > 0 and self._passed(images_seen) > self._passed(images_seen - self.batch_size)

    def _passed(self, images_seen: int) -> int:
        return max(0, min(images_seen, self.images)) * self.count // self.images


@final
@dataclass(frozen=True)
class IntervalSchedule:
    """A schedule of events at a fixed interval and at the end of the run.

    Attributes:
        images: length of the run, in images.
        every: interval in images.
        batch_size: images of a step; an event is due after the first step that ends at or after its position.
    """

    images: int
    every: float
    batch_size: int

    def due(self, images_seen: int) -> bool:
        """Return whether an event is due after the step that ended at this number of images seen."""
        before = images_seen - self.batch_size
        ends = before < self.images <= images_seen
        return images_seen > 0 and (ends or images_seen // self.every > max(0, before) // self.every)


@final
@dataclass(frozen=True)
class RunSchedules:
    """The schedules of a run.

    Attributes:
        previews: schedule of the previews.
        checkpoints: schedule of the checkpoints.
        snapshots: schedule of the snapshots.
        evaluations: schedule of the evaluations.
    """

    previews: Schedule | IntervalSchedule
    checkpoints: Schedule | IntervalSchedule
    snapshots: Schedule | IntervalSchedule
    evaluations: Schedule | IntervalSchedule


def schedules_of(training: TrainingRecipe, images_an_epoch: int) -> RunSchedules:
    """Return the schedules of a run, by count or by epochs as the recipe requires."""

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
