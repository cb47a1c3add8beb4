"""A batch in parts: what comes of it, and that it is the same however many of them are taken at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from digitgan.data import Batches, ImageSet
from digitgan.training import Draws, Game

NewGame = Callable[..., Game]


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def played(game: Game, images: ImageSet, steps: int = 3) -> Game:
    size, latent = game.recipe.training.batch_size, game.recipe.generator.latent
    batches, draws = Batches(images, size, seed=0), Draws(0, latent, 10, size, torch.device("cpu"), game.recipe.updates)
    for _ in range(steps):
        game.step(batches.at(game.images_seen), draws.at(game.images_seen))
    return game


def state_of(game: Game) -> dict[str, Tensor]:
    networks = {"generator": game.generator, "discriminator": game.discriminator, "average": game.ema.generator}
    return {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()}


@pytest.mark.parametrize(
    "settings", [[], ["updates.order=simultaneous"], ["updates.fakes=fresh", "updates.discriminator_steps=2"]]
)
@pytest.mark.parametrize("parts", [2, 4])
def test_taken_at_once_or_in_turn_the_parts_make_the_same_networks(
    new_game: NewGame, digits: ImageSet, parts: int, settings: list[str]
) -> None:
    made = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        made.append(state_of(played(new_game(f"updates.microbatches={parts}", *settings), digits)))
        assert torch.get_num_threads() == threads
    for other in made[1:]:
        assert [name for name, value in made[0].items() if not torch.equal(value, other[name])] == []


def test_without_norm_the_parts_learn_what_the_whole_batch_would(new_game: NewGame, digits: ImageSet) -> None:
    settings = ("generator.norm=none", "ema.statistics=running", "training.precision=float32")
    whole, parts = (played(new_game(f"updates.microbatches={count}", *settings), digits, steps=1) for count in (1, 4))
    gradients = [
        {name: weight.grad for name, weight in game.discriminator.named_parameters() if weight.grad is not None}
        for game in (whole, parts)
    ]
    assert gradients[0].keys() == gradients[1].keys() != set()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-6)


def test_each_part_has_statistics_of_its_own(new_game: NewGame, digits: ImageSet) -> None:
    game = played(new_game("updates.microbatches=2"), digits, steps=1)
    first, second = (
        {name: value for name, value in generator.named_buffers() if "running_mean" in name}
        for generator in game.microbatches.generators
    )
    assert first.keys() == second.keys() != set()
    for name, value in first.items():
        assert not torch.equal(value, second[name]), name


def test_all_parts_pass_networks_of_the_same_weights(new_game: NewGame, digits: ImageSet) -> None:
    game = played(new_game("updates.microbatches=2"), digits)
    for networks in (game.microbatches.generators, game.microbatches.discriminators):
        first, second = (dict(network.named_parameters()) for network in networks)
        assert [name for name, weight in first.items() if weight.data_ptr() != second[name].data_ptr()] == []


def test_what_a_step_reports_is_the_mean_over_its_parts(new_game: NewGame, digits: ImageSet) -> None:
    settings = ("generator.norm=none", "ema.statistics=running", "training.precision=float32")
    reports = []
    for count in (1, 2):
        game = new_game(f"updates.microbatches={count}", *settings)
        size = game.recipe.training.batch_size
        draws = Draws(0, game.recipe.generator.latent, 10, size, torch.device("cpu"), game.recipe.updates)
        reports.append(game.step(Batches(digits, size, seed=0).at(0), draws.at(0)).terms)
    assert reports[0].keys() == reports[1].keys()
    for name in ("score_real", "score_fake", "discriminator_loss", "penalty"):
        torch.testing.assert_close(reports[1][name], reports[0][name], rtol=1e-3, atol=1e-5)
