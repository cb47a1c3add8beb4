"""Tests of the moving average and of the recomputed batch-norm statistics."""

from __future__ import annotations

import pytest
import torch

from digitgan.networks import ImageSpec, build_generator
from digitgan.recipes import EmaRecipe, find_recipe
from digitgan.training import NoiseSource, recalibrate_batchnorm
from digitgan.training.ema import Ema

FORM = ImageSpec(1, 28, 28, 10)
RECIPE = find_recipe("fast")


def test_the_average_follows_its_equation() -> None:
    generator = build_generator(RECIPE, FORM)
    ema = Ema(generator, EmaRecipe(decay=0.9, warm_up=10.0))
    start = generator.dense.bias.detach().clone()
    with torch.no_grad():
        generator.dense.bias += 1
    ema.update(step=0)
    # The warm-up's decay at step 0 is 1/10.
    torch.testing.assert_close(ema.generator.dense.bias, start + 0.9)
    ema.update(step=1000)
    torch.testing.assert_close(ema.generator.dense.bias, start + 0.91)


def test_the_warm_up_gives_way_to_the_decay() -> None:
    ema = Ema(build_generator(RECIPE, FORM), EmaRecipe(decay=0.99, warm_up=10.0))
    assert ema.decay_at(0) == pytest.approx(0.1)
    assert ema.decay_at(90) == pytest.approx(0.91)
    assert ema.decay_at(100_000) == 0.99


def test_statistics_are_averaged_too_and_nothing_is_trained() -> None:
    generator = build_generator(RECIPE, FORM)
    ema = Ema(generator, EmaRecipe())
    generator(torch.randn(64, RECIPE.generator.latent), torch.arange(64) % 10)
    before = ema.generator.norms[0].norm.running_mean.clone()
    ema.update(step=0)
    assert not torch.equal(before, ema.generator.norms[0].norm.running_mean)
    assert not any(weight.requires_grad for weight in ema.generator.parameters())
    assert not ema.generator.training


def test_recalibration_gives_the_statistics_of_what_is_drawn() -> None:
    generator = build_generator(RECIPE, FORM).eval()
    noise_source = NoiseSource(0, RECIPE.generator.latent, 10, 64, torch.device("cpu"))
    settled = recalibrate_batchnorm(generator, noise_source.calibration_batches())
    assert not settled.training
    assert torch.equal(generator.norms[0].norm.running_mean, torch.zeros(64)), "the original is unchanged"
    seen: list[torch.Tensor] = []
    settled.norms[0].register_forward_hook(lambda _layer, _inputs, output: seen.append(output))  # the gains are 1
    labels = torch.arange(1000) % 10
    with torch.no_grad():
        settled(torch.randn(1000, RECIPE.generator.latent), labels)
    assert seen[0].mean(dim=(0, 2, 3)).abs().max() < 0.15
    assert (seen[0].std(dim=(0, 2, 3)) - 1).abs().max() < 0.15
