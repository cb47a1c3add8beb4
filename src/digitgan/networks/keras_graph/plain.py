"""Keras layers without weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.networks.keras_graph.layer import (
    Layer,
    Settings,
    Shape,
    activation_of,
    check_only,
    shape_of_maps,
    sizes_of,
)


@final
class Reshape(Layer):
    """The Keras layers `Reshape` and `Flatten`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last")
        target = settings.get("target_shape", [-1])
        if not isinstance(target, list | tuple) or not all(isinstance(side, int) and side >= -1 for side in target):
            raise ValueError(f"target_shape = {target!r}: must be a list of integers, -1 or more")
        self.target = tuple(target)

    def forward(self, values: Tensor) -> Tensor:
        """Reshape values to (n, *target_shape)."""
        return values.reshape(values.shape[0], *self.target)


@final
class Permute(Layer):
    """The Keras layer `Permute`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        dims = settings.get("dims")
        if not isinstance(dims, list | tuple) or sorted(dims) != list(range(1, len(shapes[0]) + 1)):
            raise ValueError(f"dims = {dims!r}: must be a permutation of 1 to {len(shapes[0])}")
        self.dims = tuple(dims)

    def forward(self, values: Tensor) -> Tensor:
        """Permute the axes other than the batch axis."""
        return values.permute(0, *self.dims)


@final
class Concatenate(Layer):
    """The Keras layer `Concatenate`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        axis = settings.get("axis", -1)
        if not isinstance(axis, int) or axis == 0 or not -len(shapes[0]) <= axis <= len(shapes[0]):
            raise ValueError(f"axis = {axis!r}: must be an axis of the input other than the batch axis")
        self.axis = axis

    def forward(self, *values: Tensor) -> Tensor:
        """Concatenate the values along the axis."""
        return torch.cat([each.float() for each in values], dim=self.axis)


@final
class Add(Layer):
    """The Keras layer `Add`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        """Return the sum of the values, with broadcasting."""
        return sum(others, first)


@final
class Multiply(Layer):
    """The Keras layer `Multiply`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, *values: Tensor) -> Tensor:
        """Return the product of the values, with broadcasting."""
        return math.prod(values[1:], start=values[0])


@final
class Activation(Layer):
    """The Keras layer `Activation`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        self.activation = activation_of(settings)

    def forward(self, values: Tensor) -> Tensor:
        """Apply the activation elementwise."""
        return self.activation(values)


class ReLU(Layer):
    """The Keras layer `ReLU`.

    Attributes:
        usual: the default negative slope.
    """

    usual = 0.0

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, max_value=None, threshold=0.0)
        self.slope = float(settings.get("negative_slope", settings.get("alpha", self.usual)))

    def forward(self, values: Tensor) -> Tensor:
        """Apply the (leaky) ReLU elementwise."""
        return functional.leaky_relu(values, self.slope)


@final
class LeakyReLU(ReLU):
    """The Keras layer `LeakyReLU`."""

    usual = 0.3


@final
class Rescaling(Layer):
    """The Keras layer `Rescaling`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        self.scale, self.offset = float(settings.get("scale", 1.0)), float(settings.get("offset", 0.0))

    def forward(self, values: Tensor) -> Tensor:
        """Return values * scale + offset."""
        return values * self.scale + self.offset


@final
class UpSampling2D(Layer):
    """The Keras layer `UpSampling2D`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last")
        shape_of_maps(shapes)
        self.factors = sizes_of(settings.get("size", 2))
        self.mode = settings.get("interpolation", "nearest")
        if self.mode not in ("nearest", "bilinear"):
            raise ValueError(f"interpolation = {self.mode!r}: must be 'nearest' or 'bilinear'")

    def forward(self, maps: Tensor) -> Tensor:
        """Upsample maps to (n, height * factor, width * factor, channels)."""
        if self.mode == "bilinear":
            wide = functional.interpolate(maps.permute(0, 3, 1, 2), scale_factor=self.factors, mode="bilinear")
            return wide.permute(0, 2, 3, 1)
        return maps.repeat_interleave(self.factors[0], dim=1).repeat_interleave(self.factors[1], dim=2)


@final
class Cropping1D(Layer):
    """The Keras layer `Cropping1D`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        cropping = settings.get("cropping", [1, 1])
        cut = tuple(cropping) if isinstance(cropping, list | tuple) else (cropping, cropping)
        if len(cut) != 2 or not all(isinstance(side, int) and side >= 0 for side in cut) or sum(cut) >= shapes[0][0]:
            raise ValueError(f"cropping = {cropping!r}: must be 1 or 2 integers, 0 or more, that leave at least one step")
        self.first, self.count = cut[0], shapes[0][0] - sum(cut)

    def forward(self, values: Tensor) -> Tensor:
        """Crop values along the first axis, to (n, steps, features)."""
        return values[:, self.first : self.first + self.count]


def _four_sides(value: Any) -> list[Any]:
    """Return top, bottom, left and right of a setting: one integer, one for each axis, or a pair for each axis."""
    pairs = [value, value] if isinstance(value, int) else value
    return [side for pair in pairs for side in ([pair, pair] if isinstance(pair, int) else pair)]


@final
class Cropping2D(Layer):
    """The Keras layer `Cropping2D`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last")
        height, width, _ = shape_of_maps(shapes)
        cropping = settings.get("cropping", 0)
        sides = _four_sides(cropping)
        whole = len(sides) == 4 and all(isinstance(side, int) and side >= 0 for side in sides)
        if not whole or sides[0] + sides[1] >= height or sides[2] + sides[3] >= width:
            raise ValueError(f"cropping = {cropping!r}: must be 1, 2 or 2x2 integers, 0 or more, that leave at least one pixel")
        self.rows, self.columns = (sides[0], height - sides[1]), (sides[2], width - sides[3])

    def forward(self, maps: Tensor) -> Tensor:
        """Crop maps (n, height, width, channels) at their sides."""
        return maps[:, self.rows[0] : self.rows[1], self.columns[0] : self.columns[1]]


@final
class ZeroPadding2D(Layer):
    """The Keras layer `ZeroPadding2D`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        check_only(settings, data_format="channels_last")
        height, width, _ = shape_of_maps(shapes)
        padding = settings.get("padding", 1)
        sides = _four_sides(padding)
        if len(sides) != 4 or not all(isinstance(side, int) and 0 <= side <= max(height, width) for side in sides):
            raise ValueError(f"padding = {padding!r}: must be 1, 2 or 2x2 integers, from 0 to the sides of the maps")
        self.padding = (sides[2], sides[3], sides[0], sides[1])

    def forward(self, maps: Tensor) -> Tensor:
        """Pad maps (n, height, width, channels) with zeros."""
        return functional.pad(maps, (0, 0, *self.padding))


@final
class UnitNormalization(Layer):
    """The Keras layer `UnitNormalization` of the last axis."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)
        if settings.get("axis", -1) not in (-1, [-1], len(shapes[0])):
            raise ValueError(f"axis = {settings['axis']!r}: must be the last axis")

    def forward(self, values: Tensor) -> Tensor:
        """Scale values to norm 1."""
        return functional.normalize(values, dim=-1, eps=1e-6)  # Keras bounds the squared norm by 1e-12


@final
class Rsqrt(Layer):
    """The Keras operation `keras.ops.rsqrt`."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, values: Tensor) -> Tensor:
        """Return 1 / sqrt(values)."""
        return torch.rsqrt(values)


@final
class Identity(Layer):
    """The Keras layers `Dropout`, `GaussianNoise` and `GaussianDropout`, which are the identity outside training."""

    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        super().__init__(settings, shapes)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values unchanged."""
        return values
