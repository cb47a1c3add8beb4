"""Generators and discriminators, one file per family, and their registries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from digitgan import rng
from digitgan.errors import RecipeError
from digitgan.lookup import Registry
from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from digitgan.networks.fitted import CroppedGenerator, PaddedDiscriminator, fitted
from digitgan.networks.keras_graph.generator import KerasGraphGenerator
from digitgan.networks.projected import ProjectedDiscriminator
from digitgan.networks.recurrent import RecurrentDiscriminator, RecurrentGenerator
from digitgan.networks.residual import ResidualDiscriminator, ResidualGenerator
from digitgan.networks.style import StyleGenerator
from digitgan.networks.style_discriminator import StyleDiscriminator
from digitgan.recipes import Recipe

__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "CroppedGenerator",
    "Discriminator",
    "DiscriminatorOutput",
    "Generator",
    "ImageSpec",
    "PaddedDiscriminator",
    "build_discriminator",
    "build_generator",
    "trained_parameters",
]

GENERATORS: Final = Registry[Callable[[Any, ImageSpec], Generator]](
    "generator.family =",
    {
        "convolutional": ConvolutionalGenerator,
        "recurrent": RecurrentGenerator,
        "residual": ResidualGenerator,
        "style": StyleGenerator,
        "layered": KerasGraphGenerator,
    },
    RecipeError,
    group="generators",
    kind=type,
)
"""The generator classes by family; each takes the `generator` section of a recipe."""

DISCRIMINATORS: Final = Registry[Callable[[Any, ImageSpec], Discriminator]](
    "discriminator.family =",
    {
        "convolutional": ConvolutionalDiscriminator,
        "recurrent": RecurrentDiscriminator,
        "residual": ResidualDiscriminator,
        "projected": ProjectedDiscriminator,
        "style": StyleDiscriminator,
    },
    RecipeError,
    group="discriminators",
    kind=type,
)
"""The discriminator classes by family; each takes the `discriminator` section of a recipe."""


def build_generator(recipe: Recipe, spec: ImageSpec, seed: int = 0) -> Generator:
    """Build the generator of a recipe; its initial weights are a function of the seed.

    For an image size that its family cannot make, it is a `CroppedGenerator`.

    Raises:
        RecipeError: if the generator can generate neither images of this size nor of one that is a little larger.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "generator weights"))
        family = GENERATORS.find(recipe.generator.family)
        network = fitted(lambda size: family(recipe.generator, size), spec)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def build_discriminator(recipe: Recipe, spec: ImageSpec, seed: int = 0) -> Discriminator:
    """Build the discriminator of a recipe; its initial weights are a function of the seed.

    For an image size that its family cannot take, it is a `PaddedDiscriminator`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "discriminator weights"))
        family = DISCRIMINATORS.find(recipe.discriminator.family)
        network = fitted(lambda size: family(recipe.discriminator, size), spec)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def trained_parameters(network: Generator | Discriminator) -> int:
    """Return the number of trained parameters; the second biases of an LSTM, which stay zero, are not counted."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
