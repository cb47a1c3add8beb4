"""Tests of the estimated memory: it allocates nothing, and grows with the batch, the size and the networks as the real one."""

from __future__ import annotations

import dataclasses
import time

import pytest
import torch

from digitgan.device import resident_memory
from digitgan.networks import ImageSpec
from digitgan.recipes import RECIPES, Recipe, find_recipe, with_settings
from digitgan.training import Trainer
from digitgan.training.memory import MemoryEstimate, estimate_memory, in_gigabytes, largest_batch
from digitgan.training.speed import Trial, with_batch_size

CPU = torch.device("cpu")


def estimate(recipe: Recipe, side: int = 28, channels: int = 1, threads: int = 1, precision: str = "float32") -> MemoryEstimate:
    recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, precision=precision))
    spec = ImageSpec(channels, side, side, 10 if recipe.conditional else 1)
    found = estimate_memory(recipe, spec, CPU, 1000, threads)
    assert found is not None
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_an_estimate_that_allocates_nothing(name: str) -> None:
    recipe = find_recipe(name)
    estimate(recipe)  # what torch itself takes
    before, started = resident_memory(), time.monotonic()
    found = estimate(recipe, 64 if "lstm" not in name else 28)
    assert resident_memory() - before < 30e6
    assert time.monotonic() - started < 30
    assert 0 < found.fixed < found.total
    assert found.further < found.total


def test_networks_of_any_size_are_estimated_at_once() -> None:
    found = estimate(find_recipe("dcgan"), 512)
    assert found.parameters > 400_000_000
    assert found.total > 20e9


def test_the_fixed_memory_is_that_of_weights_gradients_moments_and_average() -> None:
    recipe = with_settings(find_recipe("plain-gan"), ["training.batch_size=4"])
    trainer = Trainer(recipe, ImageSpec(1, 28, 28, 1), 0, CPU)
    of_both = [sum(each.numel() for each in network.parameters()) for network in (trainer.generator, trainer.discriminator)]
    found = estimate(recipe)
    assert found.parameters == sum(of_both)
    assert found.fixed == pytest.approx(4 * (4 * sum(of_both) + of_both[0]), rel=0.06)  # and the batch


def test_activations_grow_with_the_batch_and_halve_in_bfloat16() -> None:
    recipe = find_recipe("dcgan")
    small, large = (estimate(with_batch_size(recipe, size)).activations for size in (32, 128))
    assert large == pytest.approx(4 * small, rel=0.1)
    assert estimate(with_batch_size(recipe, 128), precision="bfloat16").activations == pytest.approx(large / 2, rel=0.15)


def test_microbatches_share_the_memory_on_one_thread_and_take_it_at_once_on_several() -> None:
    whole = with_settings(find_recipe("residual"), ["updates.microbatches=1"])
    parts = with_settings(whole, ["updates.microbatches=4"])
    assert estimate(parts, 32, 3).activations < 0.8 * estimate(whole, 32, 3).activations
    assert estimate(parts, 32, 3, threads=4).activations == 4 * estimate(parts, 32, 3).activations


def test_the_steps_on_the_meta_device_change_nothing_of_real_ones() -> None:
    """The trial that is counted is the one whose speed is measured."""
    recipe = with_settings(find_recipe("fast"), ["training.batch_size=8"])
    trial = Trial(recipe, ImageSpec(1, 28, 28, 10), torch.device("meta"), "bfloat16")
    trial.seconds(1)
    assert {weight.device.type for weight in trial.trainer.generator.parameters()} == {"meta"}
    assert trial.trainer.images_seen == 8


def test_the_largest_batch_that_fits_is_a_half_a_quarter_and_so_on() -> None:
    recipe = with_settings(find_recipe("residual"), ["training.batch_size=96", "updates.microbatches=2"])
    assert largest_batch(recipe, lambda changed: changed.training.batch_size < 30) == 24
    assert largest_batch(recipe, lambda changed: False) is None


@pytest.mark.parametrize(("size", "text"), [(1.44e9, "1.4 GB"), (9.9e10, "99.0 GB"), (4.1e7, "41 MB"), (6e7, "0.1 GB")])
def test_sizes_are_stated_in_gigabytes(size: float, text: str) -> None:
    assert in_gigabytes(size) == text


def test_the_estimate_on_a_gpu_has_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (
        estimate_memory(find_recipe("fast"), ImageSpec(1, 28, 28, 10), torch.device("cuda"), count, 1) for count in (0, 10**6)
    )
    assert few is not None
    assert many is not None
    assert many.further - few.further == 784 * 10**6


def test_what_the_meta_device_does_not_compute_has_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "step", lambda *_: torch.zeros(1, device="meta").item())
    assert estimate_memory(find_recipe("fast"), ImageSpec(1, 28, 28, 10), CPU, 1000, 1) is None
