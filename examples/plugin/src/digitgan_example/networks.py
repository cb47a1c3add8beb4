"""A family of networks: dense layers alone, as in the first GAN (Goodfellow et al. 2014), with one-hot labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from digitgan.plugins import Discriminator, DiscriminatorOutput, Generator, ImageSpec, setting


@final
@dataclass(frozen=True)
class DenseGeneratorRecipe:
    """The settings of a dense generator.

    Attributes:
        family: "dense".
        latent: Width of the latent z, 1 to 4096.
        units: Width of both hidden layers, 1 to 4096.
    """

    family: str = setting("dense", names=("dense",))
    latent: int = setting(64, low=1, high=4096)
    units: int = setting(256, low=1, high=4096)

    @property
    def conditional(self) -> bool:
        """Whether the network receives the label."""
        return True


@final
@dataclass(frozen=True)
class DenseDiscriminatorRecipe:
    """The settings of a dense discriminator.

    Attributes:
        family: "dense".
        units: Width of both hidden layers, 1 to 4096.
    """

    family: str = setting("dense", names=("dense",))
    units: int = setting(256, low=1, high=4096)

    @property
    def conditional(self) -> bool:
        """Whether the network receives the label."""
        return True


@final
class DenseGenerator(Generator):
    """A generator: latent and one-hot label -> two hidden layers with ReLU -> image."""

    def __init__(self, recipe: DenseGeneratorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec, recipe.latent)
        self.layers = nn.Sequential(
            nn.Linear(recipe.latent + spec.classes, recipe.units),
            nn.ReLU(),
            nn.Linear(recipe.units, recipe.units),
            nn.ReLU(),
            nn.Linear(recipe.units, spec.channels * spec.height * spec.width),
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Generate images (n, channels, height, width) in [-1, 1]; labels are (n,), or weights (n, classes) to mix classes."""
        weights = labels if labels.is_floating_point() else nn.functional.one_hot(labels, self.spec.classes).to(z.dtype)
        pixels: Tensor = self.layers(torch.cat([z, weights], dim=1))
        return pixels.tanh().view(-1, self.spec.channels, self.spec.height, self.spec.width)


@final
class DenseDiscriminator(Discriminator):
    """A discriminator: pixels and one-hot label -> two hidden layers with leaky ReLU -> score."""

    def __init__(self, recipe: DenseDiscriminatorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.layers = nn.Sequential(
            nn.Linear(spec.channels * spec.height * spec.width + spec.classes, recipe.units),
            nn.LeakyReLU(0.2),
            nn.Linear(recipe.units, recipe.units),
            nn.LeakyReLU(0.2),
            nn.Linear(recipe.units, 1),
        )

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        pixels = images.flatten(start_dim=1)
        labelled = torch.cat([pixels, nn.functional.one_hot(labels, self.spec.classes).to(pixels.dtype)], dim=1)
        return DiscriminatorOutput(self.layers(labelled)[:, 0], None)
