"""The kinds of layers that a description of a generator may name: those of Keras, with its names, settings and order of axes.

None does anything but arithmetic, whatever its settings say. Channels come last.
"""

from __future__ import annotations

import math
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

Settings = Mapping[str, Any]
Shape = tuple[int, ...]
"""Of one image's values, without the batch."""

Numbers = npt.NDArray[np.float32]


class Layer(nn.Module, ABC):
    """A layer of a description.

    Attributes:
        stored: the shapes of its weights in Keras, in their order there.
    """

    stored: Sequence[Shape] = ()

    @abstractmethod
    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        """Make one.

        Args:
            settings: Keras' own, by its names.
            shapes: of what it will be given.

        Raises:
            ValueError: for a setting that it has no form of.
        """
        super().__init__()

    def put(self, weights: Sequence[Numbers]) -> None:
        """Take over weights as Keras stores them."""
        for own, given in zip(self.own_weights(), weights, strict=True):
            with torch.no_grad():
                own.copy_(torch.from_numpy(given))

    def own_weights(self) -> Sequence[Tensor]:
        """Its weights, each so turned that Keras' shapes fit."""
        return ()


ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = types.MappingProxyType(
    {
        "linear": lambda values: values,
        "relu": functional.relu,
        "leaky_relu": lambda values: functional.leaky_relu(values, 0.2),
        "elu": functional.elu,
        "selu": functional.selu,
        "silu": functional.silu,
        "swish": functional.silu,
        "softplus": functional.softplus,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
    }
)
"""Keras' activations by their names there."""


def _activation(settings: Settings) -> Callable[[Tensor], Tensor]:
    name = settings.get("activation") or "linear"
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r}")
    return ACTIVATIONS[name]


def _only(settings: Settings, **right: Any) -> None:
    """Refuse settings that have another value than the one there is a form of."""
    for key, value in right.items():
        if settings.get(key, value) not in (value, None):
            raise ValueError(f"{key} = {settings[key]!r}")


def _sizes(value: Any, count: int = 2) -> tuple[int, ...]:
    """A setting that is one whole number, or one for each side."""
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,) * count
    if len(sizes) != count or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(f"size {value!r}")
    return sizes


def _whole(settings: Settings, key: str) -> int:
    value = settings.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{key} = {value!r}")
    return value


def _maps(shapes: Sequence[Shape]) -> tuple[int, int, int]:
    if len(shapes[0]) != 3:
        raise ValueError(f"input of shape {shapes[0]}, where maps (height, width, channels) are right")
    height, width, channels = shapes[0]
    return height, width, channels


@final
class Dense(Layer):
    """Of the last axis."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, lora_rank=None, quantization_config=None)
        self.linear = nn.Linear(shapes[0][-1], _whole(settings, "units"), bias=settings.get("use_bias", True))
        self.activation = _activation(settings)
        kernel = (self.linear.in_features, self.linear.out_features)
        self.stored = [kernel] if self.linear.bias is None else [kernel, kernel[1:]]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        return [self.linear.weight.T] if self.linear.bias is None else [self.linear.weight.T, self.linear.bias]

    def forward(self, values: Tensor) -> Tensor:
        """(n, …, units)."""
        return self.activation(self.linear(values))


@final
class Embedding(Layer):
    """A row for each label; mixed rows for shares of the classes."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, mask_zero=False, lora_rank=None, quantization_config=None)
        if shapes[0] not in ((), (1,)):
            raise ValueError(f"input of shape {shapes[0]}, where one label is right")
        self.single = shapes[0] == ()
        self.table = nn.Embedding(_whole(settings, "input_dim"), _whole(settings, "output_dim"))
        self.stored = [tuple(self.table.weight.shape)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        return [self.table.weight]

    def forward(self, labels: Tensor) -> Tensor:
        """(n, 1, width), or (n, width) where a label has no axis of its own; shares (n, classes) count as one label."""
        rows: Tensor = labels @ self.table.weight if labels.is_floating_point() else self.table(labels.reshape(-1))
        return rows if self.single else rows[:, None]


@final
class Convolution(Layer):
    """Of maps, in one direction."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, data_format="channels_last", groups=1)
        if _sizes(settings.get("dilation_rate", 1)) != (1, 1):
            raise ValueError(f"dilation_rate = {settings['dilation_rate']!r}")
        height, width, channels = _maps(shapes)
        kernel, self.strides = _sizes(settings.get("kernel_size")), _sizes(settings.get("strides", 1))
        self.padding = _padding(settings, (height, width), kernel, self.strides)
        filters = _whole(settings, "filters")
        self.inner = nn.Conv2d(channels, filters, kernel, self.strides, bias=settings.get("use_bias", True))  # type: ignore[arg-type]
        self.activation = _activation(settings)
        self.stored = [(*kernel, channels, filters), (filters,)][: 2 - (self.inner.bias is None)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        weight = self.inner.weight.permute(2, 3, 1, 0)
        return [weight] if self.inner.bias is None else [weight, self.inner.bias]

    def forward(self, maps: Tensor) -> Tensor:
        """(n, height, width, filters)."""
        padded = functional.pad(maps.permute(0, 3, 1, 2), self.padding)
        return self.activation(self.inner(padded).permute(0, 2, 3, 1))


@final
class ConvolutionUp(Layer):
    """The transposed convolution of maps."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, data_format="channels_last", output_padding=None)
        if _sizes(settings.get("dilation_rate", 1)) != (1, 1):
            raise ValueError(f"dilation_rate = {settings['dilation_rate']!r}")
        height, width, channels = _maps(shapes)
        kernel, strides = _sizes(settings.get("kernel_size")), _sizes(settings.get("strides", 1))
        if any(size < stride for size, stride in zip(kernel, strides, strict=True)):
            raise ValueError(f"kernel_size {kernel} smaller than strides {strides}")
        filters = _whole(settings, "filters")
        same = _same(settings)
        cuts = [(size - stride if same else 0) for size, stride in zip(kernel, strides, strict=True)]
        self.top, self.left = (cut // 2 for cut in cuts)
        full = [(side - 1) * stride + size for side, stride, size in zip((height, width), strides, kernel, strict=True)]
        self.height, self.width = (side - cut for side, cut in zip(full, cuts, strict=True))
        self.inner = nn.ConvTranspose2d(channels, filters, kernel, strides, bias=settings.get("use_bias", True))  # type: ignore[arg-type]
        self.activation = _activation(settings)
        self.stored = [(*kernel, filters, channels), (filters,)][: 2 - (self.inner.bias is None)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        weight = self.inner.weight.permute(2, 3, 1, 0)
        return [weight] if self.inner.bias is None else [weight, self.inner.bias]

    def forward(self, maps: Tensor) -> Tensor:
        """(n, height, width, filters)."""
        wide = self.inner(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.activation(wide[:, self.top : self.top + self.height, self.left : self.left + self.width])


@final
class BatchNorm(Layer):
    """Of the last axis, by the statistics of the training."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        axis = settings.get("axis", -1)
        if (axis[0] if isinstance(axis, list) and len(axis) == 1 else axis) not in (-1, len(shapes[0])):
            raise ValueError(f"axis = {axis!r}")
        _only(settings, renorm=False)
        width = shapes[0][-1]
        self.epsilon = float(settings.get("epsilon", 1e-3))
        self.gain = nn.Parameter(torch.ones(width)) if settings.get("scale", True) else None
        self.bias = nn.Parameter(torch.zeros(width)) if settings.get("center", True) else None
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.stored = [(width,)] * len(self.own_weights())

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        affine = [each for each in (self.gain, self.bias) if each is not None]
        return [*affine, self.mean, self.variance]

    def forward(self, values: Tensor) -> Tensor:
        """The same shape."""
        scale = torch.rsqrt(self.variance + self.epsilon)
        scale = scale if self.gain is None else scale * self.gain
        shift = -self.mean * scale
        return values * scale + (shift if self.bias is None else shift + self.bias)


@final
class Lstm(Layer):
    """Along the first axis; all its outputs or the last one, and its states where they are asked for."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, go_backwards=False, stateful=False, activation="tanh", recurrent_activation="sigmoid")
        if len(shapes[0]) != 2:
            raise ValueError(f"input of shape {shapes[0]}, where (steps, features) is right")
        units, features = _whole(settings, "units"), shapes[0][1]
        self.all_outputs = bool(settings.get("return_sequences", False))
        self.states = bool(settings.get("return_state", False))
        self.biased = bool(settings.get("use_bias", True))
        self.inner = nn.LSTM(features, units, batch_first=True)
        nn.init.zeros_(self.inner.get_parameter("bias_hh_l0"))
        self.stored = [(features, 4 * units), (units, 4 * units), (4 * units,)][: 3 - (not self.biased)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`; the gates have the same order in both worlds."""
        weights = [self.inner.get_parameter("weight_ih_l0").T, self.inner.get_parameter("weight_hh_l0").T]
        return [*weights, self.inner.get_parameter("bias_ih_l0")] if self.biased else weights

    def put(self, weights: Sequence[Numbers]) -> None:
        """See `Layer.put`."""
        nn.init.zeros_(self.inner.get_parameter("bias_hh_l0"))  # torch's second bias, which Keras hasn't
        nn.init.zeros_(self.inner.get_parameter("bias_ih_l0"))
        super().put(weights)

    def forward(self, values: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None) -> Any:
        """(n, steps, units) or (n, units); with states (n, units) of both kinds after it."""
        state = None if hidden is None or cell is None else (hidden[None].contiguous(), cell[None].contiguous())
        outputs, (last, inner) = self.inner(values, state)
        out = outputs if self.all_outputs else outputs[:, -1]
        return (out, last[0], inner[0]) if self.states else out


@final
class Shaped(Layer):
    """Reshape or Flatten."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, data_format="channels_last")
        target = settings.get("target_shape", [-1])
        if not isinstance(target, list | tuple) or not all(isinstance(side, int) and side >= -1 for side in target):
            raise ValueError(f"target_shape = {target!r}")
        self.target = tuple(target)

    def forward(self, values: Tensor) -> Tensor:
        """(n, *target_shape)."""
        return values.reshape(values.shape[0], *self.target)


@final
class Permuted(Layer):
    """The axes in another order."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        dims = settings.get("dims")
        if not isinstance(dims, list | tuple) or sorted(dims) != list(range(1, len(shapes[0]) + 1)):
            raise ValueError(f"dims = {dims!r}")
        self.dims = tuple(dims)

    def forward(self, values: Tensor) -> Tensor:
        """The same values."""
        return values.permute(0, *self.dims)


@final
class Joined(Layer):
    """Concatenate."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        axis = settings.get("axis", -1)
        if not isinstance(axis, int) or axis == 0 or not -len(shapes[0]) <= axis <= len(shapes[0]):
            raise ValueError(f"axis = {axis!r}")
        self.axis = axis

    def forward(self, *values: Tensor) -> Tensor:
        """One after the other along the axis."""
        return torch.cat([each.float() for each in values], dim=self.axis)


@final
class Summed(Layer):
    """Add."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        """The sum; a side of 1 goes with any."""
        return sum(others, first)


@final
class Multiplied(Layer):
    """Multiply."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, *values: Tensor) -> Tensor:
        """The product; a side of 1 goes with any."""
        return math.prod(values[1:], start=values[0])


@final
class Activated(Layer):
    """Activation."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        self.activation = _activation(settings)

    def forward(self, values: Tensor) -> Tensor:
        """The same shape."""
        return self.activation(values)


class Rectified(Layer):
    """ReLU.

    Attributes:
        usual: the slope below zero where the settings say none.
    """

    usual = 0.0

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, max_value=None, threshold=0.0)
        self.slope = float(settings.get("negative_slope", settings.get("alpha", self.usual)))

    def forward(self, values: Tensor) -> Tensor:
        """The same shape."""
        return functional.leaky_relu(values, self.slope)


@final
class LeakilyRectified(Rectified):
    """LeakyReLU."""

    usual = 0.3


@final
class Rescaled(Layer):
    """Rescaling."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        self.scale, self.offset = float(settings.get("scale", 1.0)), float(settings.get("offset", 0.0))

    def forward(self, values: Tensor) -> Tensor:
        """values * scale + offset."""
        return values * self.scale + self.offset


@final
class Enlarged(Layer):
    """UpSampling2D."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        _only(settings, data_format="channels_last")
        _maps(shapes)
        self.factors = _sizes(settings.get("size", 2))
        self.mode = settings.get("interpolation", "nearest")
        if self.mode not in ("nearest", "bilinear"):
            raise ValueError(f"interpolation = {self.mode!r}")

    def forward(self, maps: Tensor) -> Tensor:
        """(n, height * factor, width * factor, channels)."""
        if self.mode == "bilinear":
            wide = functional.interpolate(maps.permute(0, 3, 1, 2), scale_factor=self.factors, mode="bilinear")
            return wide.permute(0, 2, 3, 1)
        return maps.repeat_interleave(self.factors[0], dim=1).repeat_interleave(self.factors[1], dim=2)


@final
class Cropped(Layer):
    """Cropping1D."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        cropping = settings.get("cropping", [1, 1])
        cut = tuple(cropping) if isinstance(cropping, list | tuple) else (cropping, cropping)
        if len(cut) != 2 or not all(isinstance(side, int) and side >= 0 for side in cut) or sum(cut) >= shapes[0][0]:
            raise ValueError(f"cropping = {cropping!r}")
        self.first, self.count = cut[0], shapes[0][0] - sum(cut)

    def forward(self, values: Tensor) -> Tensor:
        """(n, fewer, features)."""
        return values[:, self.first : self.first + self.count]


@final
class Kept(Layer):
    """What does nothing but in training: Dropout, GaussianNoise, GaussianDropout."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, values: Tensor) -> Tensor:
        """The values."""
        return values


def _same(settings: Settings) -> bool:
    padding = settings.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise ValueError(f"padding = {padding!r}")
    return bool(padding == "same")


def _padding(settings: Settings, sides: Shape, kernel: Shape, strides: Shape) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) of a convolution, as torch counts."""
    if not _same(settings):
        return (0, 0, 0, 0)
    totals = [
        max(0, (math.ceil(side / stride) - 1) * stride + size - side)
        for side, stride, size in zip(sides, strides, kernel, strict=True)
    ]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in totals)
    return left, right, top, bottom


KINDS: Final[Mapping[str, Callable[[Settings, Sequence[Shape]], Layer]]] = types.MappingProxyType(
    {
        "Activation": Activated,
        "Add": Summed,
        "BatchNormalization": BatchNorm,
        "Concatenate": Joined,
        "Conv2D": Convolution,
        "Conv2DTranspose": ConvolutionUp,
        "Cropping1D": Cropped,
        "Dense": Dense,
        "Dropout": Kept,
        "Embedding": Embedding,
        "Flatten": Shaped,
        "GaussianDropout": Kept,
        "GaussianNoise": Kept,
        "LSTM": Lstm,
        "LeakyReLU": LeakilyRectified,
        "Multiply": Multiplied,
        "Permute": Permuted,
        "ReLU": Rectified,
        "Rescaling": Rescaled,
        "Reshape": Shaped,
        "UpSampling2D": Enlarged,
    }
)
"""The kinds of layers, by their names in Keras."""
