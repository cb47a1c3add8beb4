"""The residual family: residual blocks in both networks, with a norm or without, and optional self-attention.

Sources: Miyato et al. 2018 (arXiv:1802.05957), Zhang et al. 2019 (arXiv:1805.08318), Huang et al. 2024 (arXiv:2501.05441).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.errors import RecipeError
from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from digitgan.networks.conditioning import ClassConditionalBatchNorm, Head, LabelBias, label_vector
from digitgan.networks.growth import image_growth
from digitgan.networks.layers import (
    IgnoreLabel,
    ImageConvolution,
    SameTransposedConvolution,
    apply_spectral_norm,
    he_normal,
    initialise,
    same_convolution,
)
from digitgan.networks.stages import stage_sides, stage_widths, upsampled
from digitgan.recipes import ResidualDiscriminatorRecipe, ResidualGeneratorRecipe

LINEAR = 1.0
"""The slope below zero of no activation: the initial weights before and after it keep the variance."""

ResidualRecipe = ResidualGeneratorRecipe | ResidualDiscriminatorRecipe


@final
class SelfAttention(nn.Module):
    """Self-attention over the positions of the maps: x + gamma * attention(x), with gamma 0 at first (Zhang et al. 2019).

    Attributes:
        query: 1x1 convolution to an eighth of the maps.
        key: 1x1 convolution to an eighth of the maps.
        value: 1x1 convolution to half of the maps.
        out: 1x1 convolution back to all maps.
        gamma: weight of the attention, a scalar.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, half = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key = nn.Conv2d(channels, narrow, 1, bias=False), nn.Conv2d(channels, narrow, 1, bias=False)
        self.value, self.out = nn.Conv2d(channels, half, 1, bias=False), nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape."""
        # The fused attention of PyTorch has no second derivative, which gradient penalties need.
        query, key, value = (layer(maps).flatten(start_dim=2) for layer in (self.query, self.key, self.value))
        shares = (query.transpose(1, 2) @ key / math.sqrt(query.shape[1])).softmax(dim=2)
        seen = (value @ shares.transpose(1, 2)).unflatten(2, maps.shape[2:])
        added: Tensor = maps + self.gamma * self.out(seen)
        return added


@final
class ResidualBlock(nn.Module):
    """A residual block of constant width: x + branch(x). In the branch, norm and activation precede each convolution.

    Attributes:
        norms: a norm for each convolution, called with maps and labels.
        convolutions: 3x3 and 3x3 ("basic"), or 1x1, grouped 3x3 and 1x1 ("bottleneck").
    """

    def __init__(self, recipe: ResidualRecipe, spec: ImageSpec, channels: int) -> None:
        super().__init__()
        if recipe.block == "basic":
            widths = [channels, channels]
            layers = [nn.Conv2d(channels, channels, 3, padding=1) for _ in widths]
        else:
            inner = max(1, round(recipe.expansion * channels))
            groups = _groups(inner, recipe.group_width)
            widths = [channels, inner, inner]
            layers = [
                nn.Conv2d(channels, inner, 1),
                nn.Conv2d(inner, inner, 3, padding=1, groups=groups),
                nn.Conv2d(inner, channels, 1),
            ]
        self.norms = nn.ModuleList(_norm(recipe, spec, width) for width in widths)
        self.convolutions = nn.ModuleList(layers)
        self.relu = nn.LeakyReLU(recipe.slope)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape, with labels (n,) or class weights (n, classes)."""
        branch = maps
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            branch = convolution(self.relu(norm(branch, labels)))
        return maps + branch

    def start_as_identity(self, blocks: int) -> None:
        """Set the initial weights for networks without norms (Zhang et al. 2019, arXiv:1901.09321, "Fixup", section 3).

        The last convolution is zero, and the others are scaled by L^(-1 / (2m - 2)), for L blocks of m convolutions.

        Args:
            blocks: the number L of residual blocks of the network.
        """
        *others, last = self.convolutions
        for layer in others:
            assert isinstance(layer, nn.Conv2d)
            layer.weight.data.mul_(blocks ** (-1 / (2 * len(others))))
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)


@final
class ResidualStage(nn.Module):
    """The residual blocks of one size, with the optional bias of each class before and self-attention after them."""

    def __init__(self, recipe: ResidualRecipe, spec: ImageSpec, channels: int, *, biased: bool, attentive: bool) -> None:
        super().__init__()
        self.bias = LabelBias(spec.classes, channels) if biased else None
        self.blocks = nn.ModuleList(ResidualBlock(recipe, spec, channels) for _ in range(recipe.blocks))
        self.attention = SelfAttention(channels) if attentive else nn.Identity()

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape."""
        if self.bias is not None:
            maps = self.bias(maps, labels)
        for block in self.blocks:
            maps = block(maps, labels)
        made: Tensor = self.attention(maps)
        return made


@final
class ToImage(nn.Module):
    """The layer that makes an image from maps: norm, activation, 3x3 convolution, and the pixels of each patch in place."""

    def __init__(self, recipe: ResidualGeneratorRecipe, spec: ImageSpec, channels: int) -> None:
        super().__init__()
        self.norm = _norm(recipe, spec, channels)
        self.relu = nn.LeakyReLU(recipe.slope)
        self.patch = recipe.patch
        self.convolution = ImageConvolution(channels, spec.channels * recipe.patch**2, 3, bias=True)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Map (n, channels, height, width) to pixels before the last activation, `patch` times as large on each side."""
        pixels: Tensor = self.convolution(self.relu(self.norm(maps, labels)))
        return functional.pixel_shuffle(pixels, self.patch) if self.patch > 1 else pixels


@final
class ResidualGenerator(Generator):
    """A generator: latent and label -> dense -> stages of residual blocks, each of twice the sides -> image.

    While the network grows and is in training mode, the images have the size of the current stage. In evaluation mode they
    are enlarged to the full size.
    """

    def __init__(self, recipe: ResidualGeneratorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec, recipe.latent)
        sides = stage_sides(spec.height, spec.width, recipe.smallest, recipe.patch, "generator")
        widths = stage_widths(recipe.width, recipe.max_width, len(sides))
        self.start, self.first_width = sides[0], widths[0]
        self.label = label_vector(recipe.label_input, spec.classes, recipe.label_embedding)
        self.dense = nn.Linear(recipe.latent + self.label.width, math.prod(sides[0]) * widths[0])
        self.ups = nn.ModuleList(
            SameTransposedConvolution(before, after, 4, 2, bias=True) for before, after in pairwise(widths)
        )
        attentive = _attentive(sides, recipe.attention, "generator")
        self.stages = nn.ModuleList(
            ResidualStage(recipe, spec, width, biased=recipe.label_biases, attentive=place == attentive)
            for place, width in enumerate(widths)
        )
        drawing = widths if recipe.to_image == "sum" else widths[-1:]
        self.images = nn.ModuleList(ToImage(recipe, spec, width) for width in drawing)
        self.growth = image_growth(sides, recipe.patch) if recipe.to_image == "sum" else None
        initialise(self, "he", recipe.slope)
        for layer in (self.dense, *self.ups, *(image.convolution for image in self.images)):
            he_normal(layer, LINEAR)
        if recipe.norm == "none":
            _start_as_identity(self)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        maps = self.dense(torch.cat([z, self.label(labels).to(z.dtype)], dim=1))
        maps = maps.view(-1, self.first_width, *self.start).contiguous(memory_format=torch.channels_last)
        last = len(self.stages) - 1 if self.growth is None else self.growth.stage
        pixels: Tensor | None = None
        for place, stage in enumerate(self.stages):
            if place > last:
                break
            maps = stage(self.ups[place - 1](maps) if place else maps, labels)
            if self.growth is None:
                continue
            drawn = self.images[place](maps, labels)
            if pixels is not None:
                fade = self.growth.fade if place == last else 1.0
                drawn = upsampled(pixels, 2) + (drawn if fade == 1 else fade * drawn)
            pixels = drawn
        images = torch.tanh(self.images[0](maps, labels) if pixels is None else pixels)
        return images if self.training else upsampled(images, 2 ** (len(self.stages) - 1 - last))


@final
class ResidualDiscriminator(Discriminator):
    """A discriminator: image -> stages of residual blocks, each of half the sides -> optional dense features -> score.

    While the network grows and is in training mode, it scores images of the size of the current stage. In evaluation mode it
    takes images of the full size, whose pixels it averages.
    """

    def __init__(self, recipe: ResidualDiscriminatorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.patch = recipe.patch
        sides = stage_sides(spec.height, spec.width, recipe.smallest, recipe.patch, "discriminator")
        widths = stage_widths(recipe.width, recipe.max_width, len(sides))
        pixels = spec.channels * recipe.patch**2
        receiving = widths if recipe.from_image == "each" else widths[-1:]
        self.images = nn.ModuleList(nn.Conv2d(pixels, width, 3, padding=1) for width in receiving)
        attentive = _attentive(sides, recipe.attention, "discriminator")
        self.stages = nn.ModuleList(
            ResidualStage(
                recipe, spec, width, biased=recipe.label_biases and place < len(widths) - 1, attentive=place == attentive
            )
            for place, width in enumerate(widths)
        )
        self.downs = nn.ModuleList(
            same_convolution(before, after, 4, 2, size)
            for after, before, size in zip(widths, widths[1:], sides[1:], strict=False)
        )
        self.growth = image_growth(sides, recipe.patch) if recipe.from_image == "each" else None
        self.relu = nn.LeakyReLU(recipe.slope)
        flat = widths[0] * math.prod(sides[0])
        self.dense = nn.Linear(flat, recipe.features) if recipe.features else None
        projection = recipe.label_input == "projection"
        width = recipe.features or widths[0]
        self.score = Head(spec.classes, width, projection=projection, classifier=recipe.auxiliary_classifier)
        initialise(self, "he", recipe.slope)
        for layer in (*self.images, *self.downs):
            he_normal(layer, LINEAR)
        if recipe.spectral_norm:
            apply_spectral_norm(self)  # it divides by the norm of each weight, which must not be zero
        else:
            _start_as_identity(self)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        last = len(self.stages) - 1 if self.growth is None else self.growth.stage
        if self.growth is not None and not self.training:
            images = self.growth.reduced(images)
        maps = self._from_image(images, last)
        for place in range(last, -1, -1):
            maps = self.stages[place](maps, labels)
            if place:
                maps = self.downs[place - 1](maps)
            if place == last and self.growth is not None and self.growth.fade < 1:
                coarse = self._from_image(functional.avg_pool2d(images, 2), place - 1)
                maps = coarse + self.growth.fade * (maps - coarse)
        maps = self.relu(maps)
        features = maps.sum(dim=(2, 3)) if self.dense is None else self.relu(self.dense(maps.flatten(start_dim=1)))
        output: DiscriminatorOutput = self.score(features, labels)
        return output

    def _from_image(self, images: Tensor, place: int) -> Tensor:
        if self.patch > 1:
            images = functional.pixel_unshuffle(images, self.patch).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self.images[place if len(self.images) > 1 else 0](images)
        return maps


def _norm(recipe: ResidualRecipe, spec: ImageSpec, channels: int) -> nn.Module:
    if isinstance(recipe, ResidualGeneratorRecipe):
        if recipe.norm == "class-batch":
            return ClassConditionalBatchNorm(spec.classes, channels, recipe.norm_momentum)
        if recipe.norm == "batch":
            return IgnoreLabel(nn.BatchNorm2d(channels, momentum=recipe.norm_momentum))
    return IgnoreLabel(nn.Identity())


def _groups(channels: int, group_width: int) -> int:
    """Return the largest number of equal groups that are at least `group_width` wide."""
    return next(count for count in range(max(1, channels // group_width), 0, -1) if channels % count == 0)


def _attentive(sides: tuple[tuple[int, int], ...], side: int, part: str) -> int | None:
    """Return the index of the stage whose maps have this height; None for 0."""
    heights = [height for height, _ in sides]
    if side and side not in heights:
        raise RecipeError(
            f"{part}.attention = {side}: no maps of this network have that side; choose one of {', '.join(map(str, heights))}"
        )
    return heights.index(side) if side else None


def _start_as_identity(network: nn.Module) -> None:
    blocks = [layer for layer in network.modules() if isinstance(layer, ResidualBlock)]
    for block in blocks:
        block.start_as_identity(len(blocks))
