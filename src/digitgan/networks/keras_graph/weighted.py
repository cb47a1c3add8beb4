"""Keras layers with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.keras_graph.layer import (
    Layer,
    Numbers,
    Settings,
    Shape,
    activation_of,
    check_only,
    is_same,
    padding_of,
    shape_of_maps,
    sizes_of,
    whole_number,
)


@final
class Dense(Layer):
    """The Keras layer `Dense`, applied to the last axis."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, lora_rank=None, quantization_config=None)
        self.linear = nn.Linear(shapes[0][-1], whole_number(settings, "units"), bias=settings.get("use_bias", True))
        self.activation = activation_of(settings)
        kernel = (self.linear.in_features, self.linear.out_features)
        self.stored = [kernel] if self.linear.bias is None else [kernel, kernel[1:]]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        return [self.linear.weight.T] if self.linear.bias is None else [self.linear.weight.T, self.linear.bias]

    def forward(self, values: Tensor) -> Tensor:
        """Map values (n, …, features) to (n, …, units)."""
        return self.activation(self.linear(values))


@final
class Embedding(Layer):
    """The Keras layer `Embedding`; class weights select weighted sums of its rows."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, mask_zero=False, lora_rank=None, quantization_config=None)
        if shapes[0] not in ((), (1,)):
            raise ValueError(f"input of shape {shapes[0]}: must be () or (1,), one label")
        self.single = shapes[0] == ()
        self.table = nn.Embedding(whole_number(settings, "input_dim"), whole_number(settings, "output_dim"))
        self.stored = [tuple(self.table.weight.shape)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        return [self.table.weight]

    def forward(self, labels: Tensor) -> Tensor:
        """Return rows (n, 1, width), or (n, width) if the labels are (n,); class weights (n, classes) count as one label."""
        rows: Tensor = labels @ self.table.weight if labels.is_floating_point() else self.table(labels.reshape(-1))
        return rows if self.single else rows[:, None]


@final
class Convolution(Layer):
    """The Keras layer `Conv2D`, without groups or dilation."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last", groups=1)
        if sizes_of(settings.get("dilation_rate", 1)) != (1, 1):
            raise ValueError(f"dilation_rate = {settings['dilation_rate']!r} is not supported; must be 1")
        height, width, channels = shape_of_maps(shapes)
        kernel, self.strides = sizes_of(settings.get("kernel_size")), sizes_of(settings.get("strides", 1))
        self.padding = padding_of(settings, (height, width), kernel, self.strides)
        filters = whole_number(settings, "filters")
        self.inner = nn.Conv2d(channels, filters, kernel, self.strides, bias=settings.get("use_bias", True))  # type: ignore[arg-type]
        self.activation = activation_of(settings)
        self.stored = [(*kernel, channels, filters), (filters,)][: 2 - (self.inner.bias is None)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        weight = self.inner.weight.permute(2, 3, 1, 0)
        return [weight] if self.inner.bias is None else [weight, self.inner.bias]

    def forward(self, maps: Tensor) -> Tensor:
        """Apply the layer to maps (n, height, width, channels); return (n, new height, new width, filters)."""
        padded = functional.pad(maps.permute(0, 3, 1, 2), self.padding)
        return self.activation(self.inner(padded).permute(0, 2, 3, 1))


@final
class DepthwiseConvolution(Layer):
    """The Keras layer `DepthwiseConv2D`, with one kernel for each channel and without dilation."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last", depth_multiplier=1)
        if sizes_of(settings.get("dilation_rate", 1)) != (1, 1):
            raise ValueError(f"dilation_rate = {settings['dilation_rate']!r} is not supported; must be 1")
        height, width, channels = shape_of_maps(shapes)
        kernel, strides = sizes_of(settings.get("kernel_size")), sizes_of(settings.get("strides", 1))
        self.padding = padding_of(settings, (height, width), kernel, strides)
        bias = settings.get("use_bias", True)
        self.inner = nn.Conv2d(channels, channels, kernel, strides, groups=channels, bias=bias)  # type: ignore[arg-type]
        self.activation = activation_of(settings)
        self.stored = [(*kernel, channels, 1), (channels,)][: 2 - (self.inner.bias is None)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        weight = self.inner.weight.permute(2, 3, 0, 1)
        return [weight] if self.inner.bias is None else [weight, self.inner.bias]

    def forward(self, maps: Tensor) -> Tensor:
        """Apply the layer to maps (n, height, width, channels); return (n, new height, new width, channels)."""
        padded = functional.pad(maps.permute(0, 3, 1, 2), self.padding)
        return self.activation(self.inner(padded).permute(0, 2, 3, 1))


@final
class ConvolutionUp(Layer):
    """The Keras layer `Conv2DTranspose`, without output padding or dilation."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last", output_padding=None)
        if sizes_of(settings.get("dilation_rate", 1)) != (1, 1):
            raise ValueError(f"dilation_rate = {settings['dilation_rate']!r} is not supported; must be 1")
        height, width, channels = shape_of_maps(shapes)
        kernel, strides = sizes_of(settings.get("kernel_size")), sizes_of(settings.get("strides", 1))
        if any(size < stride for size, stride in zip(kernel, strides, strict=True)):
            raise ValueError(f"kernel_size {kernel}: must be at least the strides {strides}")
        filters = whole_number(settings, "filters")
        same = is_same(settings)
        cuts = [(size - stride if same else 0) for size, stride in zip(kernel, strides, strict=True)]
        self.top, self.left = (cut // 2 for cut in cuts)
        full = [(side - 1) * stride + size for side, stride, size in zip((height, width), strides, kernel, strict=True)]
        self.height, self.width = (side - cut for side, cut in zip(full, cuts, strict=True))
        self.inner = nn.ConvTranspose2d(channels, filters, kernel, strides, bias=settings.get("use_bias", True))  # type: ignore[arg-type]
        self.activation = activation_of(settings)
        self.stored = [(*kernel, filters, channels), (filters,)][: 2 - (self.inner.bias is None)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`."""
        weight = self.inner.weight.permute(2, 3, 1, 0)
        return [weight] if self.inner.bias is None else [weight, self.inner.bias]

    def forward(self, maps: Tensor) -> Tensor:
        """Apply the layer to maps (n, height, width, channels); return (n, new height, new width, filters)."""
        wide = self.inner(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.activation(wide[:, self.top : self.top + self.height, self.left : self.left + self.width])


@final
class BatchNorm(Layer):
    """The Keras layer `BatchNormalization` of the last axis, with the statistics from training."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        axis = settings.get("axis", -1)
        if (axis[0] if isinstance(axis, list) and len(axis) == 1 else axis) not in (-1, len(shapes[0])):
            raise ValueError(f"axis = {axis!r}: must be the last axis")
        check_only(settings, renorm=False)
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
        """Normalise the values."""
        scale = torch.rsqrt(self.variance + self.epsilon)
        scale = scale if self.gain is None else scale * self.gain
        shift = -self.mean * scale
        return values * scale + (shift if self.bias is None else shift + self.bias)


@final
class Lstm(Layer):
    """The Keras layer `LSTM`, along the first axis.

    It returns all outputs or the last one, and its states if requested.
    """

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, go_backwards=False, stateful=False, activation="tanh", recurrent_activation="sigmoid")
        if len(shapes[0]) != 2:
            raise ValueError(f"input of shape {shapes[0]}: must be (steps, features)")
        units, features = whole_number(settings, "units"), shapes[0][1]
        self.all_outputs = bool(settings.get("return_sequences", False))
        self.states = bool(settings.get("return_state", False))
        self.biased = bool(settings.get("use_bias", True))
        self.inner = nn.LSTM(features, units, batch_first=True)
        nn.init.zeros_(self.inner.get_parameter("bias_hh_l0"))
        self.stored = [(features, 4 * units), (units, 4 * units), (4 * units,)][: 3 - (not self.biased)]

    def own_weights(self) -> Sequence[Tensor]:
        """See `Layer.own_weights`; the gates have the same order in Keras and PyTorch."""
        weights = [self.inner.get_parameter("weight_ih_l0").T, self.inner.get_parameter("weight_hh_l0").T]
        return [*weights, self.inner.get_parameter("bias_ih_l0")] if self.biased else weights

    def put(self, weights: Sequence[Numbers]) -> None:
        """See `Layer.put`."""
        nn.init.zeros_(self.inner.get_parameter("bias_hh_l0"))  # the second bias of torch, which Keras does not have
        nn.init.zeros_(self.inner.get_parameter("bias_ih_l0"))
        super().put(weights)

    def forward(self, values: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None) -> Any:
        """Return outputs (n, steps, units) or (n, units), and if requested the hidden and cell states (n, units)."""
        state = None if hidden is None or cell is None else (hidden[None].contiguous(), cell[None].contiguous())
        outputs, (last, inner) = self.inner(values, state)
        out = outputs if self.all_outputs else outputs[:, -1]
        return (out, last[0], inner[0]) if self.states else out
