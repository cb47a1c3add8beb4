"""Tests of microbatches: the results do not depend on the number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from digitgan.data import Batch, Batches, ImageSet
from digitgan.training import NoiseSource, Trainer

NewTrainer = Callable[..., Trainer]


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trained_for(trainer: Trainer, images: ImageSet, steps: int = 3) -> Trainer:
    size, latent = trainer.recipe.training.batch_size, trainer.recipe.generator.latent
    batches, noise_source = (
        Batches(images, size, seed=0),
        NoiseSource(0, latent, 10, size, torch.device("cpu"), trainer.recipe.updates),
    )
    for _ in range(steps):
        trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
    return trainer


def state_of(trainer: Trainer) -> dict[str, Tensor]:
    networks = {"generator": trainer.generator, "discriminator": trainer.discriminator, "average": trainer.ema.generator}
    return {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()}


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["updates.order=simultaneous"],
        ["updates.fakes=fresh", "updates.discriminator_steps=2"],
        ["discriminator.dropout=0.4"],
        ["discriminator.dropout=0.4", "updates.order=simultaneous"],
    ],
)
@pytest.mark.parametrize("parts", [2, 4])
def test_taken_at_once_or_in_turn_the_parts_make_the_same_networks(
    new_trainer: NewTrainer, digits: ImageSet, parts: int, settings: list[str]
) -> None:
    made = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        made.append(state_of(trained_for(new_trainer(f"updates.microbatches={parts}", *settings), digits)))
        assert torch.get_num_threads() == threads
    for other in made[1:]:
        assert [name for name, value in made[0].items() if not torch.equal(value, other[name])] == []


def test_the_parts_drop_different_values_and_each_step_others(new_trainer: NewTrainer) -> None:
    trainer = new_trainer("updates.microbatches=2", "discriminator.dropout=0.5")
    masks = []
    for step in (0, 16, 0):
        source = NoiseSource(0, trainer.generator.latent, 10, 16, torch.device("cpu"), trainer.recipe.updates)
        batch = Batch(torch.zeros(16, 1, 28, 28, dtype=torch.uint8), torch.zeros(16, dtype=torch.int64))
        for part in trainer.microbatches.split(batch, source.at(step)):
            masks.append(part.discriminator.get_submodule("dropout")(torch.ones(1000)))
    assert {float(value) for mask in masks for value in mask.unique()} == {0.0, 2.0}
    assert all(400 < int((mask == 0).sum()) < 600 for mask in masks)
    assert [torch.equal(mask, masks[0]) for mask in masks] == [True, False, False, False, True, False]


def test_without_norm_the_parts_learn_what_the_whole_batch_would(new_trainer: NewTrainer, digits: ImageSet) -> None:
    settings = ("generator.norm=none", "ema.statistics=running", "training.precision=float32")
    whole, parts = (trained_for(new_trainer(f"updates.microbatches={count}", *settings), digits, steps=1) for count in (1, 4))
    gradients = [
        {name: weight.grad for name, weight in trainer.discriminator.named_parameters() if weight.grad is not None}
        for trainer in (whole, parts)
    ]
    assert gradients[0].keys() == gradients[1].keys() != set()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-6)


def test_each_part_has_statistics_of_its_own(new_trainer: NewTrainer, digits: ImageSet) -> None:
    trainer = trained_for(new_trainer("updates.microbatches=2"), digits, steps=1)
    first, second = (
        {name: value for name, value in generator.named_buffers() if "running_mean" in name}
        for generator in trainer.microbatches.generators
    )
    assert first.keys() == second.keys() != set()
    for name, value in first.items():
        assert not torch.equal(value, second[name]), name


def test_all_parts_pass_networks_of_the_same_weights(new_trainer: NewTrainer, digits: ImageSet) -> None:
    trainer = trained_for(new_trainer("updates.microbatches=2"), digits)
    for networks in (trainer.microbatches.generators, trainer.microbatches.discriminators):
        first, second = (dict(network.named_parameters()) for network in networks)
        assert [name for name, weight in first.items() if weight.data_ptr() != second[name].data_ptr()] == []


def test_what_a_step_reports_is_the_mean_over_its_parts(new_trainer: NewTrainer, digits: ImageSet) -> None:
    settings = ("generator.norm=none", "ema.statistics=running", "training.precision=float32")
    reports = []
    for count in (1, 2):
        trainer = new_trainer(f"updates.microbatches={count}", *settings)
        size = trainer.recipe.training.batch_size
        noise_source = NoiseSource(0, trainer.recipe.generator.latent, 10, size, torch.device("cpu"), trainer.recipe.updates)
        reports.append(trainer.step(Batches(digits, size, seed=0).at(0), noise_source.at(0)).terms)
    assert reports[0].keys() == reports[1].keys()
    for name in ("score_real", "score_fake", "discriminator_loss", "penalty"):
        torch.testing.assert_close(reports[1][name], reports[0][name], rtol=1e-3, atol=1e-5)
