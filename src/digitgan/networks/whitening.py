"""The whitening layer, the first of a network that classifies images: principal components of patches, which are not trained.

A network with decorrelated input learns in half the time (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
arXiv:2404.00498, section 3.1).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.networks.base import ImageSpec

STAGE_SIDE: Final = 16
"""Side in pixels above which the layer has a stride, if the patches fit the image."""

MAX_FIRST_SIDE: Final = 32
"""Side in pixels of the feature maps above which the stride is doubled again."""

COMPONENTS: Final = 24
"""Number of principal components."""

NOISE_VARIANCE: Final = 5e-4
"""Variance that is added to those of the components, so that rare patterns and noise are not amplified without limit."""

WHITENING_PIXELS: Final = 1_000_000
"""Number of pixels from which the principal components are computed."""


class WhiteningShape(NamedTuple):
    """The shape of the whitening layer.

    Attributes:
        kernel: side of the patches in pixels.
        stride: distance of the patches in pixels.
        side: larger side of the image divided by the stride, rounded down.
        components: number of components; the layer has twice as many feature maps.
    """

    kernel: int
    stride: int
    side: int
    components: int


def whitening_shape(spec: ImageSpec) -> WhiteningShape:
    """Return the shape of the layer for images of this shape."""
    side, stride = max(spec.height, spec.width), 1
    # The patches are twice as large as their stride, and must fit the shorter side of elongated images.
    while side > (STAGE_SIDE if stride == 1 else MAX_FIRST_SIDE) and 4 * stride <= min(spec.height, spec.width):
        side, stride = side // 2, 2 * stride
    kernel = 3 if stride == 1 else 2 * stride
    # Maps larger than those of the first stage are half as many.
    components = min(COMPONENTS // (2 if side > STAGE_SIDE else 1), spec.channels * kernel**2)
    return WhiteningShape(kernel, stride, side, components)


def whitening_images(spec: ImageSpec) -> int:
    """Return the number of images whose patches `whitening_weights` needs."""
    return max(1, WHITENING_PIXELS // (spec.height * spec.width))


def whitening_weights(images: Tensor, kernel: int, stride: int, count: int) -> Tensor:
    """Compute the weights of the layer: the principal components of patches, and the negative of each.

    Each component is scaled to unit variance. The negative ones keep what a ReLU removes.

    Args:
        images: images (n, channels, height, width) in [-1, 1].
        kernel: side of the patches in pixels.
        stride: distance of the patches in pixels.
        count: number of components.

    Returns:
        Weights (2 * count, channels, kernel, kernel), those of the largest variance first.
    """
    patches = functional.unfold(images, kernel, stride=stride).transpose(1, 2).flatten(0, 1)
    patches = patches - patches.mean(dim=0)
    variances, components = torch.linalg.eigh(patches.T @ patches / len(patches))
    scaled = (components / (variances.clamp(min=0) + NOISE_VARIANCE).sqrt()).T.flip(0)[:count]
    return torch.cat([scaled, -scaled]).reshape(2 * count, images.shape[1], kernel, kernel)
