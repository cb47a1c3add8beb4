"""Measurement of the training speed, which converts a budget in minutes to a length in images."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import final

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

SPEED_SECONDS = 2.5
"""Largest duration of the measurement in seconds; its error is a few percent."""

SPEED_SHARE = 0.04
"""Largest duration of the measurement, as a share of the budget."""


def training_speed(recipe: Recipe, spec: ImageSpec, device: torch.device, budget: float, stage: int | None = None) -> float:
    """Measure the training speed of a recipe on this machine with a temporary trainer.

    Args:
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        budget: time budget of the training in seconds.
        stage: stage of growing networks at which the speed is measured; None for the full size.

    Returns:
        The speed in images per second.
    """
    enough = min(SPEED_SECONDS, SPEED_SHARE * budget)
    trial = Trial(recipe, spec, device, recipe.training.precision, stage)
    interval = len(trial.noises)
    # Whole intervals include every part of a step at its real rate. The first one is slow, because kernels are compiled, and
    # other programs may slow down some: their median is close to the speed of a long training.
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < 3 or time.perf_counter() - started < enough:
        seconds.append(trial.seconds(interval))
        if time.perf_counter() - started > 4 * enough:
            break  # a rough measurement of a slow network
    return recipe.training.batch_size * interval / statistics.median(seconds)


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
        alone = statistics.median(trial.seconds_alone() for _ in range(5))
        of_long += alone * training.generator_pretraining
        of_short += alone * MAX_OF_RUN / size
    if training.feature_pretraining:
        alone = trial.seconds_of_features()
        of_long += alone * training.feature_pretraining
        of_short += alone * feature_pretraining.MAX_OF_RUN / feature_pretraining.BATCH_SIZE
    long, short = round(speed * (seconds - of_long)), round(seconds / (1 / speed + of_short))
    return max(long, min(short, whole))


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
