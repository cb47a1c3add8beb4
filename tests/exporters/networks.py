"""Networks with weights away from their initial values, for tests that compare two implementations."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from digitgan.model.file import Model
from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.recipes import RECIPES, Recipe, with_settings

FORM = ImageSpec(1, 28, 28, 10)
Network = TypeVar("Network", Generator, Discriminator)

VARIANTS: dict[str, Recipe] = {
    **RECIPES,
    "autoregressive": with_settings(RECIPES["lstm-cgan"], ["generator.autoregressive=true"]),
    "autoregressive, tanh": with_settings(RECIPES["lstm-cgan"], ["generator.autoregressive=true", "generator.output=tanh"]),
    "five stages, odd kernels": with_settings(
        RECIPES["fast"],
        ["generator.kernel=5", "generator.norm=batch", "discriminator.kernel=3", "discriminator.label_biases=true"],
    ),
    "spectral norm, planes": with_settings(
        RECIPES["fast"],
        ["discriminator.spectral_norm=true", "discriminator.label_input=one-hot", "discriminator.label_biases=false"],
    ),
}
"""Every recipe, and combinations of settings that no recipe has."""


def shaken(network: Network) -> Network:
    """Replace initial statistics, tables and biases, whose zeros and ones would hide errors, and return the network."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                layer.running_mean.normal_(0, 0.3, generator=generator)
                layer.running_var.uniform_(0.5, 2, generator=generator)
            if isinstance(layer, nn.Embedding):
                layer.weight.add_(torch.randn(layer.weight.shape, generator=generator), alpha=0.2)
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
                layer.bias.uniform_(-0.2, 0.2, generator=generator)
    return network.eval()


def generator_of(recipe: Recipe, spec: ImageSpec = FORM) -> Generator:
    return shaken(build_generator(recipe, spec, seed=3))


def discriminator_of(recipe: Recipe, spec: ImageSpec = FORM) -> Discriminator:
    return shaken(build_discriminator(recipe, spec, seed=3))


def model_of(recipe: Recipe, spec: ImageSpec = FORM) -> Model:
    names = tuple(str(label) for label in range(spec.classes))
    return Model(generator_of(recipe, spec), recipe, names, {})


def inputs_of(generator: Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(count)
    return torch.randn(count, generator.latent, generator=random), torch.randint(0, 10, (count,), generator=random)
