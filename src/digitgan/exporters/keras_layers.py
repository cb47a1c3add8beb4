"""Construction of single Keras 3 layers from PyTorch layers and their weights, in channels-last format."""

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
    """Import Keras, by default with the torch backend, so that TensorFlow is not required.

    Raises:
        UsageError: If Keras is not installed.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError as problem:
        raise UsageError("--format keras: needs Keras; install it with: pip install 'digitgan[export]'") from problem
    module: types.ModuleType = keras
    return module


@final
class KerasBuilder:
    """A builder of Keras models. Unless stated otherwise, a method takes a Keras tensor and returns the next one.

    Attributes:
        keras: The module `keras`.
        layers: The module `keras.layers`.
    """

    def __init__(self) -> None:
        self.keras = load_keras()
        self.layers = self.keras.layers

    def input(self, shape: tuple[int, ...], name: str) -> KerasTensor:
        """Return an input, float32 (n, *shape)."""
        return self.keras.Input(shape, name=name)

    def labels(self) -> KerasTensor:
        """Return the input of the labels, int32 (n, 1)."""
        return self.keras.Input((1,), dtype="int32", name="labels")

    def model(self, inputs: list[KerasTensor], outputs: Any, name: str) -> KerasModel:
        """Return the model from the inputs to the outputs."""
        return self.keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs, name=name)

    def table(self, labels: KerasTensor, rows: Array, name: str) -> KerasTensor:
        """Look up the row (n, width) of each label."""
        found = self._weighted(self.layers.Embedding(*rows.shape, name=name), labels, [rows])
        return self.layers.Flatten(name=f"{name}_row")(found)

    def joined(self, first: KerasTensor, second: KerasTensor, name: str) -> KerasTensor:
        """Concatenate two tensors along the last axis."""
        return self.layers.Concatenate(name=name)([first, second])

    def dense(
        self, layer: nn.Linear, values: KerasTensor, name: str, *, inputs: Places | None = None, outputs: Places | None = None
    ) -> KerasTensor:
        """Apply a dense layer, optionally with reordered units.

        Args:
            layer: The PyTorch layer.
            values: The input.
            name: Name of the Keras layer.
            inputs: PyTorch index of each Keras input; None for the same order.
            outputs: PyTorch index of each Keras output; None for the same order.
        """
        kernel = array(layer.weight).T
        bias = None if layer.bias is None else array(layer.bias)
        if inputs is not None:
            kernel = kernel[inputs]
        if outputs is not None:
            kernel, bias = kernel[:, outputs], None if bias is None else bias[outputs]
        made = self.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=name)
        return self._weighted(made, values, [kernel] if bias is None else [kernel, bias])

    def convolution(
        self,
        layer: nn.Module,
        maps: KerasTensor,
        name: str,
        *,
        inputs: Places | None = None,
        outputs: Places | None = None,
        scale: float = 1.0,
    ) -> KerasTensor:
        """Apply a convolution or transposed convolution with "same" padding, optionally with reordered channels.

        Both frameworks put an odd padding pixel last.

        Args:
            layer: The PyTorch layer.
            maps: The input.
            name: Name of the Keras layer.
            inputs: PyTorch index of each Keras input channel; None for the same order.
            outputs: PyTorch index of each Keras output channel; None for the same order.
            scale: Factor of the weights.
        """
        if isinstance(layer, nn.Sequential):  # the odd padding pixel, then the convolution
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
            **({} if up else {"groups": layer.groups}),
        )
        # PyTorch: (in, out, height, width) if transposed, else (out, in, height, width). Keras: (height, width, out, in) and
        # (height, width, in, out).
        kernel = scale * array(layer.weight).transpose(2, 3, 1, 0)
        bias = None if layer.bias is None else scale * array(layer.bias)
        if inputs is not None:
            kernel = kernel[:, :, inputs]
        if outputs is not None:
            kernel, bias = kernel[..., outputs], None if bias is None else bias[outputs]
        return self._weighted(made, maps, [kernel] if bias is None else [kernel, bias])

    def norm(
        self, layer: nn.Module, maps: KerasTensor, labels: KerasTensor | None, name: str, order: Places | None = None
    ) -> KerasTensor:
        """Apply batch normalisation, class-conditional batch normalisation, or none."""
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
        """Reshape values per channel (n, channels) to (n, 1, 1, channels), so that they broadcast over the pixels."""
        return self.layers.Reshape((1, 1, row.shape[-1]), name=f"{name}_over_pixels")(row)

    def relu(self, slope: float, maps: KerasTensor, name: str) -> KerasTensor:
        """Apply a ReLU, or a leaky ReLU if `slope` is not 0."""
        layer = self.layers.LeakyReLU(negative_slope=slope, name=name) if slope else self.layers.ReLU(name=name)
        return layer(maps)

    def output(self, layer: nn.Module, maps: KerasTensor, name: str) -> KerasTensor:
        """Apply the last activation of a generator, with output in [-1, 1]."""
        if isinstance(layer, UnitSigmoid):
            unit = self.layers.Activation("sigmoid", name=f"{name}_in_unit")(maps)
            return self.layers.Rescaling(2.0, offset=-1.0, name=name)(unit)
        return self.layers.Activation("tanh", name=name)(maps)

    def lstm(self, layer: nn.LSTM, name: str, **options: Any) -> tuple[Any, list[Array]]:
        """Return an LSTM layer, and the weights to set after its first call.

        The order of the gates is the same in both frameworks.
        """
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
    """Return a tensor as a float32 NumPy array."""
    numbers: Array = tensor.detach().to("cpu", torch.float32).numpy()
    return numbers


def channels_last(channels: int, height: int, width: int) -> Places:
    """Return the index in flattened (channels, height, width) maps of each unit of flattened (height, width, channels) maps."""
    return np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).reshape(-1)
