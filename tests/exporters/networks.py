"""Networks with weights away from their initial values, for tests that compare two implementations."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from digitgan.model.file import Model
from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.networks.residual import SelfAttention
from digitgan.networks.style_layers import MinibatchDeviation, ModulatedConvolution, ScaledLinear, ToImage
from digitgan.recipes import RECIPES, Recipe, with_settings
from tests import tiny

FORM = ImageSpec(1, 28, 28, 10)
Network = TypeVar("Network", Generator, Discriminator)


def residual(*settings: str) -> Recipe:
    """Return a recipe with small residual networks, with further settings."""
    return with_settings(RECIPES["fast"], [*tiny.RESIDUAL, *settings])


BOTTLENECKS = ("generator.block=bottleneck", "generator.expansion=2", "generator.group_width=4", "generator.norm=none")
BOTTLENECKS += ("discriminator.block=bottleneck", "discriminator.expansion=1.5", "discriminator.group_width=4")

RESIDUAL: dict[str, Recipe] = {
    "residual": residual("generator.slope=0.2", "generator.blocks=2", "discriminator.blocks=2"),
    "residual, bottlenecks, sum": residual(*BOTTLENECKS, "generator.to_image=sum", "discriminator.from_image=each"),
    "residual, patches of 2, attention": residual(
        "generator.norm=batch",
        "generator.patch=2",
        "generator.attention=14",
        "generator.label_biases=true",
        "generator.label_input=one-hot",
        "discriminator.patch=2",
        "discriminator.attention=7",
        "discriminator.label_biases=true",
        "discriminator.features=0",
        "discriminator.auxiliary_classifier=true",
        "loss.name=hinge",
    ),
    "residual, patches of 4, sum": residual(
        "generator.patch=4",
        "generator.smallest=2",
        "generator.to_image=sum",
        "discriminator.patch=4",
        "discriminator.spectral_norm=true",
    ),
    "residual, without labels": residual(
        "generator.norm=none", "generator.label_input=none", "discriminator.label_input=none", "discriminator.features=0"
    ),
}
"""Small residual networks that together have every setting of the family."""

VARIANTS: dict[str, Recipe] = {
    **RECIPES,
    **RESIDUAL,
    "autoregressive": with_settings(RECIPES["lstm-cgan"], ["generator.autoregressive=true"]),
    "autoregressive, tanh": with_settings(RECIPES["lstm-cgan"], ["generator.autoregressive=true", "generator.output=tanh"]),
    "five stages, odd kernels": with_settings(
        RECIPES["fast"],
        ["generator.kernel=5", "generator.norm=batch", "discriminator.kernel=3", "discriminator.label_biases=true"],
    ),
    "projected, no classifier": with_settings(RECIPES["colour"], ["discriminator.auxiliary_classifier=false"]),
    "spectral norm, planes": with_settings(
        RECIPES["fast"],
        ["discriminator.spectral_norm=true", "discriminator.label_input=one-hot", "discriminator.label_biases=false"],
    ),
    "style, last maps, planes": with_settings(
        RECIPES["style"],
        [
            "generator.to_image=last",
            "generator.patch=1",
            "generator.width=16",
            "generator.noise_sides=28",
            "generator.label_input=one-hot",
            "discriminator.patch=1",
            "discriminator.width=16",
            "discriminator.label_input=row-plane",
            "discriminator.auxiliary_classifier=true",
            "discriminator.deviation_group=0",
        ],
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
            if isinstance(layer, nn.Conv2d) and not layer.weight.any():
                layer.weight.normal_(0, 0.1, generator=generator)
            if isinstance(layer, SelfAttention):
                layer.gamma.fill_(0.7)
            if isinstance(layer, ModulatedConvolution | ToImage | ScaledLinear):
                layer.bias.uniform_(-0.2, 0.2, generator=generator)
            if isinstance(layer, ModulatedConvolution) and layer.strength is not None:
                layer.strength.uniform_(0.1, 0.3, generator=generator)
            if isinstance(layer, MinibatchDeviation):
                layer.mean.uniform_(0.5, 1, generator=generator)
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
