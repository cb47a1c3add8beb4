"""Tests of the measured steps: they have every part of a training step at its real rate."""

from __future__ import annotations

import pytest
import torch

from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.training.speed import Trial
from tests import tiny

CPU = torch.device("cpu")


def trial(recipe: Recipe) -> Trial:
    return Trial(recipe, ImageSpec(1, 28, 28, 10), CPU, "float32")


@pytest.mark.parametrize(("discriminator_steps", "steps", "due"), [(1, 8, 4), (3, 24, 4)])
def test_path_lengths_are_measured_as_often_as_they_are_due(discriminator_steps: int, steps: int, due: int) -> None:
    settings = ("penalty.interval=8", "penalty.path_length=2", "penalty.path_length_interval=2")
    measured = trial(tiny.style(*settings, f"updates.discriminator_steps={discriminator_steps}"))
    assert len(measured.noises) == steps
    assert sum(noise.path_pixels is not None for noise in measured.noises) == due


def test_without_path_lengths_the_interval_is_that_of_the_penalty_and_the_generator() -> None:
    assert len(trial(tiny.recipe("penalty.interval=6")).noises) == 6
    critic = with_settings(find_recipe("wgan-gp"), ["training.batch_size=8", "penalty.interval=2"])
    assert len(trial(critic).noises) == 2 * critic.updates.discriminator_steps


def test_updates_of_the_generator_are_measured_at_their_rate() -> None:
    critic = with_settings(find_recipe("wgan-gp"), ["training.batch_size=8", "generator.channels=[8, 8, 8]"])
    measured = trial(critic)
    before = [weight.clone() for weight in measured.trainer.generator.parameters()]
    measured.seconds(len(measured.noises) - 1)
    assert all(torch.equal(*pair) for pair in zip(before, measured.trainer.generator.parameters(), strict=True))
    measured.seconds(1)
    assert not all(torch.equal(*pair) for pair in zip(before, measured.trainer.generator.parameters(), strict=True))
