"""The kinds of layers that a description of a generator may name: those of Keras, with its names, settings and order of axes.

None does anything but arithmetic, whatever its settings say. Channels come last.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from digitgan.networks.keras_graph.layer import Layer, Numbers, Settings, Shape
from digitgan.networks.keras_graph.plain import (
    Activation,
    Add,
    Concatenate,
    Cropping2D,
    Identity,
    LeakyReLU,
    Multiply,
    Permute,
    ReLU,
    Rescaling,
    Reshape,
    UpSampling2D,
)
from digitgan.networks.keras_graph.weighted import BatchNorm, Convolution, ConvolutionUp, Dense, Embedding, Lstm

__all__ = ["KINDS", "Add", "Concatenate", "Dense", "Layer", "Lstm", "Multiply", "Numbers", "Shape"]

KINDS: Final[Mapping[str, Callable[[Settings, Sequence[Shape]], Layer]]] = types.MappingProxyType(
    {
        "Activation": Activation,
        "Add": Add,
        "BatchNormalization": BatchNorm,
        "Concatenate": Concatenate,
        "Conv2D": Convolution,
        "Conv2DTranspose": ConvolutionUp,
        "Cropping1D": Cropping2D,
        "Dense": Dense,
        "Dropout": Identity,
        "Embedding": Embedding,
        "Flatten": Reshape,
        "GaussianDropout": Identity,
        "GaussianNoise": Identity,
        "LSTM": Lstm,
        "LeakyReLU": LeakyReLU,
        "Multiply": Multiply,
        "Permute": Permute,
        "ReLU": ReLU,
        "Rescaling": Rescaling,
        "Reshape": Reshape,
        "UpSampling2D": UpSampling2D,
    }
)
"""The kinds of layers, by their names in Keras."""
