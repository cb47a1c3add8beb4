"""Measurement of the training speed, which converts a budget in minutes to a length in images."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final, final

import numpy as np
import torch

from digitgan.data import Batch, ImageSet, silent
from digitgan.errors import RecipeError
from digitgan.networks import ImageSpec, build_discriminator, build_generator
from digitgan.recipes import Recipe
from digitgan.training import feature_pretraining
from digitgan.training.growth import GrowthSchedule, growth_of
from digitgan.training.pretraining import MAX_OF_RUN, MAX_PRETRAINING_BATCH
from digitgan.training.trainer import Trainer

SPEED_SECONDS: Final = 2.5
"""Largest duration of the measurement of the steps in seconds; its error is a few percent."""

SPEED_SHARE: Final = 0.03
"""Largest duration of the measurement of the steps, as a share of the budget."""

PRETRAINING_SHARE: Final = 0.01
"""The same of the measurement of pretraining steps, of which there is at least one."""

FIRST_BATCH: Final = 4
"""Number of images of the first measured steps: the time of larger batches follows from them before they are tried."""


def training_speed(recipe: Recipe, spec: ImageSpec, device: torch.device, budget: float, stage: int | None = None) -> float:
    """Measure the training speed of a recipe on this machine with a temporary trainer.

    The measurement keeps to its share of the budget: if whole steps would take longer, it uses smaller batches, which are a
    little slower for each image.

    Args:
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        budget: time budget of the training in seconds.
        stage: stage of growing networks at which the speed is measured; None for the full size.

    Returns:
        The speed in images per second.
    """
    enough, size = min(SPEED_SECONDS, SPEED_SHARE * budget), recipe.training.batch_size

    def trial_of(batch: int) -> Trial:
        """Return a trial after its first step, in which kernels are compiled and libraries loaded."""
        made = Trial(with_batch_size(recipe, batch), spec, device, recipe.training.precision, stage)
        made.seconds(1)
        return made

    started = time.perf_counter()

    def left() -> float:
        return enough - (time.perf_counter() - started)

    if device.type != "cpu":  # where launching the kernels takes longer than a small batch
        trial = trial_of(size)
        started = time.perf_counter()
        return _speed_of_whole_intervals(trial, left)
    batch = _first_batch(size, recipe.updates.microbatches)
    trial = trial_of(batch)
    started = time.perf_counter()
    each = trial.seconds(1) / batch  # seconds for an image, if the time is proportional to the number of images
    interval = len(trial.noises)
    if batch == size or 3 * each * size * interval <= left():
        return _speed_of_whole_intervals(trial if batch == size else trial_of(size), left)
    while 2 * batch < size and size % (2 * batch) == 0 and 6 * each * batch <= left():
        batch *= 2
        trial = trial_of(batch)
    return batch * interval / _seconds_of_interval(trial, recipe.updates.discriminator_steps, left)


def _first_batch(size: int, parts: int) -> int:
    """Return the smallest batch that is measured: a divisor of the batch size, with at least two images in each microbatch."""
    least = min(size, max(FIRST_BATCH, 2 * parts))
    return next(each for each in range(least, size + 1) if size % each == 0 and (each % parts == 0 or each == size))


def _seconds_of_interval(trial: Trial, discriminator_steps: int, left: Callable[[], float]) -> float:
    """Measure the steps of an interval as far as there is time, and return the duration of all of them.

    The first step, in which penalties are due, and the first with an update of the generator are measured before the others.
    """
    interval = len(trial.noises)
    found: dict[int, float] = {}
    for step in dict.fromkeys((0, discriminator_steps - 1, *range(interval))):
        if len(found) > 1 and max(found.values()) > left():
            break
        trial.trainer.images_seen = step * trial.trainer.recipe.training.batch_size
        found[step] = trial.seconds(1)

    def of_step(step: int) -> float:
        if step in found:
            return found[step]
        learns = step % discriminator_steps == discriminator_steps - 1
        alike = [
            seconds for other, seconds in found.items() if (other % discriminator_steps == discriminator_steps - 1) == learns
        ]
        plain = [found[other] for other in found if other != 0 and found[other] in alike]
        return statistics.median(plain or alike or found.values())

    return sum(map(of_step, range(interval)))


def _speed_of_whole_intervals(trial: Trial, left: Callable[[], float]) -> float:
    """Measure whole intervals until no time is left, and return the speed in images per second.

    Whole intervals include every part of a step at its real rate. The first one is slow, because kernels are compiled, and
    other programs may slow down some: their median is close to the speed of a long training.
    """
    interval, seconds = len(trial.noises), list[float]()
    while len(seconds) < 3 or left() > 0:
        seconds.append(trial.seconds(interval))
        if left() < -seconds[-1]:
            break  # another program slows this one down
    return trial.trainer.recipe.training.batch_size * interval / statistics.median(seconds)


def with_batch_size(recipe: Recipe, size: int) -> Recipe:
    """Return a recipe with another batch size; a batch of the generator of its own changes in proportion."""
    own = recipe.updates.generator_batch
    scaled = max(1, round(own * size / recipe.training.batch_size)) if own else 0
    return dataclasses.replace(
        recipe,
        training=dataclasses.replace(recipe.training, batch_size=size),
        updates=dataclasses.replace(recipe.updates, generator_batch=scaled),
    )


def with_share_of_batch(recipe: Recipe, processes: int) -> Recipe:
    """Return a recipe with the share of the batch and of the microbatches that each of several processes computes."""
    parts = recipe.updates.microbatches
    if parts % processes:
        return recipe  # the training refuses it
    shared = with_batch_size(recipe, recipe.training.batch_size // processes)
    return dataclasses.replace(shared, updates=dataclasses.replace(shared.updates, microbatches=parts // processes))


def images_within(seconds: float, recipe: Recipe, spec: ImageSpec, device: torch.device, speed: float) -> int:
    """Compute the length of a run of a given duration, including the pretraining of the generator and of the features.

    Args:
        seconds: duration of the run.
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        speed: images per second, from `training_speed`.

    Returns:
        The length in images.
    """
    whole, size, training = round(speed * seconds), recipe.training.batch_size, recipe.training
    if not training.generator_pretraining and not training.feature_pretraining:
        return whole
    trial = Trial(recipe, spec, device, training.precision)
    # A long run has all pretraining steps, a short one at most a share of its own steps.
    of_long = of_short = 0.0
    if training.generator_pretraining:
        alone = _median_of_repeated(trial.seconds_alone, PRETRAINING_SHARE * seconds)
        of_long += alone * training.generator_pretraining
        of_short += alone * MAX_OF_RUN / size
    if training.feature_pretraining:
        alone = trial.seconds_of_features(1)
        if 5 * alone < PRETRAINING_SHARE * seconds:
            alone = trial.seconds_of_features()
        of_long += alone * training.feature_pretraining
        of_short += alone * feature_pretraining.MAX_OF_RUN / feature_pretraining.BATCH_SIZE
    long, short = round(speed * (seconds - of_long)), round(seconds / (1 / speed + of_short))
    return max(long, min(short, whole))


def _median_of_repeated(measure: Callable[[], float], enough: float, most: int = 5) -> float:
    """Return the median of at most five measurements; no further one is begun after `enough` seconds."""
    found = [measure()]
    while len(found) < most and sum(found) < enough:
        found.append(measure())
    return statistics.median(found)


def grown_images_within(seconds: float, recipe: Recipe, spec: ImageSpec, device: torch.device, speed: float) -> int:
    """Compute the length of a run of a given duration whose networks grow.

    Args:
        seconds: duration of the run, with the measurement at the smaller sizes.
        recipe: recipe with a resolved precision and a growth.
        spec: shape of the images.
        device: device of the training.
        speed: images per second at the full size, from `training_speed`.

    Returns:
        The length in images.

    Raises:
        RecipeError: if the growth does not end within this duration.
    """
    started = time.perf_counter()
    schedule = _schedules(recipe, spec)
    *earlier, last = schedule(10**12).stages
    speeds = {stage: training_speed(recipe, spec, device, seconds / (1 + len(earlier)), stage) for stage in earlier}
    speeds[last] = speed
    seconds -= time.perf_counter() - started
    low, high = recipe.training.batch_size, max(recipe.training.batch_size, round(seconds * max(speeds.values())))
    while low < high:
        middle = (low + high + 1) // 2
        if _seconds(middle, schedule, speeds) <= seconds:
            low = middle
        else:
            high = middle - 1
    schedule(low)  # raises if the growth does not end before the run
    return low


def training_seconds(recipe: Recipe, spec: ImageSpec, device: torch.device, budget: float) -> float:
    """Measure how long a run of the recipe's length takes on this machine, without its pretraining and its previews.

    Args:
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        budget: duration of a training for which the measurement would be made, in seconds; see `training_speed`.
    """
    if not recipe.training.growth:
        return recipe.training.images / training_speed(recipe, spec, device, budget)
    schedule = _schedules(recipe, spec)
    stages = schedule(recipe.training.images).stages
    speeds = {stage: training_speed(recipe, spec, device, budget / len(stages), stage) for stage in stages}
    return _seconds(recipe.training.images, schedule, speeds)


def _schedules(recipe: Recipe, spec: ImageSpec) -> Callable[[int], GrowthSchedule]:
    """Return a function that returns the schedule of growth of a run, by its length in images."""
    generator, discriminator = build_generator(recipe, spec), build_discriminator(recipe, spec)

    def schedule(images: int) -> GrowthSchedule:
        training = dataclasses.replace(recipe.training, images=images)
        found = growth_of(dataclasses.replace(recipe, training=training), generator, discriminator)
        assert found is not None
        return found

    return schedule


def _seconds(images: int, schedule: Callable[[int], GrowthSchedule], speeds: Mapping[int, float]) -> float:
    """Return the duration of a run of this length; 0 if it ends before its networks are grown."""
    try:
        return sum(length / speeds[stage] for stage, length in schedule(images).phases())
    except RecipeError:
        return 0.0


def _interval(recipe: Recipe) -> int:
    """Return the number of steps after which updates of the generator and penalties are due as in the first ones."""
    penalty, discriminator_steps = recipe.penalty, recipe.updates.discriminator_steps
    paths = penalty.path_length_interval if penalty.path_length > 0 else 1
    return math.lcm(penalty.interval, discriminator_steps * paths)


@final
class Trial:
    """A temporary trainer for measuring the duration of steps."""

    def __init__(self, recipe: Recipe, spec: ImageSpec, device: torch.device, precision: str, stage: int | None = None) -> None:
        training = dataclasses.replace(recipe.training, images=10**12, precision=precision, growth="")
        self.trainer = Trainer(dataclasses.replace(recipe, training=training), spec, seed=0, device=device)
        if stage is not None:
            self.trainer.grow(float(stage))
        size = training.batch_size
        pixels = torch.zeros(size, spec.channels, spec.height, spec.width, dtype=torch.uint8, device=device)
        self.batch = Batch(pixels, torch.arange(size, device=device) % spec.classes)
        source = self.trainer.noise_source()
        self.noises = [source.at(step * size) for step in range(_interval(recipe))]

    def seconds(self, steps: int) -> float:
        """Measure the duration of training steps in seconds."""
        started = time.perf_counter()
        for _ in range(steps):
            self.trainer.step(self.batch, self.noises[self.trainer.steps_done % len(self.noises)])
        _wait(self.trainer.device)
        return time.perf_counter() - started

    def seconds_alone(self) -> float:
        """Measure the duration of a pretraining step of the generator in seconds."""
        started = time.perf_counter()
        batch = Batch(self.batch.images[:MAX_PRETRAINING_BATCH], self.batch.labels[:MAX_PRETRAINING_BATCH])
        self.trainer.reconstruct(self.noises[0].z[:MAX_PRETRAINING_BATCH], batch, self.trainer.generator_optimizer)
        _wait(self.trainer.device)
        return time.perf_counter() - started

    def seconds_of_features(self, steps: int = 4) -> float:
        """Measure the duration of a pretraining step of the feature network in seconds, after one to warm up."""
        spec, size = self.trainer.spec, feature_pretraining.BATCH_SIZE
        names = tuple(map(str, range(spec.classes)))
        pixels = np.zeros((size, spec.height, spec.width, spec.channels), dtype=np.uint8)
        images = ImageSet(pixels, np.arange(size) % spec.classes, names, "trial")
        feature_pretraining.teach_features(self.trainer, 1, images, silent, _go_on)
        started = time.perf_counter()
        feature_pretraining.teach_features(self.trainer, steps, images, silent, _go_on)
        _wait(self.trainer.device)
        return (time.perf_counter() - started) / steps


def _go_on() -> None:
    """Return: a measurement is never stopped."""


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
