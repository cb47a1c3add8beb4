"""Measurement of the training speed, which converts a budget in minutes to a length in images."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import final

import torch

from digitgan.data import Batch
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe
from digitgan.training.noise import NoiseSource
from digitgan.training.pretraining import MAX_OF_RUN, MAX_PRETRAINING_BATCH
from digitgan.training.trainer import Trainer

SPEED_SECONDS = 2.5
"""Largest duration of the measurement in seconds; its error is a few percent."""

SPEED_SHARE = 0.04
"""Largest duration of the measurement, as a share of the budget."""


def training_speed(recipe: Recipe, spec: ImageSpec, device: torch.device, budget: float) -> float:
    """Measure the training speed of a recipe on this machine with a temporary trainer.

    Args:
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        budget: time budget of the training in seconds.

    Returns:
        The speed in images per second.
    """
    enough = min(SPEED_SECONDS, SPEED_SHARE * budget)
    trial, interval = Trial(recipe, spec, device, recipe.training.precision), recipe.penalty.interval
    # Whole intervals include the penalty at its real rate. The first one is slow, because kernels are compiled, and other
    # programs may slow down some: their median is close to the speed of a long training.
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < 3 or time.perf_counter() - started < enough:
        seconds.append(trial.seconds(interval))
        if time.perf_counter() - started > 4 * enough:
            break  # a rough measurement of a slow network
    return recipe.training.batch_size * interval / statistics.median(seconds)


def images_within(seconds: float, recipe: Recipe, spec: ImageSpec, device: torch.device, speed: float) -> int:
    """Compute the length of a run of a given duration, including the pretraining of the generator.

    Args:
        seconds: duration of the run.
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        speed: images per second, from `training_speed`.

    Returns:
        The length in images.
    """
    whole, size = round(speed * seconds), recipe.training.batch_size
    if not recipe.training.generator_pretraining:
        return whole
    trial = Trial(recipe, spec, device, recipe.training.precision)
    alone = statistics.median(trial.seconds_alone() for _ in range(5))
    # A long run has all pretraining steps, a short one at most `MAX_OF_RUN` of its own steps.
    long = round(speed * (seconds - alone * recipe.training.generator_pretraining))
    short = round(seconds / (1 / speed + alone * MAX_OF_RUN / size))
    return max(long, min(short, whole))


@final
class Trial:
    """A temporary trainer for measuring the duration of steps."""

    def __init__(self, recipe: Recipe, spec: ImageSpec, device: torch.device, precision: str) -> None:
        training = dataclasses.replace(recipe.training, images=10**12, precision=precision)
        self.trainer = Trainer(dataclasses.replace(recipe, training=training), spec, seed=0, device=device)
        size = training.batch_size
        pixels = torch.zeros(size, spec.channels, spec.height, spec.width, dtype=torch.uint8, device=device)
        self.batch = Batch(pixels, torch.arange(size, device=device) % spec.classes)
        self.noise = NoiseSource(0, self.trainer.generator.latent, spec.classes, size, device, recipe.updates).at(0)

    def seconds(self, steps: int) -> float:
        """Measure the duration of training steps in seconds."""
        started = time.perf_counter()
        for _ in range(steps):
            self.trainer.step(self.batch, self.noise)
        _wait(self.trainer.device)
        return time.perf_counter() - started

    def seconds_alone(self) -> float:
        """Measure the duration of a pretraining step of the generator in seconds."""
        started = time.perf_counter()
        batch = Batch(self.batch.images[:MAX_PRETRAINING_BATCH], self.batch.labels[:MAX_PRETRAINING_BATCH])
        self.trainer.reconstruct(self.noise.z[:MAX_PRETRAINING_BATCH], batch, self.trainer.generator_optimizer)
        _wait(self.trainer.device)
        return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
