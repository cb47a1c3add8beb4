"""The base class of the layers of a description, and functions that read their Keras settings."""

from __future__ import annotations

import math
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

Settings = Mapping[str, Any]
Shape = tuple[int, ...]
"""The shape of the values of one image, without the batch axis."""

Numbers = npt.NDArray[np.float32]


class Layer(nn.Module, ABC):
    """A layer of a description.

    Attributes:
        stored: the shapes of the weights in Keras, in the order of Keras.
    """

    stored: Sequence[Shape] = ()

    @abstractmethod
    def __init__(self, settings: Settings, shapes: Sequence[Shape]) -> None:
        """Create the layer.

        Args:
            settings: the Keras settings by name.
            shapes: the shapes of the inputs.

        Raises:
            ValueError: if a setting is not supported.
        """
        super().__init__()

    def put(self, weights: Sequence[Numbers]) -> None:
        """Copy weights in the layout of Keras into the layer."""
        for own, given in zip(self.own_weights(), weights, strict=True):
            with torch.no_grad():
                own.copy_(torch.from_numpy(given))

    def own_weights(self) -> Sequence[Tensor]:
        """Return the weights of the layer as views in the layout of Keras."""
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
"""The supported activations by their Keras names."""


def activation_of(settings: Settings) -> Callable[[Tensor], Tensor]:
    """Return the activation of a layer; the identity if it has none.

    Raises:
        ValueError: if the activation is not supported.
    """
    name = settings.get("activation") or "linear"
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"activation = {name!r} is not supported")
    return ACTIVATIONS[name]


def check_only(settings: Settings, **right: Any) -> None:
    """Check that settings have the only supported value.

    Raises:
        ValueError: if a setting has another value.
    """
    for key, value in right.items():
        if settings.get(key, value) not in (value, None):
            raise ValueError(f"{key} = {settings[key]!r} is not supported; must be {value!r}")


def sizes_of(value: Any, count: int = 2) -> tuple[int, ...]:
    """Return a setting that is one positive integer, or one per side, as a tuple.

    Raises:
        ValueError: if the setting has another form.
    """
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,) * count
    if len(sizes) != count or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(f"size {value!r}: must be 1 or {count} positive integers")
    return sizes


def whole_number(settings: Settings, key: str) -> int:
    """Return a setting that is a positive integer.

    Raises:
        ValueError: if it is not a positive integer.
    """
    value = settings.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{key} = {value!r}: must be a positive integer")
    return value


def shape_of_maps(shapes: Sequence[Shape]) -> tuple[int, int, int]:
    """Return the (height, width, channels) of the first input of a layer.

    Raises:
        ValueError: if the input does not have three axes.
    """
    if len(shapes[0]) != 3:
        raise ValueError(f"input of shape {shapes[0]}: must be (height, width, channels)")
    height, width, channels = shapes[0]
    return height, width, channels


def is_same(settings: Settings) -> bool:
    """Return whether the padding is 'same' rather than 'valid'.

    Raises:
        ValueError: if the padding has another value.
    """
    padding = settings.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise ValueError(f"padding = {padding!r}: must be 'same' or 'valid'")
    return bool(padding == "same")


def padding_of(settings: Settings, sides: Shape, kernel: Shape, strides: Shape) -> tuple[int, int, int, int]:
    """Return the padding of a convolution as (left, right, top, bottom), the order of `torch.nn.functional.pad`."""
    if not is_same(settings):
        return (0, 0, 0, 0)
    totals = [
        max(0, (math.ceil(side / stride) - 1) * stride + size - side)
        for side, stride, size in zip(sides, strides, kernel, strict=True)
    ]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in totals)
    return left, right, top, bottom
