"""The discriminator of the style family: residual blocks and the minibatch standard deviation.

Sources: Karras et al. 2018 (arXiv:1710.10196) and 2020 (arXiv:1912.04958).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.base import Discriminator, DiscriminatorOutput, ImageSpec
from digitgan.networks.conditioning import Head, label_planes
from digitgan.networks.growth import image_growth
from digitgan.networks.layers import he_normal, initialise
from digitgan.networks.stages import stage_sides, stage_widths
from digitgan.networks.style_layers import SLOPE, MinibatchDeviation
from digitgan.recipes import StyleDiscriminatorRecipe


@final
class StyleBlock(nn.Module):
    """A residual block that halves the sides: (x halved, 1x1 convolution) + (3x3 convolution, halved, 3x3 convolution).

    The sum is divided by sqrt(2), which keeps the variance (Karras et al. 2020, section 4.1).
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, before, 3, padding=1)
        self.second = nn.Conv2d(before, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1, bias=False)
        self.relu = nn.LeakyReLU(SLOPE)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (n, before, height, width) to (n, after, height / 2, width / 2)."""
        # The mean of four pixels is the filter of the halving; after it, the convolution costs a quarter.
        branch = self.relu(self.second(functional.avg_pool2d(self.relu(self.first(maps)), 2)))
        added: Tensor = (branch + self.skip(functional.avg_pool2d(maps, 2))) * math.sqrt(0.5)
        return added


@final
class StyleDiscriminator(Discriminator):
    """A discriminator: image -> residual blocks that halve the sides -> convolution -> dense features -> score.

    While the network grows and is in training mode, it scores images of the size of the current stage. In evaluation mode it
    takes images of the full size, whose pixels it averages.

    Attributes:
        images: layers that receive the image and the planes of the label: one, or one for each stage from the largest.
        blocks: the residual blocks, from the largest to the smallest maps.
    """

    def __init__(self, recipe: StyleDiscriminatorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec)
        sides = stage_sides(spec.height, spec.width, recipe.smallest, recipe.patch, "discriminator")
        widths = stage_widths(recipe.width, recipe.max_width, len(sides))[::-1]
        self.planes = label_planes(recipe.label_input, spec)
        channels = spec.channels + (self.planes.channels if self.planes is not None else 0)
        receiving = widths if recipe.from_image == "each" else widths[:1]
        self.images = nn.ModuleList(nn.Conv2d(channels, width, recipe.patch, recipe.patch) for width in receiving)
        self.growth = image_growth(sides, recipe.patch) if recipe.from_image == "each" else None
        self.blocks = nn.ModuleList(StyleBlock(before, after) for before, after in pairwise(widths))
        compares = recipe.deviation_group > 1
        self.deviation = MinibatchDeviation(recipe.deviation_group) if compares else None
        self.last = nn.Conv2d(widths[-1] + compares, widths[-1], 3, padding=1)
        self.dense = nn.Linear(widths[-1] * math.prod(sides[0]), recipe.features)
        self.relu = nn.LeakyReLU(SLOPE)
        projection = recipe.label_input == "projection"
        self.score = Head(spec.classes, recipe.features, projection=projection, classifier=recipe.auxiliary_classifier)
        initialise(self, "he", SLOPE)
        for block in self.blocks:
            assert isinstance(block, StyleBlock)
            he_normal(block.skip, 1.0)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        first, fade = (0, 1.0) if self.growth is None else (len(self.blocks) - self.growth.stage, self.growth.fade)
        if self.growth is not None and not self.training:
            images = self.growth.reduced(images)
        received = images
        if self.planes is not None:
            planes = self.planes(labels).to(images.dtype)
            received = torch.cat([images, planes if self.growth is None else self.growth.reduced(planes)], dim=1)
            received = received.contiguous(memory_format=torch.channels_last)
        maps = self.relu(self.images[first](received))
        for place in range(first, len(self.blocks)):
            maps = self.blocks[place](maps)
            if place == first and fade < 1:
                coarse = self.relu(self.images[first + 1](functional.avg_pool2d(received, 2)))
                maps = coarse + fade * (maps - coarse)
        if self.deviation is not None:
            maps = self.deviation(maps)
        features = self.relu(self.dense(self.relu(self.last(maps)).flatten(start_dim=1)))
        output: DiscriminatorOutput = self.score(features, labels)
        return output
