"""Tests of the measured steps: they have every part of a training step at its real rate."""

from __future__ import annotations

import pytest
import torch

from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.training import speed
from digitgan.training.speed import Trial, training_speed
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


@pytest.mark.parametrize(
    ("size", "parts", "first"), [(2, 1, 2), (3, 1, 3), (64, 1, 4), (48, 3, 6), (128, 4, 8), (96, 8, 16), (7, 1, 7)]
)
def test_the_first_measured_batch_divides_the_batch_and_has_two_images_in_each_part(size: int, parts: int, first: int) -> None:
    assert speed._first_batch(size, parts) == first


@pytest.mark.parametrize("settings", [[], ["training.batch_size=2"], ["training.batch_size=48", "updates.microbatches=3"]])
def test_the_speed_is_measured_with_any_batch(settings: list[str]) -> None:
    recipe = tiny.recipe(*settings)
    assert training_speed(recipe, ImageSpec(1, 28, 28, 10), CPU, 1.0) > 10


def test_slow_networks_are_measured_with_small_batches_within_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the clock is 10 ms for an image, and twice as much with a penalty."""
    now, batches = [0.0], []
    recipe = tiny.recipe("training.batch_size=256", "penalty.interval=4")

    def seconds(self: Trial, steps: int) -> float:
        taken = 0.0
        for _ in range(steps):
            due = self.trainer.steps_done % 4 == 0
            self.trainer.images_seen += self.trainer.recipe.training.batch_size
            taken += self.trainer.recipe.training.batch_size * (0.02 if due else 0.01)
        now[0] += taken
        batches.append(self.trainer.recipe.training.batch_size)
        return taken

    monkeypatch.setattr(Trial, "seconds", seconds)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    found = training_speed(recipe, ImageSpec(1, 28, 28, 10), CPU, 60.0)
    assert found == pytest.approx(1 / 0.0125)
    assert max(batches) < 256
    assert now[0] < 0.04 * 60
