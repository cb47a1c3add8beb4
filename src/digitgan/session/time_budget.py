"""The length of a training with a budget in minutes: estimated before the training, and decided during it."""

from __future__ import annotations

import dataclasses
import math
from typing import Final, final

import torch

from digitgan.data import ProgressFn
from digitgan.distributed import world
from digitgan.errors import UsageError
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe
from digitgan.session.account import CLASSIFIER, TimeAccount
from digitgan.session.short_run import batch_for
from digitgan.training.feature_pretraining import feature_steps
from digitgan.training.pretraining import generator_steps, least_length
from digitgan.training.speed import grown_images_within, images_within, training_speed, with_batch_size, with_share_of_batch

LEAST_STEPS: Final = 100
"""Number of steps of the shortest budget in minutes that a message suggests."""

MINUTES_SHARE: Final = 0.97
"""Share for the steps of the time that is left for the training; previews, checkpoints and the final model take the rest."""

MIN_STEPS_SHARE: Final = 0.25
"""Share of a budget in minutes that the steps have at least, on a machine on which the start takes long."""

END_SECONDS: Final = 0.7
"""Least time that is kept for the curves, the animation and the exit at the end of a budget in minutes."""

EXIT_SECONDS, END_OF_START = 0.3, 0.45
"""The same after a slow start: a constant and a share of the time of the start. Both ends are mostly Python."""

SPEED_OF_HALF_A_BATCH: Final = 0.8
"""Speed in images a second with half a batch, as a share of that with the whole batch, where it is not measured."""

MIN_CONSTANT_SHARE: Final = 0.25
"""Smallest share of a run before its learning-rate decay with which its length is decided during the training."""

MAX_CONSTANT_SHARE: Final = 0.9
"""Share of a run after which its length is decided at the latest."""

EARLIEST: Final = 0.8
"""Share of the time before the learning-rate decay from which the length may be decided."""

SLOWDOWN: Final = 1.15
"""Factor by which a training may be slower than was measured before it, without missing its budget for its pretraining."""

MARKS_FACTOR: Final = 1.05
"""Factor between the times at which the progress is remembered."""

NEWEST_FROM: Final = 2 / 3
"""Share of the time since the first step after which steps count for the newest speed."""


def seconds_of_end(account: TimeAccount) -> float:
    """Return the time that is kept for the end of a training, in seconds."""
    return max(END_SECONDS, EXIT_SECONDS + END_OF_START * account.parts["start"])


def can_decide_later(recipe: Recipe, device: torch.device) -> bool:
    """Return whether the length of a run can be decided during its training, by the speed of its own steps.

    That takes a learning rate that is constant for a while, and networks that do not grow. On a GPU, whose speed varies less,
    and in several processes, the length is decided before the training.
    """
    constant = constant_share(recipe) >= MIN_CONSTANT_SHARE
    return constant and device.type == "cpu" and world()[1] == 1 and not recipe.training.growth.strip()


def constant_share(recipe: Recipe) -> float:
    """Return the share of a run before its learning rate decays: until then, the weights do not depend on the length."""
    optimizer = recipe.optimizer
    share = 0.0 if optimizer.decay == "none" else optimizer.decay_share
    return min(1 - share, MAX_CONSTANT_SHARE)


def images_in_budget(
    recipe: Recipe,
    minutes: float,
    spec: ImageSpec,
    device: torch.device,
    notify: ProgressFn,
    account: TimeAccount,
    *,
    may_shrink: bool,
) -> int:
    """Return the length of a run, in images, that ends within a budget at the speed of this machine, which is measured.

    Args:
        recipe: recipe with a resolved precision.
        minutes: the budget, which begins with the account.
        spec: shape of the training images.
        device: device of the training.
        notify: called before the speed is measured.
        account: account of the time.
        may_shrink: whether a short run takes smaller batches.

    Raises:
        UsageError: if the budget is too short for a step.
    """
    notify("measuring the speed of training on this machine …")
    processes = world()[1]  # all measure at the same time, each its share of the batch
    speed = processes * training_speed(with_share_of_batch(recipe, processes), spec, device, 60 * minutes)
    step = recipe.training.batch_size / speed
    budget, around = 60 * minutes, account.seconds + seconds_of_end(account)
    seconds = MINUTES_SHARE * (budget - around)
    if max(seconds, MIN_STEPS_SHARE * budget) < step:
        least = math.ceil(10 * LEAST_STEPS * step / 60) / 10
        raise UsageError(
            f"--minutes {minutes:g}: a step of {recipe.name} takes up to {step:.2g} s on this machine, longer than "
            f"the part of this budget that is left for steps; give --minutes {least:g} or more, or --images"
        )
    if seconds < MIN_STEPS_SHARE * budget:
        notify(f"warning: the start and the end take {around:.0f} s of the {budget:g} s, so the training will end later")
        seconds = MIN_STEPS_SHARE * budget
    within = grown_images_within if recipe.training.growth.strip() else images_within
    images = within(seconds, recipe, spec, device, speed)
    size, later = recipe.training.batch_size, can_decide_later(recipe, device)
    while may_shrink and batch_for(recipe, images) < size:
        # A smaller batch is slower for each image, so the run sees fewer. It never sees more, because `batch_for` could
        # then return the larger batch again, and the command with --images would not repeat the run.
        halved = round(math.log2(size / batch_for(recipe, images)))
        size = batch_for(recipe, images)
        if later:  # the estimate need not be better than this
            images = round(SPEED_OF_HALF_A_BATCH**halved * images)
            continue
        slower = with_share_of_batch(with_batch_size(recipe, size), processes)
        speed = processes * training_speed(slower, spec, device, 60 * minutes)
        seconds = max(MINUTES_SHARE * (budget - account.seconds - seconds_of_end(account)), MIN_STEPS_SHARE * budget)
        images = min(images, within(seconds, slower, spec, device, speed))
    return images


def with_fixed_pretraining(recipe: Recipe) -> Recipe:
    """Return the recipe with as many pretraining steps as a shorter run has, for a length that is not decided yet."""
    shorter = dataclasses.replace(recipe.training, images=max(1, round(recipe.training.images / SLOWDOWN)))
    short = dataclasses.replace(recipe, training=shorter)
    training = dataclasses.replace(
        recipe.training,
        generator_pretraining=generator_steps(short),
        feature_pretraining=feature_steps(short) if recipe.training.feature_pretraining else 0,
    )
    return dataclasses.replace(recipe, training=training)


@final
class OpenLength:
    """The length of a run with a budget in minutes, which is decided during its training.

    The learning rate is constant before its decay, so that the weights do not depend on the length until then. The length is
    decided at that moment, by the speed of the run itself: a measurement before the training is short, and says little about a
    machine whose speed changes.

    Args:
        minutes: budget of the run, which begins with the account.
        account: account of the time.
    """

    def __init__(self, minutes: float, account: TimeAccount) -> None:
        self._budget = 60 * minutes
        self._account = account
        self._images = 0
        self._seconds = 0.0
        self._left = 0.0
        self._marks = [(0.0, 0)]

    def begin(self, seconds: float) -> None:
        """Begin with the first step.

        Args:
            seconds: time of training until now, which pauses and evaluations do not count for.
        """
        self._seconds = seconds
        spent = self._account.seconds - self._account.parts.get(CLASSIFIER, 0.0)
        left = self._budget - spent - seconds_of_end(self._account)
        self._left = max(MINUTES_SHARE * left, MIN_STEPS_SHARE * self._budget)

    def after_step(self, recipe: Recipe, images_seen: int, seconds: float) -> int | None:
        """Return the length in images once it is decided; None before.

        Args:
            recipe: recipe of the run with its expected length.
            images_seen: number of images seen.
            seconds: time of training until now, as in `begin`.
        """
        self._images += recipe.training.batch_size
        spent = max(seconds - self._seconds, 1e-9)
        speed = (self._newest_speed(spent) + self._images / spent) / 2  # one says more about the rest, the other varies less
        length = images_seen + round(speed * max(0.0, self._left - spent))
        constant, after_next = constant_share(recipe), images_seen + recipe.training.batch_size
        soon = spent < EARLIEST * constant * self._left  # a stall now would be taken for the speed of the rest
        if after_next < constant * (recipe.training.images if soon else min(length, recipe.training.images)):
            return None
        # With a smaller length, the learning rate would have had to decay already, or the pretraining would have been shorter.
        return max(length, math.ceil(images_seen / constant), after_next, least_length(recipe))

    def _newest_speed(self, spent: float) -> float:
        """Return the images per second of the last third of the time."""
        if spent > MARKS_FACTOR * self._marks[-1][0]:
            self._marks.append((spent, self._images))
        since, images = next(mark for mark in reversed(self._marks) if mark[0] <= NEWEST_FROM * spent)
        return (self._images - images) / (spent - since)
