"""Growth of the style family: sizes at each level, and continuity over the levels."""

from __future__ import annotations

import pytest
import torch

from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.networks.stages import upsampled
from tests import tiny

SPEC = ImageSpec(3, 16, 16, 3)
STAGES = [(4, 4), (8, 8), (16, 16)]


def networks(*settings: str) -> tuple[Generator, Discriminator]:
    recipe = tiny.style("discriminator.from_image=each", "discriminator.deviation_group=0", *settings)
    return build_generator(recipe, SPEC), build_discriminator(recipe, SPEC)


def at(level: float, *parts: Generator | Discriminator) -> None:
    for network in parts:
        assert network.growth is not None
        network.growth.set(level)


@pytest.mark.parametrize("label_input", ["projection", "one-hot"])
@pytest.mark.parametrize(("level", "side"), [(0, 4), (0.25, 8), (1, 8), (1.5, 16), (2, 16)])
def test_images_have_the_size_of_the_stage_in_training_and_the_full_size_otherwise(
    level: float, side: int, label_input: str
) -> None:
    generator, discriminator = networks(f"discriminator.label_input={label_input}")
    assert generator.growth is not None
    assert list(generator.growth.sides) == STAGES
    at(level, generator, discriminator)
    z, labels = torch.randn(4, generator.latent), torch.arange(4) % 3
    images = generator(z, labels)
    assert images.shape == (4, 3, side, side)
    assert discriminator(images, labels).logits.shape == (4,)
    full = generator.eval()(z, labels)
    assert full.shape == (4, 3, 16, 16)
    torch.testing.assert_close(full, upsampled(images, 16 // side), atol=1e-5, rtol=1e-4)
    scores = discriminator.eval()(full, labels).logits
    torch.testing.assert_close(scores, discriminator.train()(images, labels).logits, atol=1e-4, rtol=1e-4)


def test_a_new_size_takes_over_without_a_jump() -> None:
    generator, discriminator = networks()
    z, labels, images = torch.randn(4, generator.latent), torch.arange(4) % 3, torch.randn(4, 3, 16, 16)
    generator.eval()
    for level, nearly in ((1.0, 0.9999), (2.0, 1.9999)):
        found = []
        for number in (level, nearly):
            at(number, generator, discriminator)
            found.append((generator(z, labels), discriminator.eval()(images, labels).logits))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, atol=1e-2, rtol=1e-2)


def test_later_stages_do_not_learn_before_they_take_part() -> None:
    generator, discriminator = networks()
    at(0.0, generator, discriminator)
    z, labels = torch.randn(4, generator.latent), torch.arange(4) % 3
    discriminator(generator(z, labels), labels).logits.sum().backward()
    learning = {name for name, weight in generator.named_parameters() if weight.grad is not None}
    assert any(name.startswith("stages.0.") for name in learning)
    assert not any(name.startswith(("stages.1.", "stages.2.")) for name in learning)
