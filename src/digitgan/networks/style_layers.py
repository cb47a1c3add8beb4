"""Layers of the style family: mapping network, modulated convolutions, noise, images, minibatch standard deviation.

Sources: Karras et al. 2019 (arXiv:1812.04948) and 2020 (arXiv:1912.04958).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.conditioning import LabelVector
from digitgan.networks.layers import he_normal

SLOPE: Final = 0.2
"""Slope of all leaky ReLUs below zero (Karras et al. 2018)."""

GAIN: Final = math.sqrt(2)
"""Factor after a leaky ReLU, which keeps the mean square of standard normal numbers near 1."""

FILTER: Final = (0.25, 0.75, 0.75, 0.25)
"""Filter of the enlarged maps along one axis: linear interpolation between the pixels (Karras et al. 2020, section 4.1)."""

EPSILON: Final = 1e-8
"""Number added to the squared norm of a kernel before the division (Karras et al. 2020, equation 3)."""


@final
class ScaledLinear(nn.Module):
    """A dense layer whose weights are multiplied by a constant, which multiplies the learning rate by the same constant.

    Adam's steps do not depend on the scale of the gradient. A weight that is stored 1 / factor as large therefore changes
    `factor` times as slowly (Karras et al. 2018, section 4.1).

    Args:
        before: number of inputs.
        after: number of outputs.
        factor: factor of the learning rate, in (0, 1].
        slope: slope below zero of the activation that follows, 1 for none.
    """

    def __init__(self, before: int, after: int, factor: float, slope: float) -> None:
        super().__init__()
        layer = nn.Linear(before, after)
        he_normal(layer, slope)
        self.factor = factor
        self.weight = nn.Parameter(layer.weight.detach() / factor)
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, values: Tensor) -> Tensor:
        """Map (n, before) to (n, after)."""
        return functional.linear(values, self.factor * self.weight, self.factor * self.bias)


@final
class Mapping(nn.Module):
    """The mapping network: normalised latent and label vector -> dense layers -> style w (Karras et al. 2019, section 2).

    Attributes:
        label: the label vector.
        layers: the dense layers; a leaky ReLU follows each.
    """

    def __init__(self, latent: int, label: LabelVector, style: int, layers: int, factor: float) -> None:
        super().__init__()
        self.scale = math.sqrt(latent)
        self.label = label
        widths = [latent + label.width, *[style] * layers]
        self.layers = nn.ModuleList(ScaledLinear(before, after, factor, SLOPE) for before, after in pairwise(widths))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Map latents (n, latent), with labels (n,) or class weights (n, classes), to styles (n, style)."""
        # A norm of at least 1e-4 keeps the zero latent finite in float16 as well.
        values = torch.cat([self.scale * functional.normalize(z, dim=1, eps=1e-4), self.label(labels)], dim=1)
        for layer in self.layers:
            values = functional.leaky_relu(layer(values), SLOPE)
        return values


@final
class ModulatedConvolution(nn.Module):
    """A 3x3 convolution with the weights of each image scaled by its style, then noise, bias and leaky ReLU.

    The weights of an image are w'_ijk = s_i w_ijk / sqrt(sum_ik (s_i w_ijk)² + epsilon) (Karras et al. 2020, equations 1 to 3).
    Scaling the input by s and the output by the demodulation factor is the same function, and one convolution with shared
    weights computes all images.

    Attributes:
        style: dense layer from w to the scales s of the input channels.
        weight: (after, before, 3, 3), or (before, after, 3, 3) if the layer enlarges its input.
        enlarges: whether the output has twice the sides: zeros between the pixels, the convolution, then `FILTER`.
        strength: weight of the noise, 0 at first; None without noise.
    """

    filter: Tensor

    def __init__(self, before: int, after: int, style: int, *, enlarges: bool, noise: bool) -> None:
        super().__init__()
        self.style = nn.Linear(style, before)
        he_normal(self.style, 1.0)
        nn.init.ones_(self.style.bias)
        self.enlarges = enlarges
        std = math.sqrt(1 / (9 * before))
        self.weight = nn.Parameter(std * torch.randn((before, after, 3, 3) if enlarges else (after, before, 3, 3)))
        self.bias = nn.Parameter(torch.zeros(after))
        self.strength = nn.Parameter(torch.zeros(())) if noise else None
        if enlarges:
            row = torch.tensor(FILTER)
            self.register_buffer("filter", (row[:, None] * row)[None, None], persistent=False)

    def demodulation(self, scales: Tensor) -> Tensor:
        """Return the factors of the output channels (n, after) for scales (n, before) of the input channels."""
        squares = self.weight.square().sum(dim=(2, 3))
        squares = squares if self.enlarges else squares.T
        return torch.rsqrt(scales.square() @ squares + EPSILON)

    def forward(self, maps: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Map (n, before, height, width) to (n, after, height, width), or to twice the sides.

        Args:
            maps: input; one row broadcasts.
            w: styles (n, style).
            noise: noise (n, 1, height, width) in the size of the output; None if the layer has none.
        """
        scales = self.style(w)
        maps = (maps * scales[:, :, None, None].to(maps.dtype)).contiguous(memory_format=torch.channels_last)
        if self.enlarges:
            maps = functional.conv_transpose2d(maps, self.weight, stride=2)
            channels = self.weight.shape[1]
            maps = functional.conv2d(maps, self.filter.expand(channels, 1, 4, 4), padding=1, groups=channels)
        else:
            maps = functional.conv2d(maps, self.weight, padding=1)
        # The gain of the activation is here: a leaky ReLU of a multiple is the multiple of the leaky ReLU.
        factors = (GAIN * self.demodulation(scales))[:, :, None, None].to(maps.dtype)
        maps = torch.addcmul((GAIN * self.bias)[:, None, None].to(maps.dtype), maps, factors)
        if self.strength is not None and noise is not None:
            maps = maps + (GAIN * self.strength * noise).to(maps.dtype)
        return functional.leaky_relu(maps, SLOPE)


@final
class ToImage(nn.Module):
    """The layer that makes an image from maps: a 1x1 convolution modulated by the style, without demodulation.

    Attributes:
        style: dense layer from w to the scales of the input channels.
        weight: (image channels * patch², before).
        patch: side of the square of pixels that one position of the maps makes.
    """

    def __init__(self, before: int, after: int, style: int, patch: int, images: int) -> None:
        """Create the layer.

        Args:
            before: number of maps.
            after: number of channels of the image.
            style: width of the style.
            patch: side of the square of pixels of each position.
            images: number of images that are added.
        """
        super().__init__()
        self.style = nn.Linear(style, before)
        he_normal(self.style, 1.0)
        nn.init.ones_(self.style.bias)
        self.patch = patch
        self.weight = nn.Parameter(torch.randn(after * patch**2, before) / math.sqrt(before * images))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, maps: Tensor, w: Tensor) -> Tensor:
        """Map (n, before, height, width) and styles (n, style) to pixels (n, after, height * patch, width * patch)."""
        # Scaling the few weights is faster than scaling the maps.
        weight = self.style(w)[:, :, None] * self.weight.T
        positions = maps.permute(0, 2, 3, 1).flatten(start_dim=1, end_dim=2)
        pixels = (positions @ weight.to(maps.dtype)).float().transpose(1, 2).unflatten(2, maps.shape[2:])
        pixels = functional.pixel_shuffle(pixels, self.patch) if self.patch > 1 else pixels
        return pixels + self.bias[:, None, None]


@final
class MinibatchDeviation(nn.Module):
    """A further map with the mean standard deviation of the maps over groups of images (Karras et al. 2018, section 3).

    In evaluation mode, the map has the moving mean of the training, so that a score does not depend on other images.

    Attributes:
        group: number of images of a group. A batch of another size than its multiples has smaller groups of equal size.
        mean: moving mean of the standard deviation, a scalar.
    """

    mean: Tensor

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, channels + 1, height, width)."""
        if self.training:
            count = len(maps)
            group = next(size for size in range(min(self.group, count), 0, -1) if count % size == 0)
            groups = maps.float().reshape(count // group, group, *maps.shape[1:])
            squares = (groups - groups.mean(dim=1, keepdim=True)).square().mean(dim=1)  # torch.var takes ten times as long here
            deviations = (squares + EPSILON).sqrt().mean(dim=(1, 2, 3))
            with torch.no_grad():
                self.mean.lerp_(deviations.mean(), 0.01)
            deviation = deviations.repeat_interleave(group)
        else:
            deviation = self.mean.expand(maps.shape[0])
        plane = deviation[:, None, None, None].expand(-1, 1, *maps.shape[2:]).to(maps.dtype)
        return torch.cat([maps, plane], dim=1).contiguous(memory_format=torch.channels_last)
