"""The kinds of layers that a description of a generator may name: those of Keras, with its names, settings and order of axes.

None does anything but arithmetic, whatever its settings say. Channels come last.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from digitgan.networks.keras_graph.layer import Layer, Numbers, Settings, Shape
from digitgan.networks.keras_graph.plain import (
    Activated,
    Cropped,
    Enlarged,
    Joined,
    Kept,
    LeakilyRectified,
    Multiplied,
    Permuted,
    Rectified,
    Rescaled,
    Shaped,
    Summed,
)
from digitgan.networks.keras_graph.weighted import BatchNorm, Convolution, ConvolutionUp, Dense, Embedding, Lstm

__all__ = ["KINDS", "Dense", "Joined", "Layer", "Lstm", "Multiplied", "Numbers", "Shape", "Summed"]

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
