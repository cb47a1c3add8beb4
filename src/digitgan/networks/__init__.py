"""The networks: one file a family, one table of families."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

from digitgan import rng
from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from digitgan.networks.keras_graph.generator import KerasGraphGenerator
from digitgan.networks.recurrent import RecurrentDiscriminator, RecurrentGenerator
from digitgan.recipes import Recipe

__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "Discriminator",
    "DiscriminatorOutput",
    "Generator",
    "ImageSpec",
    "build_discriminator",
    "build_generator",
    "trained_parameters",
]

GENERATORS: Final[Mapping[str, Callable[[Any, ImageSpec], Generator]]] = types.MappingProxyType(
    {"convolutional": ConvolutionalGenerator, "recurrent": RecurrentGenerator, "layered": KerasGraphGenerator}
)
"""The generators by the family that a recipe names; each takes the section of its family."""

DISCRIMINATORS: Final[Mapping[str, Callable[[Any, ImageSpec], Discriminator]]] = types.MappingProxyType(
    {"convolutional": ConvolutionalDiscriminator, "recurrent": RecurrentDiscriminator}
)
"""The discriminators, likewise."""


def build_generator(recipe: Recipe, spec: ImageSpec, seed: int = 0) -> Generator:
    """The recipe's generator for images of this form, its weights a function of the seed.

    Raises:
        RecipeError: for images of a size that it can't make.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "generator weights"))
        network = GENERATORS[recipe.generator.family](recipe.generator, spec)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def build_discriminator(recipe: Recipe, spec: ImageSpec, seed: int = 0) -> Discriminator:
    """The recipe's discriminator for images of this form, its weights a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "discriminator weights"))
        network = DISCRIMINATORS[recipe.discriminator.family](recipe.discriminator, spec)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def trained_parameters(network: Generator | Discriminator) -> int:
    """How many numbers of the network are trained; an LSTM's second biases, which stay zero, are not among them."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
