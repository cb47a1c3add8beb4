"""How many images a second a training gets through on this machine: what turns a budget in minutes into a length."""

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
from digitgan.training.pretraining import MAX_AT_ONCE, MAX_OF_RUN
from digitgan.training.trainer import Trainer

SPEED_SECONDS = 2.5
"""Time spent at most on measuring the speed of training: long enough to be within a few percent."""

SPEED_SHARE = 0.04
"""The most that it may take of the time there is."""


def training_speed(recipe: Recipe, spec: ImageSpec, device: torch.device, budget: float) -> float:
    """Images a second that a training by this recipe gets through here, measured on a trainer that is thrown away.

    Args:
        recipe: with its precision decided.
        spec: of the images.
        device: where it is to be.
        budget: the seconds that it is measured for.
    """
    enough = min(SPEED_SECONDS, SPEED_SHARE * budget)
    trial, interval = Trial(recipe, spec, device, recipe.training.precision), recipe.penalty.interval
    # Whole intervals, so that the penalty has its share. The first runs slowly, while kernels are prepared, and others may meet
    # a neighbour's work: their median is what a longer training gets.
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < 3 or time.perf_counter() - started < enough:
        seconds.append(trial.seconds(interval))
        if time.perf_counter() - started > 4 * enough:
            break  # a slow network, for which a rough measurement must do
    return recipe.training.batch_size * interval / statistics.median(seconds)


def images_within(seconds: float, recipe: Recipe, spec: ImageSpec, device: torch.device, speed: float) -> int:
    """The length of a run that takes so long, the generator's pretraining included.

    Args:
        seconds: that there are.
        recipe: with its precision decided.
        spec: of the images.
        device: where it is to be.
        speed: images a second, from `training_speed`.
    """
    whole, size = round(speed * seconds), recipe.training.batch_size
    if not recipe.training.generator_pretraining:
        return whole
    trial = Trial(recipe, spec, device, recipe.training.precision)
    alone = statistics.median(trial.seconds_alone() for _ in range(5))
    # A run that is long enough has all of it, a shorter one so much for each of its own steps.
    long = round(speed * (seconds - alone * recipe.training.generator_pretraining))
    short = round(seconds / (1 / speed + alone * MAX_OF_RUN / size))
    return max(long, min(short, whole))


@final
class Trial:
    """A trainer that is played to see how long its steps take, and thrown away."""

    def __init__(self, recipe: Recipe, spec: ImageSpec, device: torch.device, precision: str) -> None:
        training = dataclasses.replace(recipe.training, images=10**12, precision=precision)
        self.trainer = Trainer(dataclasses.replace(recipe, training=training), spec, seed=0, device=device)
        size = training.batch_size
        pixels = torch.zeros(size, spec.channels, spec.height, spec.width, dtype=torch.uint8, device=device)
        self.batch = Batch(pixels, torch.arange(size, device=device) % spec.classes)
        self.noise = NoiseSource(0, self.trainer.generator.latent, spec.classes, size, device, recipe.updates).at(0)

    def seconds(self, steps: int) -> float:
        """How long so many steps take."""
        started = time.perf_counter()
        for _ in range(steps):
            self.trainer.step(self.batch, self.noise)
        _wait(self.trainer.device)
        return time.perf_counter() - started

    def seconds_alone(self) -> float:
        """How long a step of the generator's pretraining takes."""
        started = time.perf_counter()
        batch = Batch(self.batch.images[:MAX_AT_ONCE], self.batch.labels[:MAX_AT_ONCE])
        self.trainer.reconstruct(self.noise.z[:MAX_AT_ONCE], batch, self.trainer.generator_optimizer)
        _wait(self.trainer.device)
        return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
