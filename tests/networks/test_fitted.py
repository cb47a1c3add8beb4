"""Networks for sizes that their family cannot make: built larger, with images cut or padded."""

from __future__ import annotations

import pytest
import torch

from digitgan.errors import RecipeError
from digitgan.networks import CroppedGenerator, ImageSpec, PaddedDiscriminator, build_discriminator, build_generator
from digitgan.networks.fitted import larger_spec
from digitgan.networks.residual import ResidualGenerator
from digitgan.recipes import find_recipe, with_settings

SMALL = {
    "fast": ("generator.channels=[8, 4]", "discriminator.channels=[4, 4, 4]"),
    "residual": ("generator.width=4", "generator.max_width=8", "discriminator.width=4", "discriminator.max_width=8"),
    "style": ("generator.width=4", "generator.max_width=8", "discriminator.width=4", "discriminator.max_width=8"),
    "colour": ("generator.width=4", "generator.max_width=8"),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("height", "width"), [(50, 50), (30, 45), (31, 31), (29, 28)])
def test_every_family_makes_images_of_any_size(name: str, height: int, width: int) -> None:
    recipe, spec = with_settings(find_recipe(name), SMALL[name]), ImageSpec(3, height, width, 4)
    generator, discriminator = build_generator(recipe, spec), build_discriminator(recipe, spec)
    assert isinstance(generator, CroppedGenerator)
    z, labels = torch.randn(2, generator.latent + generator.mixing_numbers), torch.tensor([0, 3])
    images = generator(z[:, : generator.latent], labels)
    assert images.shape == (2, 3, height, width)
    assert generator.spec == discriminator.spec == spec
    assert (generator.growth, discriminator.growth) == (None, None) or not isinstance(discriminator, PaddedDiscriminator)
    discriminator(images, labels).logits.sum().backward()
    assert (
        all(each.grad is not None for each in generator.parameters() if each.requires_grad and each.numel() > 1)
        or name == "style"
    )
    left, right, top, bottom = generator.margins
    assert abs(left - right) <= 1
    assert abs(top - bottom) <= 1
    generator.eval()
    inner = generator.inner(z[:, : generator.latent], labels)
    torch.testing.assert_close(
        generator(z[:, : generator.latent], labels), inner[:, :, top : top + height, left : left + width]
    )


def test_images_are_padded_by_reflection() -> None:
    recipe = with_settings(find_recipe("residual"), SMALL["residual"])
    discriminator = build_discriminator(recipe, ImageSpec(1, 31, 31, 2)).eval()
    assert isinstance(discriminator, PaddedDiscriminator)
    images, labels = torch.randn(2, 1, 31, 31), torch.tensor([0, 1])
    padded = torch.nn.functional.pad(images, (0, 1, 0, 1), mode="reflect")
    torch.testing.assert_close(discriminator(images, labels).logits, discriminator.inner(padded, labels).logits)
    torch.testing.assert_close(
        discriminator.trained_part(discriminator.frozen_part(images), labels).logits, discriminator(images, labels).logits
    )


def test_sizes_that_fit_are_built_as_before() -> None:
    assert isinstance(build_generator(find_recipe("colour"), ImageSpec(3, 32, 32, 10)), ResidualGenerator)


def test_the_nearest_larger_size_is_taken() -> None:
    def build(spec: ImageSpec) -> CroppedGenerator | PaddedDiscriminator:
        raise RuntimeError  # a size that fits is not checked further

    recipe = find_recipe("fast")
    generator = build_generator(recipe, ImageSpec(1, 50, 30, 10))
    assert isinstance(generator, CroppedGenerator)
    assert (generator.inner.spec.height, generator.inner.spec.width) == (52, 32)
    with pytest.raises(RuntimeError):
        larger_spec(build, ImageSpec(1, 50, 30, 10))


@pytest.mark.parametrize("side", [2, 3])
def test_images_that_are_too_small_are_refused(side: int) -> None:
    with pytest.raises(RecipeError, match=f"{side}x{side}"):
        build_generator(find_recipe("residual"), ImageSpec(1, side, side, 2))
