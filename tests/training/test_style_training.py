"""Training of the style family: resuming, microbatches, path lengths and pretraining."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from digitgan.data import Batches, ImageSet, silent
from digitgan.networks import ImageSpec
from digitgan.networks.style import StyleGenerator
from digitgan.recipes import UpdatesRecipe
from digitgan.training import Control, NoiseSource, Trainer, pretrain, restore_checkpoint, save_checkpoint
from digitgan.training.checkpoint import trainer_tensors
from tests import tiny

PATHS = ("penalty.path_length=2", "penalty.path_length_interval=2")


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def new_trainer(*settings: str) -> Trainer:
    return Trainer(tiny.style(*settings), ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))


def advance(trainer: Trainer, digits: ImageSet, steps: int) -> list[dict[str, Tensor]]:
    """Train for some steps and return their terms."""
    batches, noise_source = Batches(digits, tiny.BATCH, 0), trainer.noise_source()
    return [trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen)).terms for _ in range(steps)]


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


@pytest.mark.parametrize(
    "settings",
    [[], PATHS, ["generator.to_image=last", "updates.fakes=fresh"], [*PATHS, "updates.order=simultaneous"]],
    ids=lambda settings: " ".join(settings),
)
def test_resumed_equals_uninterrupted(tmp_path: Path, digits: ImageSet, settings: list[str]) -> None:
    """Test all tensors, among them the average styles, the mean path length and the mean deviation."""
    whole, first, second = (new_trainer(*settings) for _ in range(3))
    fresh = trainer_tensors(first)
    advance(whole, digits, 5)
    advance(first, digits, 3)
    restore_checkpoint(save_checkpoint(tmp_path, first, {}), second)
    advance(second, digits, 2)
    after = trainer_tensors(whole)
    assert differing(trainer_tensors(second), after) == []
    moved = differing(fresh, {name: after[name] for name in fresh})
    for part in ("generator", "ema"):
        assert {f"{part}.average", f"{part}.variance"} <= set(moved)
        assert (f"{part}.path_mean" in moved) == ("penalty.path_length=2" in settings)
    assert "discriminator.deviation.mean" in moved


def test_the_seed_decides_the_mixing(digits: ImageSet) -> None:
    """Test that the random numbers of a step contain those of the mixing, and that they change what is learned."""
    mixed, unmixed = new_trainer("generator.mixing=1"), new_trainer("generator.mixing=0")
    assert mixed.noise_source().at(0).z.shape == (tiny.BATCH, mixed.generator.latent + mixed.generator.mixing_numbers)
    assert unmixed.noise_source().at(0).z.shape == (tiny.BATCH, unmixed.generator.latent)
    assert torch.equal(mixed.noise_source().preview(2)[0], unmixed.noise_source().preview(2)[0])
    assert mixed.noise_source().pretraining_latents(0).shape == (tiny.BATCH, mixed.generator.latent)
    losses = [advance(trainer, digits, 1)[0]["generator_loss"] for trainer in (mixed, unmixed)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("parts", [2, 4])
def test_the_parts_of_a_batch_learn_what_the_whole_batch_would(digits: ImageSet, parts: int) -> None:
    whole, split = new_trainer(), new_trainer(f"updates.microbatches={parts}")
    terms = [advance(trainer, digits, 1)[0] for trainer in (whole, split)]
    for name in ("discriminator_loss", "generator_loss", "penalty", "score_fake"):
        torch.testing.assert_close(terms[1][name], terms[0][name], rtol=1e-3, atol=1e-5)
    for one, other in ((whole.generator, split.generator), (whole.discriminator, split.discriminator)):
        for (name, weight), same in zip(one.named_parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(same.grad, weight.grad, rtol=2e-2, atol=1e-5, msg=name)


def test_taken_at_once_or_in_turn_the_parts_make_the_same_networks(digits: ImageSet) -> None:
    made = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        trainer = new_trainer("updates.microbatches=2")
        advance(trainer, digits, 3)
        made.append(trainer_tensors(trainer))
    assert differing(*made) == []


# --- path lengths -----------------------------------------------------------------------------------------------------


def test_the_path_length_penalty_is_applied_at_its_interval_only(digits: ImageSet) -> None:
    terms = advance(new_trainer("penalty.path_length=2", "penalty.path_length_interval=3"), digits, 7)
    assert ["path_length_penalty" in each for each in terms] == [True, False, False, True, False, False, True]
    assert all(each["path_length"] > 0 for each in terms if "path_length" in each)
    assert all("path_length" not in each for each in advance(new_trainer(), digits, 2))


def test_with_several_updates_of_the_discriminator_the_interval_counts_those_of_the_generator(digits: ImageSet) -> None:
    trainer = new_trainer(*PATHS, "updates.discriminator_steps=2")
    terms = advance(trainer, digits, 8)
    assert ["path_length" in each for each in terms] == [False, True, False, False, False, True, False, False]


def test_the_path_length_penalty_weighs_its_factor_times_its_interval(digits: ImageSet) -> None:
    """Test the gradient by the first moment of Adam, which is the gradient if beta1 = 0."""

    def gradient(*settings: str) -> Tensor:
        trainer = new_trainer("optimizer.beta1=0.0", "optimizer.discriminator_learning_rate=0.0", *settings)
        advance(trainer, digits, 1)
        assert isinstance(trainer.generator, StyleGenerator)
        moment: Tensor = trainer.generator_optimizer.state[trainer.generator.constant]["exp_avg"]
        return moment

    none = gradient()
    one = gradient("penalty.path_length=1", "penalty.path_length_interval=1") - none
    eight = gradient("penalty.path_length=2", "penalty.path_length_interval=4") - none
    assert one.abs().max() > 0
    torch.testing.assert_close(eight, 8 * one, rtol=1e-3, atol=1e-6)


def test_descending_the_penalty_makes_path_lengths_alike() -> None:
    """Test the variance of the lengths of 64 images after 30 steps on the penalty alone, without a discriminator."""
    generator = new_trainer().generator

    def lengths_and_mean(seed: int, images: int) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        z, pixels = torch.randn(images, generator.latent, generator=random), torch.randn(images, 1, 28, 28, generator=random)
        return generator.path_lengths(z, torch.arange(images) % 10, pixels)

    def variance() -> float:
        return float(lengths_and_mean(0, 64)[0].detach().var())

    before = variance()
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.003, betas=(0.0, 0.99))
    for step in range(30):
        lengths, mean = lengths_and_mean(step + 1, 16)
        optimizer.zero_grad()
        (lengths - mean).square().mean().backward()
        optimizer.step()
    assert variance() < 0.3 * before


def test_the_numbers_of_the_penalty_are_those_of_the_step() -> None:
    source = NoiseSource(0, 8, 10, 16, torch.device("cpu"), path_numbers=4, path_interval=2)
    first, skipped, third = (source.at(16 * step).path_pixels for step in range(3))
    assert skipped is None
    assert first is not None
    assert third is not None
    assert first.shape == third.shape == (8, 4)
    assert not (first == third).any()
    assert torch.equal(first, dataclasses.replace(source, updates=UpdatesRecipe()).at(0).path_pixels)
    assert NoiseSource(0, 8, 10, 16, torch.device("cpu")).at(0).path_pixels is None


# --- pretraining ------------------------------------------------------------------------------------------------------


def test_the_generator_alone_learns_to_draw_the_digits(digits: ImageSet) -> None:
    settings = ("training.generator_pretraining=60", "training.images=16000", "generator.latent=16", "generator.max_width=16")
    trainer = new_trainer(*settings)
    batches = Batches(digits, tiny.BATCH, 0)
    found = pretrain(trainer, digits, batches, trainer.noise_source(), silent, Control())["generator"]
    assert found["components"] == 16, "the noise of the layers is not given by the images"
    assert found["error"] < 0.35  # black images have an error of 0.5
