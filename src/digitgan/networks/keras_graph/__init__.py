"""The layers of a network description: Keras layers with the names, settings and axis order of Keras.

Channels are last. No setting can make a layer do anything but arithmetic.
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
    Cropping1D,
    Cropping2D,
    Identity,
    LeakyReLU,
    Multiply,
    Permute,
    ReLU,
    Rescaling,
    Reshape,
    Rsqrt,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)
from digitgan.networks.keras_graph.weighted import (
    BatchNorm,
    Convolution,
    ConvolutionUp,
    Dense,
    DepthwiseConvolution,
    Embedding,
    Lstm,
)

__all__ = ["KINDS", "Add", "Concatenate", "Dense", "Layer", "Lstm", "Multiply", "Numbers", "Rsqrt", "Shape"]

KINDS: Final[Mapping[str, Callable[[Settings, Sequence[Shape]], Layer]]] = types.MappingProxyType(
    {
        "Activation": Activation,
        "Add": Add,
        "BatchNormalization": BatchNorm,
        "Concatenate": Concatenate,
        "Conv2D": Convolution,
        "Conv2DTranspose": ConvolutionUp,
        "Cropping1D": Cropping1D,
        "Cropping2D": Cropping2D,
        "Dense": Dense,
        "DepthwiseConv2D": DepthwiseConvolution,
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
        "Rsqrt": Rsqrt,
        "UnitNormalization": UnitNormalization,
        "UpSampling2D": UpSampling2D,
        "ZeroPadding2D": ZeroPadding2D,
    }
)
"""The supported layers by their Keras class names."""
