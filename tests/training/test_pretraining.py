"""What the networks learn before the contest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from digitgan.data import Batch, Batches, ImageSet, silent
from digitgan.images import to_network
from digitgan.training import Control, Draws, Game, StopInPretrainingError, pretrain
from digitgan.training.pretraining import generator_steps, principal_components
from digitgan.training.speed import images_within

ALONE = "training.generator_pretraining=60"
LONG = "training.images=16000"


def taught(game: Game, digits: ImageSet) -> dict[str, dict[str, float]]:
    batches = Batches(digits, game.recipe.training.batch_size, seed=game.seed)
    draws = Draws(game.seed, game.generator.latent, 10, batches.batch_size, game.device, game.recipe.updates)
    return pretrain(game, digits, batches, draws, silent, Control())


def test_components_are_the_directions_in_which_images_differ_from_their_class() -> None:
    random = np.random.default_rng(0)
    # Two classes, of grey 64 and grey 192, whose left and right halves vary by themselves, the left one more.
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
    assert found.means[2].mean().item() == pytest.approx(128 / 127.5 - 1, abs=0.02)  # no image of it was there
    coordinates = found.coordinates(to_network(images), torch.from_numpy(labels))
    assert coordinates.square().mean(0).tolist() == pytest.approx([1.0, 1.0], rel=1e-3)


def test_images_that_are_all_alike_have_no_components() -> None:
    alike = Batch(torch.full((8, 1, 4, 4), 7, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    found = principal_components(alike, classes=1, most=4, seed=0)
    assert found.coordinates(to_network(alike.images), alike.labels).shape == (8, 0)


def test_the_generator_alone_learns_to_draw_the_digits(new_game: Callable[..., Game], digits: ImageSet) -> None:
    game = new_game(ALONE, LONG, "generator.latent=16", "generator.channels=[32, 16]")
    discriminator = [weight.clone() for weight in game.discriminator.parameters()]
    found = taught(game, digits)["generator"]
    images = to_network(Batches(digits, 1500, 0).at(0).images)
    assert found["steps"] == 60
    assert found["components"] == 16
    assert found["error"] < 0.5 * images.var()  # a picture of the mean of all has the variance as its error
    assert game.images_seen == 0
    assert not game.generator_optimizer.state
    assert all(map(torch.equal, game.discriminator.parameters(), discriminator))
    assert all(map(torch.equal, game.ema.generator.parameters(), game.generator.parameters()))


def test_it_is_a_function_of_the_seed(new_game: Callable[..., Game], digits: ImageSet) -> None:
    weights = []
    for chance, seed in ((1, 0), (2, 0), (1, 3)):
        torch.manual_seed(chance)
        game = new_game(ALONE, LONG, seed=seed)
        taught(game, digits)
        weights.append([weight.detach().clone() for weight in game.generator.parameters()])
    first, again, other = weights
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


def test_a_short_run_has_less_of_it(new_game: Callable[..., Game], digits: ImageSet) -> None:
    assert generator_steps(new_game(ALONE, "training.images=160").recipe) == 4
    assert taught(new_game(ALONE, "training.images=16"), digits) == {}
    assert taught(new_game("training.generator_pretraining=0", LONG), digits) == {}


@pytest.mark.parametrize("setting", [ALONE, "training.pretraining=60"])
def test_it_ends_when_it_is_told_to(new_game: Callable[..., Game], digits: ImageSet, setting: str) -> None:
    game, control = new_game(setting, LONG), Control()
    control.stop()
    batches = Batches(digits, 16, seed=0)
    draws = Draws(0, game.generator.latent, 10, 16, game.device, game.recipe.updates)
    with pytest.raises(StopInPretrainingError):
        pretrain(game, digits, batches, draws, silent, control)


def test_a_budget_counts_what_it_takes_and_no_more(new_game: Callable[..., Game]) -> None:
    speed, seconds = 10_000.0, 3.0
    without = new_game("training.generator_pretraining=0")
    assert images_within(seconds, without.recipe, without.form, without.device, speed) == 30_000
    few, many = (new_game(f"training.generator_pretraining={steps}") for steps in (50, 10**6))
    with_few = images_within(seconds, few.recipe, few.form, few.device, speed)
    assert 20_000 < with_few < 30_000
    # Of a million steps a run has two fifths of its own number, whatever it would take to have them all.
    assert 5_000 < images_within(seconds, many.recipe, many.form, many.device, speed) < with_few
