"""Layers shared by all families: 'same' padding as in Keras, weight initialisation and pixel ranges."""

from __future__ import annotations

import math
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from digitgan.networks.conditioning import ClassConditionalBatchNorm, Head, LabelBias

OWN_START: Final = (ClassConditionalBatchNorm, LabelBias, Head)
"""The layers that initialise their own embeddings, independently of `initialise`."""

KERAS_EMBEDDING: Final = 0.05
"""The bound of the symmetric uniform distribution with which Keras initialises embeddings."""


def same_convolution(before: int, after: int, kernel: int, stride: int, sides: tuple[int, int]) -> nn.Module:
    """Return a convolution with 'same' padding, whose output has ceil(side / stride) pixels per side.

    If the total padding is odd, the extra pixel is at the end.

    Args:
        before: the number of input channels.
        after: the number of output channels.
        kernel: the kernel size.
        stride: the stride.
        sides: (height, width) of the input.
    """
    (top, bottom), (left, right) = (_same_padding(side, kernel, stride) for side in sides)
    if top == bottom and left == right:
        return nn.Conv2d(before, after, kernel, stride, padding=(top, left))
    return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), nn.Conv2d(before, after, kernel, stride))


def _same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max(0, (math.ceil(side / stride) - 1) * stride + kernel - side)
    return total // 2, total - total // 2


@final
class SameTransposedConvolution(nn.ConvTranspose2d):
    """A transposed convolution with 'same' padding, whose output has side * stride pixels per side.

    If an odd number of pixels is cut off, the extra pixel is cut at the end.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int, *, bias: bool) -> None:
        """Create the layer.

        Args:
            before: the number of input channels.
            after: the number of output channels.
            kernel: the kernel size, at least the stride.
            stride: the factor by which the sides grow.
            bias: whether the layer has a bias.
        """
        self.cut, odd = divmod(kernel - stride, 2)
        self.drops_last = odd == 1
        super().__init__(before, after, kernel, stride, padding=self.cut, bias=bias)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (n, before, height, width) to (n, after, height * stride, width * stride)."""
        if output_size is not None:
            raise ValueError("output_size: must be None, because the stride determines the output size")
        # A transposed convolution with its own bias takes oneDNN three to five times as long.
        wide = functional.conv_transpose2d(maps, self.weight, None, self.stride, self.cut)
        if self.drops_last:
            wide = wide[:, :, :-1, :-1]
        if self.bias is not None:
            return wide + self.bias.to(wide.dtype)[:, None, None]
        # Copy to contiguous memory: the next layer is three times as slow on a view.
        return wide.contiguous(memory_format=torch.channels_last) if self.drops_last else wide


@final
class ImageConvolution(nn.Conv2d):
    """A convolution with stride 1 and 'same' padding that maps feature maps to an image.

    In inference mode on the CPU, a matrix product computes the contribution of each kernel tap, and shifted sums add these
    contributions. For so few output channels, oneDNN takes three to four times as long.
    """

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool) -> None:
        super().__init__(before, after, kernel, padding="same", bias=bias)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (n, before, height, width) to (n, after, height, width)."""
        if not torch.is_inference_mode_enabled() or maps.device.type != "cpu" or maps.dtype != torch.float32:
            made: Tensor = super().forward(maps)
            return made
        (count, before, height, width), side = maps.shape, self.kernel_size[0]
        # The product of (after, tap row, tap column, before) and (n, height, width, before).
        taps = self.weight.permute(0, 2, 3, 1).reshape(-1, before)
        added = functional.linear(taps, maps.permute(0, 2, 3, 1).reshape(-1, before))
        added = added.view(self.out_channels, side, side, count, height, width)
        images = maps.new_zeros(self.out_channels, count, height + side - 1, width + side - 1)
        for row in range(side):
            for column in range(side):
                top, left = side - 1 - row, side - 1 - column
                images[:, :, top : top + height, left : left + width] += added[:, row, column]
        first = side // 2  # the extra padding of an even kernel is at the end, which shifts the first pixel by one
        images = images[:, :, first : first + height, first : first + width].transpose(0, 1)
        return images if self.bias is None else images + self.bias[:, None, None]


@final
class Dropout(nn.Dropout):
    """Dropout whose masks may come from a generator of its own, so that parallel copies of a network do not share a stream.

    Attributes:
        generator: source of the masks; None for the default generator of PyTorch.
    """

    generator: torch.Generator | None = None

    def forward(self, values: Tensor) -> Tensor:
        """Return the values with a share `p` of them set to zero, and the others scaled by 1 / (1 - p)."""
        if self.generator is None or not self.training:
            return super().forward(values)
        kept = torch.empty_like(values).bernoulli_(1 - self.p, generator=self.generator)
        return values * kept.div_(1 - self.p)


def seed_dropout(network: nn.Module, seed: int, device: torch.device) -> None:
    """Give the dropout layers of a network a common generator of their own, with a new seed."""
    layers = [layer for layer in network.modules() if isinstance(layer, Dropout)]
    if not layers or device.type == "meta":
        return
    generator = layers[0].generator or torch.Generator(device)
    generator.manual_seed(seed)
    for layer in layers:
        layer.generator = generator


class IgnoreLabel(nn.Module):
    """A wrapper that passes the input to a layer and ignores the label.

    Attributes:
        layer: the wrapped layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return the output of the layer for the maps."""
        made: Tensor = self.layer(maps)
        return made


@final
class ToUnit(nn.Module):
    """A layer that maps pixels from [-1, 1], the range of images between networks, to [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        """Map images of any shape."""
        return (images + 1) / 2


@final
class UnitSigmoid(nn.Module):
    """A sigmoid scaled from [0, 1] to pixels in [-1, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        """Map logits of any shape."""
        return 2 * images.sigmoid() - 1


def output_layer(kind: str) -> nn.Module:
    """Return the last activation of a generator (`generator.output`)."""
    return UnitSigmoid() if kind == "sigmoid" else nn.Tanh()


def input_layer(kind: str) -> nn.Module:
    """Return the first layer of a discriminator (`discriminator.pixels`)."""
    return ToUnit() if kind == "unit" else nn.Identity()


def initialise(network: nn.Module, kind: str, slope: float) -> None:
    """Initialise the weights of a network in place.

    "he" draws weights from the normal distribution of He et al. 2015, for the activation that follows; embeddings are
    standard normal. "keras" uses Glorot-uniform weights, zero biases and embeddings uniform in ±0.05; the recurrent weights
    of an LSTM are orthogonal and the bias of its forget gate is 1. "torch" keeps the defaults of PyTorch.

    Args:
        network: the network. Its layers are initialised in the order of their creation.
        kind: "he", "keras" or "torch".
        slope: the negative slope of the ReLUs.
    """
    if kind == "torch" or any(weight.is_meta for weight in network.parameters()):  # drawing on it imports a compiler
        return
    children = [child for layer in network.modules() if isinstance(layer, OWN_START) for child in layer.children()]
    # He initialisation assumes that a ReLU follows; none follows the output layers.
    own = {id(child) for child in children if kind == "he" or isinstance(child, nn.Embedding)}
    for layer in network.modules():
        if id(layer) in own:
            continue
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            he_normal(layer, slope) if kind == "he" else nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif kind == "keras" and isinstance(layer, nn.Embedding):
            nn.init.uniform_(layer.weight, -KERAS_EMBEDDING, KERAS_EMBEDDING)
        elif kind == "keras" and isinstance(layer, nn.LSTM):
            _start_lstm(layer)


def he_normal(layer: nn.Module, slope: float) -> None:
    """Draw the weight of a convolution or dense layer as He et al. 2015 do (arXiv:1502.01852, equation 14).

    Args:
        layer: the layer; of a padded convolution, the convolution.
        slope: the slope below zero of the activation between the layers, 1 for none.
    """
    if isinstance(layer, nn.Sequential):
        layer = layer[1]
    assert isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    if isinstance(layer, nn.ConvTranspose2d):
        # Each output pixel is a sum over (kernel / stride)² taps per channel, which is the fan-in.
        taps = math.prod(size / step for size, step in zip(layer.kernel_size, layer.stride, strict=True))
        nn.init.normal_(layer.weight, std=math.sqrt(2 / (1 + slope**2) / (layer.in_channels * taps)))
    else:
        nn.init.kaiming_normal_(layer.weight, a=slope)


def _start_lstm(layer: nn.LSTM) -> None:
    nn.init.xavier_uniform_(layer.get_parameter("weight_ih_l0"))
    nn.init.orthogonal_(layer.get_parameter("weight_hh_l0"))
    bias = layer.get_parameter("bias_ih_l0")
    nn.init.zeros_(bias)
    nn.init.ones_(bias.detach()[layer.hidden_size : 2 * layer.hidden_size])  # the forget gate, second of i f g o


def apply_spectral_norm(network: nn.Module) -> None:
    """Apply spectral normalisation to all convolutions and dense layers of a network (Miyato et al. 2018).

    The weights are divided by their largest singular value, estimated by one power iteration per forward pass in training.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            spectral_norm(layer)
