"""The convolutional family: transposed convolutions in the generator, strided convolutions in the discriminator."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from digitgan.errors import SizeError
from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from digitgan.networks.conditioning import ClassConditionalBatchNorm, Head, LabelBias, OneHot, label_planes, label_vector
from digitgan.networks.layers import (
    Dropout,
    IgnoreLabel,
    ImageConvolution,
    SameTransposedConvolution,
    apply_spectral_norm,
    initialise,
    input_layer,
    output_layer,
    same_convolution,
)
from digitgan.recipes import ConvolutionalDiscriminatorRecipe, ConvolutionalGeneratorRecipe

ENTRY_SHRINKS = 4
"""The factor between the sides of the image and those of the feature maps after the dense entry layer."""


@final
class ConvolutionalGenerator(Generator):
    """A generator: latent and label -> dense -> small feature maps -> transposed convolutions -> image.

    A normalisation layer and a (leaky) ReLU precede each transposed convolution and the last layer.
    """

    def __init__(self, recipe: ConvolutionalGeneratorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec, recipe.latent)
        strides = math.prod(stride for _, stride in recipe.layers)
        self.start = _start_size(spec, strides * recipe.image_stride, recipe)
        self.channels = recipe.channels
        self.units_first = recipe.dense_norm == "units"
        self.label = label_vector(recipe.label_input, spec.classes, recipe.label_embedding)
        units = math.prod(self.start) * recipe.channels[0]
        self.dense = nn.Linear(recipe.latent + self.label.width, units, bias=recipe.biases != "none")
        self.norms = nn.ModuleList(_norm(recipe, spec, width) for width in recipe.channels)
        if self.units_first and recipe.norm == "batch":
            self.norms[0] = IgnoreLabel(nn.BatchNorm1d(units, recipe.norm_epsilon, recipe.norm_momentum))
        self.ups = nn.ModuleList(
            SameTransposedConvolution(narrow, wide, kernel, stride, bias=recipe.biases == "all")
            for (narrow, wide), (kernel, stride) in zip(pairwise(recipe.channels), recipe.layers, strict=True)
        )
        self.relu = nn.LeakyReLU(recipe.slope) if recipe.slope else nn.ReLU()
        last, bias = recipe.channels[-1], recipe.biases != "none"
        self.image: nn.Module
        if recipe.image_stride > 1:
            self.image = SameTransposedConvolution(last, spec.channels, recipe.image_kernel, recipe.image_stride, bias=bias)
        else:
            self.image = ImageConvolution(last, spec.channels, recipe.image_kernel, bias=bias)
        self.output = output_layer(recipe.output)
        initialise(self, recipe.initialisation, recipe.slope)
        if recipe.initialisation == "he" and isinstance(self.image, nn.Conv2d):
            nn.init.xavier_normal_(self.image.weight)  # He initialisation assumes a ReLU; none follows here

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        maps = self.dense(torch.cat([z, self.label(labels).to(z.dtype)], dim=1))
        if self.units_first:
            maps = self.relu(self.norms[0](maps, labels))
        maps = maps.view(-1, self.channels[0], *self.start).contiguous(memory_format=torch.channels_last)
        if not self.units_first:
            maps = self.relu(self.norms[0](maps, labels))
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            maps = self.relu(norm(up(maps), labels))
        images: Tensor = self.output(self.image(maps))
        return images


@final
class ConvolutionalDiscriminator(Discriminator):
    """A discriminator: strided convolutions -> optional dense features -> score; all activations are leaky ReLU."""

    def __init__(self, recipe: ConvolutionalDiscriminatorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.input = input_layer(recipe.pixels)
        height, width, channels = spec.height, spec.width, spec.channels
        self.entry = None
        self.planes = None
        if recipe.entry_channels:
            self.label = OneHot(spec.classes) if recipe.label_input == "one-hot" else None
            pixels = channels * height * width + (spec.classes if self.label else 0)
            height, width, channels = math.ceil(height / ENTRY_SHRINKS), math.ceil(width / ENTRY_SHRINKS), recipe.entry_channels
            self.entry = nn.Linear(pixels, channels * height * width)
            self.entry_maps = (channels, height, width)
        else:
            self.planes = label_planes(recipe.label_input, spec)
            channels += self.planes.channels if self.planes is not None else 0
        self.downs = nn.ModuleList()
        for after, kernel in zip(recipe.channels, _kernels(recipe), strict=True):
            self.downs.append(same_convolution(channels, after, kernel, 2, (height, width)))
            height, width, channels = math.ceil(height / 2), math.ceil(width / 2), after
        biased = recipe.channels[1:] if recipe.label_biases else ()
        self.biases = nn.ModuleList(LabelBias(spec.classes, width) for width in biased)
        normed = recipe.channels[1:] if recipe.norm == "batch" else ()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in normed)
        self.relu = nn.LeakyReLU(recipe.slope)
        self.dropout = Dropout(recipe.dropout) if recipe.dropout else nn.Identity()
        flat = channels * height * width
        self.dense = nn.Linear(flat, recipe.features) if recipe.features else None
        projection = recipe.label_input == "projection"
        self.score = Head(spec.classes, recipe.features or flat, projection=projection, classifier=recipe.auxiliary_classifier)
        initialise(self, recipe.initialisation, recipe.slope)
        if recipe.spectral_norm:
            apply_spectral_norm(self)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        maps = self.input(images)
        if self.entry is not None:
            pixels = maps.flatten(start_dim=1)
            if self.label is not None:
                pixels = torch.cat([pixels, self.label(labels).to(pixels.dtype)], dim=1)
            maps = self.relu(self.entry(pixels)).view(-1, *self.entry_maps).contiguous(memory_format=torch.channels_last)
        elif self.planes is not None:
            maps = torch.cat([maps, self.planes(labels).to(maps.dtype)], dim=1)
            maps = maps.contiguous(memory_format=torch.channels_last)
        for index, down in enumerate(self.downs):
            maps = down(maps)
            if index and self.biases:
                maps = self.biases[index - 1](maps, labels)
            if index and self.norms:
                maps = self.norms[index - 1](maps)
            maps = self.dropout(self.relu(maps))
        features = maps.flatten(start_dim=1)
        if self.dense is not None:
            features = self.relu(self.dense(features))
        output: DiscriminatorOutput = self.score(features, labels)
        return output


def _norm(recipe: ConvolutionalGeneratorRecipe, spec: ImageSpec, channels: int) -> nn.Module:
    match recipe.norm:
        case "class-batch":
            return ClassConditionalBatchNorm(spec.classes, channels, recipe.norm_momentum, recipe.norm_epsilon)
        case "batch":
            return IgnoreLabel(nn.BatchNorm2d(channels, recipe.norm_epsilon, recipe.norm_momentum))
    return IgnoreLabel(nn.Identity())


def _kernels(recipe: ConvolutionalDiscriminatorRecipe) -> list[int]:
    return [recipe.kernel] * (len(recipe.channels) - 1) + [recipe.last_kernel]


def _start_size(spec: ImageSpec, factor: int, recipe: ConvolutionalGeneratorRecipe) -> tuple[int, int]:
    """Return the (height, width) of the smallest feature maps; the image is `factor` times as large on each side."""
    if spec.height % factor or spec.width % factor:
        raise SizeError(
            f"generator.channels = {list(recipe.channels)} requires image sides that are multiples of {factor}; the images "
            f"are {spec.width}x{spec.height}. Resize the images or list fewer channels"
        )
    return spec.height // factor, spec.width // factor
