"""Building blocks of every family: 'same' padding as Keras counts it, initial weights, ranges of pixels."""

from __future__ import annotations

import math
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from digitgan.networks.conditioning import ClassConditionalBatchNorm, Head, LabelBias

OWN_START: Final = (ClassConditionalBatchNorm, LabelBias, Head)
"""Layers whose embeddings start in a way of their own, whatever the rest of the network does."""

KERAS_EMBEDDING: Final = 0.05
"""Keras' embeddings start uniformly in plus and minus this."""


def same_convolution(before: int, after: int, kernel: int, stride: int, sides: tuple[int, int]) -> nn.Module:
    """A convolution whose output has ceil(side / stride) pixels a side; an odd pixel of padding goes to the end.

    Args:
        before: channels that come in.
        after: channels that go out.
        kernel: side of the kernel.
        stride: step of the kernel.
        sides: (height, width) of what comes in.
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
    """A transposed convolution whose output has side * stride pixels a side; of an odd surplus the end loses one more."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, *, bias: bool) -> None:
        """Make one.

        Args:
            before: channels that come in.
            after: channels that go out.
            kernel: side of the kernel, at least the stride.
            stride: by how much the sides grow.
            bias: whether it has one.
        """
        self.cut, odd = divmod(kernel - stride, 2)
        self.drops_last = odd == 1
        super().__init__(before, after, kernel, stride, padding=self.cut, bias=bias)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(n, before, height, width) -> (n, after, height * stride, width * stride)."""
        if output_size is not None:
            raise ValueError("the output's size is decided by the stride")
        # oneDNN takes three to five times as long over one that adds its bias itself.
        wide = functional.conv_transpose2d(maps, self.weight, None, self.stride, self.cut)
        if self.drops_last:
            wide = wide[:, :, :-1, :-1]
        if self.bias is not None:
            return wide + self.bias.to(wide.dtype)[:, None, None]
        # Kept together in memory: what follows is three times as slow on a view.
        return wide.contiguous(memory_format=torch.channels_last) if self.drops_last else wide


@final
class ImageConvolution(nn.Conv2d):
    """The convolution that makes an image of maps, with as many pixels.

    With so few channels to make, oneDNN takes three to four times as long over it as this does where images are only drawn: a
    matrix product gives what each tap of the kernel adds, and shifted sums put that in its place.
    """

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool) -> None:
        super().__init__(before, after, kernel, padding="same", bias=bias)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, before, height, width) -> (n, after, height, width)."""
        if not torch.is_inference_mode_enabled() or maps.device.type != "cpu" or maps.dtype != torch.float32:
            made: Tensor = super().forward(maps)
            return made
        (count, before, height, width), side = maps.shape, self.kernel_size[0]
        # (after, row of the tap, column of the tap, before) times (n, height, width, before).
        taps = self.weight.permute(0, 2, 3, 1).reshape(-1, before)
        added = functional.linear(taps, maps.permute(0, 2, 3, 1).reshape(-1, before))
        added = added.view(self.out_channels, side, side, count, height, width)
        images = maps.new_zeros(self.out_channels, count, height + side - 1, width + side - 1)
        for row in range(side):
            for column in range(side):
                top, left = side - 1 - row, side - 1 - column
                images[:, :, top : top + height, left : left + width] += added[:, row, column]
        first = side // 2  # an even kernel's odd pixel of padding comes last, so its first place is one further
        images = images[:, :, first : first + height, first : first + width].transpose(0, 1)
        return images if self.bias is None else images + self.bias[:, None, None]


@final
class IgnoreLabel(nn.Module):
    """A layer that takes a label beside its input, and no notice of it.

    Attributes:
        layer: of the input alone.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """What the layer makes of the maps."""
        made: Tensor = self.layer(maps)
        return made


@final
class ToUnit(nn.Module):
    """Pixels from [-1, 1], which is what networks hand each other, to [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        """The same shape."""
        return (images + 1) / 2


@final
class UnitSigmoid(nn.Module):
    """A sigmoid's [0, 1] as pixels in [-1, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        """The same shape."""
        return 2 * images.sigmoid() - 1


def output_layer(kind: str) -> nn.Module:
    """The last activation of a generator (`generator.output`)."""
    return UnitSigmoid() if kind == "sigmoid" else nn.Tanh()


def input_layer(kind: str) -> nn.Module:
    """The first layer of a discriminator (`discriminator.pixels`)."""
    return ToUnit() if kind == "unit" else nn.Identity()


def initialise(network: nn.Module, kind: str, slope: float) -> None:
    """Give the layers of a network their first weights.

    Args:
        network: its layers are visited in the order of their making.
        kind: "he" (He et al. 2015, normal, for the activation that follows; an embedding is standard normal), "keras"
            (Glorot-uniform weights, zero biases, embeddings uniform in ±0.05, an LSTM's recurrent weights orthogonal and its
            forget gate's bias 1), or "torch" (left as they are).
        slope: of the ReLUs below zero.
    """
    if kind == "torch":
        return
    children = [child for layer in network.modules() if isinstance(layer, OWN_START) for child in layer.children()]
    # He's start is for layers before a ReLU; the last have none after them.
    own = {id(child) for child in children if kind == "he" or isinstance(child, nn.Embedding)}
    for layer in network.modules():
        if id(layer) in own:
            continue
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            _start_he(layer, slope) if kind == "he" else nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif kind == "keras" and isinstance(layer, nn.Embedding):
            nn.init.uniform_(layer.weight, -KERAS_EMBEDDING, KERAS_EMBEDDING)
        elif kind == "keras" and isinstance(layer, nn.LSTM):
            _start_lstm(layer)


def _start_he(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, slope: float) -> None:
    if isinstance(layer, nn.ConvTranspose2d):
        # Each output pixel sums over (kernel / stride)² taps of each channel: He's fan-in counts those.
        taps = math.prod(size / step for size, step in zip(layer.kernel_size, layer.stride, strict=True))
        nn.init.normal_(layer.weight, std=math.sqrt(2 / (1 + slope**2) / (layer.in_channels * taps)))
    else:
        nn.init.kaiming_normal_(layer.weight, a=slope)


def _start_lstm(layer: nn.LSTM) -> None:
    nn.init.xavier_uniform_(layer.get_parameter("weight_ih_l0"))
    nn.init.orthogonal_(layer.get_parameter("weight_hh_l0"))
    bias = layer.get_parameter("bias_ih_l0")
    nn.init.zeros_(bias)
    nn.init.ones_(bias.detach()[layer.hidden_size : 2 * layer.hidden_size])  # the gates are i f g o


def apply_spectral_norm(network: nn.Module) -> None:
    """Divide every convolution's and dense layer's weights by their largest singular value (Miyato et al. 2018).

    It is estimated by one power iteration at each pass in training.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            spectral_norm(layer)
