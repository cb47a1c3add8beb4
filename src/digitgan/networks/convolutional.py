"""The small convolutional family: transposed convolutions up, strided convolutions down."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.errors import RecipeError
from digitgan.networks.conditioning import ClassConditionalBatchNorm, LabelBias, NormalisedEmbedding, Projection
from digitgan.networks.interfaces import Discriminator, Generator, ImageForm
from digitgan.recipes import DiscriminatorRecipe, GeneratorRecipe

LEAK = 0.2
"""Slope of the discriminator's leaky ReLU below zero, as in DCGAN (Radford et al. 2015)."""


@final
class ConvolutionalGenerator(Generator):
    """Latent and label -> a small stack of maps -> doubled in size by each transposed convolution -> image.

    Class-conditional batch norm and ReLU stand before each transposed convolution and after the last.
    """

    def __init__(self, recipe: GeneratorRecipe, form: ImageForm) -> None:
        super().__init__(form, recipe.latent)
        doublings = len(recipe.channels) - 1
        self.start = _start_size(form, 2**doublings, f"generator.channels = {list(recipe.channels)}")
        self.channels = recipe.channels
        self.label = NormalisedEmbedding(form.classes, recipe.label_embedding)
        self.dense = nn.Linear(recipe.latent + recipe.label_embedding, math.prod(self.start) * recipe.channels[0])
        self.norms = nn.ModuleList(ClassConditionalBatchNorm(form.classes, width) for width in recipe.channels)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(narrow, wide, kernel_size=4, stride=2, padding=1, bias=False)
            for narrow, wide in pairwise(recipe.channels)
        )
        self.image = nn.Conv2d(recipe.channels[-1], form.channels, kernel_size=3, padding=1)
        nn.init.kaiming_normal_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        for up, width in zip(self.ups, recipe.channels, strict=False):
            # Each output pixel of a 4x4 kernel with stride 2 sums over 2x2 taps, not 4x4: He's fan-in is four times the width.
            nn.init.normal_(up.get_parameter("weight"), std=math.sqrt(2 / (4 * width)))
        nn.init.xavier_normal_(self.image.weight)
        nn.init.zeros_(self.image.get_parameter("bias"))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        maps = self.dense(torch.cat([z, self.label(labels)], dim=1)).view(-1, self.channels[0], *self.start)
        maps = maps.contiguous(memory_format=torch.channels_last)
        maps = functional.relu(self.norms[0](maps, labels))
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            maps = functional.relu(norm(up(maps), labels))
        return torch.tanh(self.image(maps))


@final
class ConvolutionalDiscriminator(Discriminator):
    """Strided convolutions -> dense features -> projection onto the label; leaky ReLU throughout, no normalisation.

    All convolutions have 4x4 kernels and stride 2 but the last, which is 3x3 with stride 2 and takes an odd size too.
    """

    def __init__(self, recipe: DiscriminatorRecipe, form: ImageForm) -> None:
        super().__init__(form)
        halvings = len(recipe.channels) - 1
        height, width = _start_size(form, 2**halvings, f"discriminator.channels = {list(recipe.channels)}")
        widths = (form.channels, *recipe.channels)
        kernels = [4] * halvings + [3]
        self.downs = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride=2, padding=1)
            for (before, after), kernel in zip(pairwise(widths), kernels, strict=True)
        )
        biased = recipe.channels[1:] if recipe.label_biases else ()
        self.biases = nn.ModuleList(LabelBias(form.classes, width) for width in biased)
        self.dense = nn.Linear(recipe.channels[-1] * ((height + 1) // 2) * ((width + 1) // 2), recipe.features)
        self.score = Projection(form.classes, recipe.features)
        for layer in [*self.downs, self.dense]:
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """See `Discriminator.forward`."""
        maps = functional.leaky_relu(self.downs[0](images), LEAK)
        for index, down in enumerate(self.downs[1:]):
            maps = down(maps)
            if self.biases:
                maps = self.biases[index](maps, labels)
            maps = functional.leaky_relu(maps, LEAK)
        features = functional.leaky_relu(self.dense(maps.flatten(start_dim=1)), LEAK)
        scores: Tensor = self.score(features, labels)
        return scores


def _start_size(form: ImageForm, factor: int, setting: str) -> tuple[int, int]:
    """(height, width) of the smallest maps, where each side of the image is `factor` times that."""
    if form.height % factor or form.width % factor:
        raise RecipeError(
            f"{setting} needs images whose sides are multiples of {factor}; these are {form.height}x{form.width}. "
            "Resize the images, or list fewer channels"
        )
    return form.height // factor, form.width // factor
