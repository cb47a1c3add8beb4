"""Single layers of Keras 3 with the weights of ours, on maps whose channels come last."""

from __future__ import annotations

import os
import types
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from digitgan.errors import UsageError
from digitgan.networks.conditioning import ClassConditionalBatchNorm
from digitgan.networks.layers import IgnoreLabel, SameTransposedConvolution, UnitSigmoid

Array = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
KerasTensor = Any
KerasModel = Any


def load_keras() -> types.ModuleType:
    """The module keras, on its torch backend where no other was chosen, so that no TensorFlow is needed.

    Raises:
        UsageError: where it is not installed.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError as problem:
        raise UsageError(
            "--format keras needs Keras, which comes with the extra `export`: pip install 'digitgan[export]'"
        ) from problem
    module: types.ModuleType = keras
    return module


@final
class KerasBuilder:
    """Makes layers, and joins them to models; each method takes a Keras tensor, and gives the next one.

    Attributes:
        keras: the module.
        layers: its layers.
    """

    def __init__(self) -> None:
        self.keras = load_keras()
        self.layers = self.keras.layers

    def input(self, shape: tuple[int, ...], name: str) -> KerasTensor:
        """What a model is given: float32 (n, *shape)."""
        return self.keras.Input(shape, name=name)

    def labels(self) -> KerasTensor:
        """The labels that a model is given: int32 (n, 1)."""
        return self.keras.Input((1,), dtype="int32", name="labels")

    def model(self, inputs: list[KerasTensor], outputs: Any, name: str) -> KerasModel:
        """The model that leads from inputs to outputs."""
        return self.keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs, name=name)

    def table(self, labels: KerasTensor, rows: Array, name: str) -> KerasTensor:
        """The row (n, width) of each label."""
        found = self._weighted(self.layers.Embedding(*rows.shape, name=name), labels, [rows])
        return self.layers.Flatten(name=f"{name}_row")(found)

    def joined(self, first: KerasTensor, second: KerasTensor, name: str) -> KerasTensor:
        """Both, one after the other along the last axis."""
        return self.layers.Concatenate(name=name)([first, second])

    def dense(
        self, layer: nn.Linear, values: KerasTensor, name: str, *, inputs: Places | None = None, outputs: Places | None = None
    ) -> KerasTensor:
        """A dense layer, whose inputs or outputs lie in another order in Keras: where each of them lies here."""
        kernel = array(layer.weight).T
        bias = None if layer.bias is None else array(layer.bias)
        if inputs is not None:
            kernel = kernel[inputs]
        if outputs is not None:
            kernel, bias = kernel[:, outputs], None if bias is None else bias[outputs]
        made = self.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=name)
        return self._weighted(made, values, [kernel] if bias is None else [kernel, bias])

    def convolution(self, layer: nn.Module, maps: KerasTensor, name: str) -> KerasTensor:
        """A convolution of either direction, with 'same' padding; of an odd pixel too, which comes last in both worlds."""
        if isinstance(layer, nn.Sequential):  # that odd pixel, then the convolution
            layer = layer[1]
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        up = isinstance(layer, SameTransposedConvolution)
        kind = self.layers.Conv2DTranspose if up else self.layers.Conv2D
        made = kind(
            layer.out_channels,
            layer.kernel_size,
            strides=layer.stride,
            padding="same",
            use_bias=layer.bias is not None,
            name=name,
        )
        # Ours are (in, out, height, width) on the way up and (out, in, height, width) on the way down; Keras' have the sides
        # first, and the other two the other way round.
        weights = [array(layer.weight).transpose(2, 3, 1, 0)]
        return self._weighted(made, maps, weights if layer.bias is None else [*weights, array(layer.bias)])

    def norm(
        self, layer: nn.Module, maps: KerasTensor, labels: KerasTensor | None, name: str, order: Places | None = None
    ) -> KerasTensor:
        """The norm of a layer: batch norm, class-conditional batch norm, or none."""
        if isinstance(layer, ClassConditionalBatchNorm):
            maps = self._batch_norm(layer.norm, maps, name, None)
            for kind, table in (("gain", layer.gain), ("bias", layer.bias)):
                row = self.table(labels, array(table.weight), f"{name}_{kind}")
                join = self.layers.Multiply if kind == "gain" else self.layers.Add
                maps = join(name=f"{name}_with_{kind}")([maps, self.over_pixels(row, f"{name}_{kind}")])
            return maps
        inner = layer.layer if isinstance(layer, IgnoreLabel) else layer
        return maps if isinstance(inner, nn.Identity) else self._batch_norm(inner, maps, name, order)

    def over_pixels(self, row: KerasTensor, name: str) -> KerasTensor:
        """A number for each channel (n, channels) as (n, 1, 1, channels), which goes with maps."""
        return self.layers.Reshape((1, 1, row.shape[-1]), name=f"{name}_over_pixels")(row)

    def relu(self, slope: float, maps: KerasTensor, name: str) -> KerasTensor:
        """A ReLU, leaky where it has a slope below zero."""
        layer = self.layers.LeakyReLU(negative_slope=slope, name=name) if slope else self.layers.ReLU(name=name)
        return layer(maps)

    def output(self, layer: nn.Module, maps: KerasTensor, name: str) -> KerasTensor:
        """A generator's last activation: pixels in [-1, 1]."""
        if isinstance(layer, UnitSigmoid):
            unit = self.layers.Activation("sigmoid", name=f"{name}_in_unit")(maps)
            return self.layers.Rescaling(2.0, offset=-1.0, name=name)(unit)
        return self.layers.Activation("tanh", name=name)(maps)

    def lstm(self, layer: nn.LSTM, name: str, **options: Any) -> tuple[Any, list[Array]]:
        """An LSTM, and the weights to set once it has been called. The gates have the same order in both worlds."""
        parts = [layer.get_parameter(f"{part}_l0") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        kernel, recurrent, bias, second = (array(part) for part in parts)
        return self.layers.LSTM(layer.hidden_size, name=name, **options), [kernel.T, recurrent.T, bias + second]

    def _weighted(self, layer: Any, values: KerasTensor, weights: list[Array]) -> KerasTensor:
        made = layer(values)
        layer.set_weights(weights)
        return made

    def _batch_norm(self, layer: nn.Module, maps: KerasTensor, name: str, order: Places | None) -> KerasTensor:
        assert isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
        assert layer.running_mean is not None
        assert layer.running_var is not None
        affine = [] if layer.weight is None else [layer.weight, layer.bias]
        weights = [array(each) for each in (*affine, layer.running_mean, layer.running_var)]
        made = self.layers.BatchNormalization(
            momentum=1 - (layer.momentum or 0.0), epsilon=layer.eps, center=bool(affine), scale=bool(affine), name=name
        )
        return self._weighted(made, maps, weights if order is None else [each[order] for each in weights])


def array(tensor: Tensor) -> Array:
    """A tensor's numbers as float32."""
    numbers: Array = tensor.detach().to("cpu", torch.float32).numpy()
    return numbers


def channels_last(channels: int, height: int, width: int) -> Places:
    """Where each unit of flattened maps (height, width, channels) lies in those of (channels, height, width)."""
    return np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).reshape(-1)
