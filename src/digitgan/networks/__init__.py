"""The networks: one file a family, one table of families."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

import torch

from digitgan import rng
from digitgan.errors import RecipeError, nearest
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from digitgan.networks.interfaces import Discriminator, Generator, ImageForm
from digitgan.recipes import DiscriminatorRecipe, GeneratorRecipe, Recipe

__all__ = ["FAMILIES", "Discriminator", "Family", "Generator", "ImageForm", "build_discriminator", "build_generator"]


@final
@dataclass(frozen=True)
class Family:
    """How the two networks of one architecture are built."""

    generator: Callable[[GeneratorRecipe, ImageForm], Generator]
    discriminator: Callable[[DiscriminatorRecipe, ImageForm], Discriminator]


FAMILIES: Final[Mapping[str, Family]] = types.MappingProxyType(
    {"convolutional": Family(ConvolutionalGenerator, ConvolutionalDiscriminator)}
)
"""The architectures a recipe may name."""


def build_generator(recipe: Recipe, form: ImageForm, seed: int = 0) -> Generator:
    """The recipe's generator for images of this form, its weights a function of the seed.

    Raises:
        RecipeError: for an unknown family, or images of a size that it can't make.
    """
    family = _family(recipe.generator.family, "generator")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "generator weights"))
        network = family.generator(recipe.generator, form)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def build_discriminator(recipe: Recipe, form: ImageForm, seed: int = 0) -> Discriminator:
    """The recipe's discriminator for images of this form, its weights a function of the seed.

    Raises:
        RecipeError: for an unknown family, or images of a size that it can't judge.
    """
    family = _family(recipe.discriminator.family, "discriminator")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "discriminator weights"))
        network = family.discriminator(recipe.discriminator, form)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _family(name: str, network: str) -> Family:
    if name not in FAMILIES:
        raise RecipeError(f"{network}.family = {name!r}: {nearest(name, FAMILIES)}")
    return FAMILIES[name]
