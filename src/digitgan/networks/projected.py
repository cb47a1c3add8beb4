"""The projected discriminator: heads on the maps of a frozen network that was trained to classify the training images.

Source: Sauer et al. 2021, "Projected GANs Converge Faster" (arXiv:2111.01007).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import repeat
from typing import Final, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.base import Discriminator, DiscriminatorOutput, ImageSpec
from digitgan.networks.conditioning import Head
from digitgan.networks.layers import initialise, same_convolution
from digitgan.networks.whitening import COMPONENTS, STAGE_SIDE, whitening_shape, whitening_weights
from digitgan.recipes import ProjectedDiscriminatorRecipe

LAST_SIDE: Final = 4
"""Largest side of maps in pixels that are not halved any more, by the feature network and by the heads."""

WIDTHS: Final = (1, 2, 4)
"""Number of maps of each stage of the feature network, as multiples of the first; further stages have as many as the last."""

NORM_MOMENTUM: Final = 0.2
"""Weight of each batch in the statistics of batch norm while the feature network learns, which may take only some steps."""


class FeatureLayer(NamedTuple):
    """Use of a convolution in the feature network. A ReLU follows each.

    Attributes:
        pools: whether 2x2 max pooling precedes it.
        residual: whether its input is added to its output.
        kept: whether its feature maps are passed to a head.
    """

    pools: bool = False
    residual: bool = False
    kept: bool = False


@final
class FeatureNetwork(nn.Module):
    """A convolutional network: whitening layer -> stages, each of half the sides -> feature maps of each stage.

    All stages except the first and the last have a residual convolution. The cost for an image hardly depends on its size above
    64 pixels, because the patches of larger images are larger and further apart.

    Attributes:
        whitening: the first layer; see `set_whitening`.
        convolutions: the layers that learn, each followed by a ReLU.
        layers: the use of each of them.
        shapes: (channels, height, width) of the maps of each stage.
    """

    def __init__(self, spec: ImageSpec, width: int) -> None:
        super().__init__()
        first = whitening_shape(spec)
        channels, sides = 2 * first.components, (spec.height, spec.width)
        self.whitening = same_convolution(spec.channels, channels, first.kernel, first.stride, sides)
        sides = _divided(sides, first.stride)
        layers, convolutions = [], []
        if first.side > STAGE_SIDE:
            layers.append(FeatureLayer())
            convolutions.append(same_convolution(channels, 2 * COMPONENTS, 3, 2, sides))
            channels, sides = 2 * COMPONENTS, _divided(sides, 2)
        self.shapes: list[tuple[int, int, int]] = []
        while True:
            stage, last = len(self.shapes), max(sides) <= LAST_SIDE
            after = width * WIDTHS[min(stage, len(WIDTHS) - 1)]
            has_block = stage > 0 and not last
            layers.append(FeatureLayer(pools=stage > 0, kept=not has_block))
            convolutions.append(nn.Conv2d(channels, after, 3, padding=1))
            if has_block:
                layers.append(FeatureLayer(residual=True, kept=True))
                convolutions.append(nn.Conv2d(after, after, 3, padding=1))
            channels = after
            self.shapes.append((channels, *sides))
            if last:
                break
            sides = _divided(sides, 2)
        self.layers = tuple(layers)
        self.convolutions = nn.ModuleList(convolutions)
        initialise(self, "he", 0.0)

    def forward(self, images: Tensor, norms: Iterable[nn.Module] | None = None) -> list[Tensor]:
        """Return the maps of `shapes`.

        Args:
            images: images (n, channels, height, width) in [-1, 1].
            norms: a norm after each of `convolutions`; None for none.
        """
        found = []
        maps = functional.relu(self.whitening(images))
        normed: Iterable[nn.Module | None] = repeat(None, len(self.layers)) if norms is None else norms
        for layer, convolution, norm in zip(self.layers, self.convolutions, normed, strict=True):
            inputs = functional.max_pool2d(maps, 2, ceil_mode=True) if layer.pools else maps
            maps = convolution(inputs)
            maps = functional.relu(maps if norm is None else norm(maps))
            if layer.residual:
                maps = inputs + maps
            if layer.kept:
                found.append(maps)
        return found

    @torch.no_grad()
    def set_whitening(self, images: Tensor) -> None:
        """Set the first layer to the principal components of patches of training images (n, channels, height, width)."""
        layer = unpadded(self.whitening)
        (kernel, _), (stride, _) = layer.kernel_size, layer.stride
        layer.weight.copy_(whitening_weights(images, kernel, stride, layer.out_channels // 2))


@final
class FeatureNetworkClassifier(nn.Module):
    """A feature network while it learns: with a batch norm for each layer, and class logits.

    Args:
        network: the network that learns.
        classes: number of classes.
        logits: the layer of the class logits, which learns too; None for a new one.
    """

    def __init__(self, network: FeatureNetwork, classes: int, logits: nn.Linear | None = None) -> None:
        super().__init__()
        self.network = network
        widths = [unpadded(layer).out_channels for layer in network.convolutions]
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, momentum=NORM_MOMENTUM) for width in widths)
        self.logits = nn.Linear(network.shapes[-1][0], classes) if logits is None else logits

    def forward(self, images: Tensor) -> Tensor:
        """Return class logits (n, classes) of images (n, channels, height, width) in [-1, 1]."""
        logits: Tensor = self.logits(self.network(images, self.norms)[-1].mean(dim=(2, 3)))
        return logits

    @torch.no_grad()
    def fold(self) -> None:
        """Fold each batch norm into the layer before it, so that the network alone has the same maps in evaluation mode."""
        for layer, norm in zip(self.network.convolutions, self.norms, strict=True):
            convolution = unpadded(layer)
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert convolution.bias is not None
            factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            convolution.weight.mul_(factor[:, None, None, None])
            convolution.bias.copy_((convolution.bias - norm.running_mean) * factor + norm.bias)


@final
class MapsHead(nn.Module):
    """A head of the discriminator: maps -> strided convolutions -> dense features -> score.

    Args:
        recipe: settings of the discriminator.
        classes: number of classes.
        shape: (channels, height, width) of the maps.
        widths: number of maps of each strided convolution; further ones have as many as the last.
        reduce: whether a 1x1 convolution to the first of these numbers comes first.
    """

    def __init__(
        self,
        recipe: ProjectedDiscriminatorRecipe,
        classes: int,
        shape: tuple[int, int, int],
        widths: tuple[int, ...],
        *,
        reduce: bool,
    ) -> None:
        super().__init__()
        channels, height, width = shape
        self.convolutions = nn.ModuleList([nn.Conv2d(channels, widths[0], 1)] if reduce else [])
        channels = widths[0] if reduce else channels
        halvings = 0
        while max(height, width) > LAST_SIDE:
            after = widths[min(halvings, len(widths) - 1)]
            self.convolutions.append(same_convolution(channels, after, 4, 2, (height, width)))
            channels, height, width = after, math.ceil(height / 2), math.ceil(width / 2)
            halvings += 1
        self.dense = nn.Linear(channels * height * width, recipe.features)
        self.relu = nn.LeakyReLU(recipe.slope)
        projection = recipe.label_input == "projection"
        self.score = Head(classes, recipe.features, projection=projection, classifier=False)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return scores (n,) of maps (n, channels, height, width) with labels (n,)."""
        for layer in self.convolutions:
            maps = self.relu(layer(maps))
        output: DiscriminatorOutput = self.score(self.relu(self.dense(maps.flatten(start_dim=1))), labels)
        return output.logits


@final
class ProjectedDiscriminator(Discriminator):
    """A discriminator: image -> frozen feature network -> heads on its maps and on the image -> sum of their scores.

    Attributes:
        features: the feature network. Its weights are part of the state and are not trained with the heads.
        classifier: class logits of the means of its last maps, frozen as well; None without an auxiliary classifier.
        heads: a head for each size of the maps.
        image_head: a head on the image itself, or None.
    """

    def __init__(self, recipe: ProjectedDiscriminatorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.features = FeatureNetwork(spec, recipe.width).requires_grad_(False)
        self.classifier = None
        if recipe.auxiliary_classifier:
            self.classifier = nn.Linear(self.features.shapes[-1][0], spec.classes).requires_grad_(False)
        widths: tuple[int, ...] = (recipe.head_width,)
        self.heads = nn.ModuleList(MapsHead(recipe, spec.classes, shape, widths, reduce=True) for shape in self.features.shapes)
        initialise(self.heads, "he", recipe.slope)
        self.image_head = None
        if recipe.image_width:
            widths = tuple(recipe.image_width * factor for factor in (1, 2, 4))
            pixels = (spec.channels, spec.height, spec.width)
            self.image_head = MapsHead(recipe, spec.classes, pixels, widths, reduce=False)
            initialise(self.image_head, "he", recipe.slope)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        return self.trained_part(self.frozen_part(images), labels)

    def frozen_part(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the images and the maps of the feature network."""
        return images, *self.features(images)

    def trained_part(self, inputs: tuple[Tensor, ...], labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.trained_part`."""
        images, *maps = inputs
        scores = [head(part, labels) for head, part in zip(self.heads, maps, strict=True)]
        if self.image_head is not None:
            scores.append(self.image_head(images, labels))
        classes = None if self.classifier is None else self.classifier(maps[-1].mean(dim=(2, 3)))
        return DiscriminatorOutput(torch.stack(scores).sum(dim=0), classes)


def _divided(sides: tuple[int, int], stride: int) -> tuple[int, int]:
    height, width = sides
    return math.ceil(height / stride), math.ceil(width / stride)


def unpadded(layer: nn.Module) -> nn.Conv2d:
    """Return the convolution of a layer that `same_convolution` made."""
    convolution = layer[1] if isinstance(layer, nn.Sequential) else layer
    assert isinstance(convolution, nn.Conv2d)
    return convolution
