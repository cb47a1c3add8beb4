"""Tests of the pretraining of both networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from digitgan.data import Batch, Batches, ImageSet, silent
from digitgan.images import to_network
from digitgan.training import Control, NoiseSource, StopInPretrainingError, Trainer, pretrain
from digitgan.training.pretraining import generator_steps, principal_components
from digitgan.training.speed import Trial, images_within

ALONE = "training.generator_pretraining=60"
LONG = "training.images=16000"


def taught(trainer: Trainer, digits: ImageSet) -> dict[str, dict[str, float]]:
    batches = Batches(digits, trainer.recipe.training.batch_size, seed=trainer.seed)
    noise_source = NoiseSource(
        trainer.seed, trainer.generator.latent, 10, batches.batch_size, trainer.device, trainer.recipe.updates
    )
    return pretrain(trainer, digits, batches, noise_source, silent, Control())


def test_components_are_the_directions_in_which_images_differ_from_their_class() -> None:
    random = np.random.default_rng(0)
    # Two classes, of grey 64 and 192. Their left and right halves vary independently, the left one more.
    labels = np.arange(400) % 2
    pixels = np.full((400, 1, 4, 4), 64.0) + 128 * labels[:, None, None, None]
    pixels[..., :2] += random.normal(0, 20, 400)[:, None, None, None]
    pixels[..., 2:] += random.normal(0, 5, 400)[:, None, None, None]
    images = torch.from_numpy(pixels.round().astype(np.uint8))
    found = principal_components(Batch(images, torch.from_numpy(labels)), classes=3, most=2, seed=0)
    left, right = found.directions.view(2, 4, 4).abs()
    assert torch.allclose(left, torch.tensor([0.354, 0.354, 0.0, 0.0]).repeat(4, 1), atol=0.02)
    assert torch.allclose(right, torch.tensor([0.0, 0.0, 0.354, 0.354]).repeat(4, 1), atol=0.02)
    assert found.deviations.tolist() == pytest.approx([20 / 127.5 * 8**0.5, 5 / 127.5 * 8**0.5], rel=0.1)
    assert found.means[:2].mean(1).tolist() == pytest.approx([64 / 127.5 - 1, 192 / 127.5 - 1], abs=0.02)
    assert found.means[2].mean().item() == pytest.approx(128 / 127.5 - 1, abs=0.02)  # a class without images
    coordinates = found.coordinates(to_network(images), torch.from_numpy(labels))
    assert coordinates.square().mean(0).tolist() == pytest.approx([1.0, 1.0], rel=1e-3)


def test_images_that_are_all_alike_have_no_components() -> None:
    alike = Batch(torch.full((8, 1, 4, 4), 7, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    found = principal_components(alike, classes=1, most=4, seed=0)
    assert found.coordinates(to_network(alike.images), alike.labels).shape == (8, 0)


def test_the_generator_alone_learns_to_draw_the_digits(new_trainer: Callable[..., Trainer], digits: ImageSet) -> None:
    trainer = new_trainer(ALONE, LONG, "generator.latent=16", "generator.channels=[32, 16]")
    discriminator = [weight.clone() for weight in trainer.discriminator.parameters()]
    found = taught(trainer, digits)["generator"]
    images = to_network(Batches(digits, 1500, 0).at(0).images)
    assert found["steps"] == 60
    assert found["components"] == 16
    assert found["error"] < 0.5 * images.var()  # the error of the mean image is the variance
    assert trainer.images_seen == 0
    assert not trainer.generator_optimizer.state
    assert all(map(torch.equal, trainer.discriminator.parameters(), discriminator))
    assert all(map(torch.equal, trainer.ema.generator.parameters(), trainer.generator.parameters()))


def test_it_is_a_function_of_the_seed(new_trainer: Callable[..., Trainer], digits: ImageSet) -> None:
    weights = []
    for chance, seed in ((1, 0), (2, 0), (1, 3)):
        torch.manual_seed(chance)
        trainer = new_trainer(ALONE, LONG, seed=seed)
        taught(trainer, digits)
        weights.append([weight.detach().clone() for weight in trainer.generator.parameters()])
    first, again, other = weights
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


def test_a_short_run_has_less_of_it(new_trainer: Callable[..., Trainer], digits: ImageSet) -> None:
    assert generator_steps(new_trainer(ALONE, "training.images=160").recipe) == 4
    assert taught(new_trainer(ALONE, "training.images=16"), digits) == {}
    assert taught(new_trainer("training.generator_pretraining=0", LONG), digits) == {}


@pytest.mark.parametrize("setting", [ALONE, "training.pretraining=60"])
def test_it_ends_when_it_is_told_to(new_trainer: Callable[..., Trainer], digits: ImageSet, setting: str) -> None:
    trainer, control = new_trainer(setting, LONG), Control()
    control.stop()
    batches = Batches(digits, 16, seed=0)
    noise_source = NoiseSource(0, trainer.generator.latent, 10, 16, trainer.device, trainer.recipe.updates)
    with pytest.raises(StopInPretrainingError):
        pretrain(trainer, digits, batches, noise_source, silent, control)


def test_a_budget_counts_what_it_takes_and_no_more(
    new_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trial, "seconds_alone", lambda trial: 0.004)
    speed, seconds = 10_000.0, 3.0
    without = new_trainer("training.generator_pretraining=0")
    assert images_within(seconds, without.recipe, without.spec, without.device, speed) == 30_000
    few, many = (new_trainer(f"training.generator_pretraining={steps}") for steps in (50, 10**6))
    assert images_within(seconds, few.recipe, few.spec, few.device, speed) == 28_000
    # The pretraining is limited to two fifths of the steps of the run, of 16 images each.
    assert images_within(seconds, many.recipe, many.spec, many.device, speed) == 15_000
