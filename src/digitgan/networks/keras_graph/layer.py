"""What every kind of layer is, and how its settings are read, which are Keras' own."""

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


def activation_of(settings: Settings) -> Callable[[Tensor], Tensor]:
    """The activation inside a layer; the identity where it has none. A name that there is none of is a ValueError."""
    name = settings.get("activation") or "linear"
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r}")
    return ACTIVATIONS[name]


def check_only(settings: Settings, **right: Any) -> None:
    """Refuse settings that have another value than the one there is a form of."""
    for key, value in right.items():
        if settings.get(key, value) not in (value, None):
            raise ValueError(f"{key} = {settings[key]!r}")


def sizes_of(value: Any, count: int = 2) -> tuple[int, ...]:
    """A setting that is one whole number, or one for each side."""
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,) * count
    if len(sizes) != count or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(f"size {value!r}")
    return sizes


def whole_number(settings: Settings, key: str) -> int:
    """A setting that is a whole number above 0; anything else is a ValueError."""
    value = settings.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{key} = {value!r}")
    return value


def shape_of_maps(shapes: Sequence[Shape]) -> tuple[int, int, int]:
    """(height, width, channels) of a layer's first input; a ValueError where it is no maps."""
    if len(shapes[0]) != 3:
        raise ValueError(f"input of shape {shapes[0]}, where maps (height, width, channels) are right")
    height, width, channels = shapes[0]
    return height, width, channels


def is_same(settings: Settings) -> bool:
    """Whether the padding is 'same' rather than 'valid'; anything else is a ValueError."""
    padding = settings.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise ValueError(f"padding = {padding!r}")
    return bool(padding == "same")


def padding_of(settings: Settings, sides: Shape, kernel: Shape, strides: Shape) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) of a convolution, as torch counts."""
    if not is_same(settings):
        return (0, 0, 0, 0)
    totals = [
        max(0, (math.ceil(side / stride) - 1) * stride + size - side)
        for side, stride, size in zip(sides, strides, kernel, strict=True)
    ]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in totals)
    return left, right, top, bottom
