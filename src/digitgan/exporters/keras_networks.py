"""Generators and discriminators as Keras 3 models of built-in layers, channels last: one function per family.

Every kind of label conditioning becomes an embedding table: an identity matrix for one-hot labels, normalised rows for a
normalised embedding, one value per pixel for a label plane. The models therefore need no custom layers.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from digitgan.errors import UsageError
from digitgan.exporters.keras_layers import Array, KerasBuilder, KerasModel, KerasTensor, Places, array, channels_last
from digitgan.networks import Discriminator, Generator
from digitgan.networks.conditioning import Head, LabelBias, LabelPlanes, LabelVector, MaskPlane, NoLabel, OneHotPlanes, RowPlane
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from digitgan.networks.keras_graph import Add, Concatenate, Layer, Lstm, Multiply
from digitgan.networks.keras_graph.generator import KerasGraphGenerator
from digitgan.networks.layers import ToUnit
from digitgan.networks.recurrent import RecurrentDiscriminator, RecurrentGenerator


def keras_generator(generator: Generator, *, conditional: bool) -> KerasModel:
    """Convert a generator to Keras.

    Args:
        generator: A generator of a family in `KERAS_GENERATORS`.
        conditional: Whether the generator takes labels.

    Returns:
        A model of [z float32 (n, latent), labels int32 (n, 1)], or of z alone if unconditional. It returns images float32
        (n, height, width, channels) in [-1, 1].

    Raises:
        UsageError: If Keras is not installed, or the family has no Keras version.
    """
    convert, build = _version_of(generator, KERAS_GENERATORS), KerasBuilder()
    z, labels = build.input((generator.latent,), "z"), build.labels() if conditional else None
    images = convert(build, generator, z, labels)
    return build.model([z] if labels is None else [z, labels], images, "generator")


def _version_of(network: Generator | Discriminator, versions: Mapping[type[Any], Callable[..., Any]]) -> Callable[..., Any]:
    if type(network) not in versions:
        raise UsageError(
            f"--format keras: {type(network).__name__} has no Keras version; use another format, such as onnx, torch or web"
        )
    return versions[type(network)]


def keras_discriminator(discriminator: Discriminator, *, conditional: bool) -> KerasModel:
    """Convert a discriminator to Keras.

    Args:
        discriminator: A discriminator of a family in `KERAS_DISCRIMINATORS`.
        conditional: Whether the discriminator takes labels.

    Returns:
        A model of [images float32 (n, height, width, channels) in [-1, 1], labels int32 (n, 1)], or of images alone if
        unconditional. It returns scores float32 (n, 1), and with an auxiliary classifier also its logits (n, classes).

    Raises:
        UsageError: If Keras is not installed, or the family has no Keras version.
    """
    convert, build, spec = _version_of(discriminator, KERAS_DISCRIMINATORS), KerasBuilder(), discriminator.spec
    images = build.input((spec.height, spec.width, spec.channels), "images")
    labels = build.labels() if conditional else None
    maps = build.layers.Rescaling(0.5, offset=0.5, name="unit")(images) if isinstance(discriminator.input, ToUnit) else images
    output = convert(build, discriminator, maps, labels)
    return build.model([images] if labels is None else [images, labels], output, "discriminator")


def _convolutional_generator(
    build: KerasBuilder, generator: ConvolutionalGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    (height, width), channels, slope = generator.start, generator.channels[0], _slope(generator.relu)
    order = channels_last(channels, height, width)
    maps = build.dense(generator.dense, _with_label(build, generator, z, labels), "dense", outputs=order)
    if generator.units_first:
        maps = build.relu(slope, build.norm(generator.norms[0], maps, labels, "dense_norm", order), "dense_relu")
    maps = build.layers.Reshape((height, width, channels), name="maps")(maps)
    if not generator.units_first:
        maps = build.relu(slope, build.norm(generator.norms[0], maps, labels, "dense_norm"), "dense_relu")
    for number, (up, norm) in enumerate(zip(generator.ups, generator.norms[1:], strict=True), 1):
        maps = build.norm(norm, build.convolution(up, maps, f"up_{number}"), labels, f"up_{number}_norm")
        maps = build.relu(slope, maps, f"up_{number}_relu")
    return build.output(generator.output, build.convolution(generator.image, maps, "image"), "images")


def _recurrent_generator(
    build: KerasBuilder, generator: RecurrentGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    spec, layers = generator.spec, build.layers
    features = build.relu(0.0, build.dense(generator.dense, _with_label(build, generator, z, labels), "dense"), "dense_relu")
    features = layers.Reshape((spec.height, generator.row_features), name="rows")(features)
    if generator.autoregressive:
        rows = _one_after_another(build, generator, features)
    else:
        lstm, weights = build.lstm(generator.lstm, "lstm", return_sequences=True)
        hidden = lstm(features)
        lstm.set_weights(weights)
        rows = build.output(generator.output, build.dense(generator.pixels, hidden, "pixels"), "pixels_in_range")
    images = layers.Reshape((spec.height, spec.channels, spec.width), name="channels_in_rows")(rows)
    return layers.Permute((1, 3, 2), name="images")(images)


def _one_after_another(build: KerasBuilder, generator: RecurrentGenerator, features: KerasTensor) -> KerasTensor:
    """Generate the rows of an autoregressive generator: the same two layers per row, with the row above as input."""
    layers, height = build.layers, generator.spec.height
    lstm, weights = build.lstm(generator.lstm, "lstm", return_sequences=True, return_state=True)
    pixels = layers.Dense(generator.row, name="pixels")
    # The row above the first one is black (-1). A layer makes it, since only the output of a layer has the batch size.
    black = layers.Dense(generator.row, name="black")
    state = None
    drawn: list[KerasTensor] = []
    for row in range(height):
        here = layers.Cropping1D((row, height - 1 - row), name=f"row_{row}_features")(features)
        above = drawn[-1] if drawn else black(here)
        hidden, *state = lstm(build.joined(here, above, f"row_{row}_input"), initial_state=state)
        drawn.append(build.output(generator.output, pixels(hidden), f"row_{row}"))
    lstm.set_weights(weights)
    pixels.set_weights([array(generator.pixels.weight).T, array(generator.pixels.bias)])
    black.set_weights([np.zeros((generator.row_features, generator.row), np.float32), np.full(generator.row, -1, np.float32)])
    return layers.Concatenate(axis=1, name="all_rows")(drawn)


def _keras_graph_generator(
    build: KerasBuilder, generator: KerasGraphGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    """Rebuild a generator that was imported from Keras, from its Keras layers and settings."""
    layers, spec = build.layers, generator.spec
    results: list[Any] = [z]
    if generator.label_input == "one-hot":
        results.append(build.table(labels, _unit_rows(spec.classes), "label"))
    elif labels is not None:
        results.append(labels if generator.label_shape else layers.Reshape((), name="label")(labels))
    made: dict[int, Any] = {}
    for place, inputs in generator.calls:
        given = [results[each][part] if isinstance(results[each], list) else results[each] for each, part in inputs]
        described, layer = generator.described[place], generator.layers[place]
        if place not in made:
            made[place] = getattr(layers, described["kind"])(**described["settings"], name=described["name"])
        if isinstance(layer, Lstm):
            result = made[place](given[0], initial_state=given[1:] or None)
        else:
            result = made[place](given if isinstance(layer, Concatenate | Add | Multiply) else given[0])
        results.append(list(result) if isinstance(result, tuple | list) else result)
        assert isinstance(layer, Layer)
        made[place].set_weights([array(weight) for weight in layer.own_weights()])
    images = results[-1]
    scale, offset = generator.to_signed
    if (scale, offset) != (1.0, 0.0):
        images = layers.Rescaling(scale, offset=offset, name="signed")(images)
    shape = (spec.height, spec.width, spec.channels)
    return images if images.shape[1:] == shape else layers.Reshape(shape, name="images")(images)


def _convolutional_discriminator(
    build: KerasBuilder, discriminator: ConvolutionalDiscriminator, maps: KerasTensor, labels: KerasTensor | None
) -> Any:
    spec, layers, slope = discriminator.spec, build.layers, discriminator.relu.negative_slope
    if discriminator.entry is not None:
        values = layers.Flatten(name="pixels")(maps)
        inputs = channels_last(spec.channels, spec.height, spec.width)
        if discriminator.label is not None:
            values = build.joined(values, build.table(labels, _unit_rows(spec.classes), "label"), "pixels_and_label")
            inputs = np.concatenate([inputs, len(inputs) + np.arange(spec.classes)])
        channels, height, width = discriminator.entry_maps
        outputs = channels_last(channels, height, width)
        entry = build.dense(discriminator.entry, values, "entry", inputs=inputs, outputs=outputs)
        maps = layers.Reshape((height, width, channels), name="entry_maps")(build.relu(slope, entry, "entry_relu"))
    elif discriminator.planes is not None:
        maps = build.joined(maps, _planes(build, discriminator.planes, labels), "image_and_label")
    for index, down in enumerate(discriminator.downs):
        name = f"down_{index + 1}"
        maps = build.convolution(down, maps, name)
        if index and discriminator.biases:
            bias = discriminator.biases[index - 1]
            assert isinstance(bias, LabelBias)
            row = build.table(labels, array(bias.table.weight), f"{name}_label")
            maps = layers.Add(name=f"{name}_with_label")([maps, build.over_pixels(row, f"{name}_label")])
        if index and discriminator.norms:
            maps = build.norm(discriminator.norms[index - 1], maps, labels, f"{name}_norm")
        maps = build.relu(slope, maps, f"{name}_relu")
        if isinstance(discriminator.dropout, nn.Dropout):
            maps = layers.Dropout(discriminator.dropout.p, name=f"{name}_dropout")(maps)
    _, height, width, channels = maps.shape
    features, inputs = layers.Flatten(name="flat")(maps), channels_last(channels, height, width)
    if discriminator.dense is None:
        return _output(build, discriminator.score, features, labels, inputs)
    features = build.relu(slope, build.dense(discriminator.dense, features, "features", inputs=inputs), "features_relu")
    return _output(build, discriminator.score, features, labels)


def _recurrent_discriminator(
    build: KerasBuilder, discriminator: RecurrentDiscriminator, maps: KerasTensor, labels: KerasTensor | None
) -> Any:
    spec, layers = discriminator.spec, build.layers
    if discriminator.planes is not None:
        maps = build.joined(maps, _planes(build, discriminator.planes, labels), "image_and_label")
    rows = layers.Permute((1, 3, 2), name="channels_in_rows")(maps)
    rows = layers.Reshape((spec.height, discriminator.lstm.input_size), name="rows")(rows)
    lstm, weights = build.lstm(discriminator.lstm, "lstm")
    features = lstm(rows)
    lstm.set_weights(weights)
    if discriminator.dense is not None:
        features = build.relu(0.0, build.dense(discriminator.dense, features, "features"), "features_relu")
    return _output(build, discriminator.score, features, labels)


def _with_label(
    build: KerasBuilder, generator: ConvolutionalGenerator | RecurrentGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    if isinstance(generator.label, NoLabel):
        return z
    return build.joined(z, build.table(labels, _rows_of(generator.label, generator.spec.classes), "label"), "latent_and_label")


def _rows_of(label: LabelVector, classes: int) -> Array:
    """Return the vector of each label, (classes, width)."""
    device = next((weight.device for weight in label.parameters()), torch.device("cpu"))
    return array(label(torch.arange(classes, device=device)))


def _unit_rows(classes: int) -> Array:
    return np.eye(classes, dtype=np.float32)


def _planes(build: KerasBuilder, planes: LabelPlanes, labels: KerasTensor | None) -> KerasTensor:
    """Return the label planes (n, height, width, channels): the row of each label, repeated along constant axes."""
    layers, spec = build.layers, planes.spec
    match planes:
        case OneHotPlanes():
            point = build.over_pixels(build.table(labels, _unit_rows(spec.classes), "label"), "label")
            return layers.UpSampling2D((spec.height, spec.width), name="label_planes")(point)
        case RowPlane():
            row = build.table(labels, array(planes.table.weight), "label")
            column = layers.Reshape((spec.height, 1, 1), name="label_column")(row)
            return layers.UpSampling2D((1, spec.width), name="label_planes")(column)
        case MaskPlane():
            row = build.table(labels, array(planes.table.weight), "label")
            return layers.Reshape((spec.height, spec.width, 1), name="label_planes")(row)
    raise NotImplementedError(f"label planes {type(planes).__name__}: add their conversion to Keras here")


def _output(
    build: KerasBuilder, head: Head, features: KerasTensor, labels: KerasTensor | None, inputs: Places | None = None
) -> Any:
    """Return the score, and the logits of an auxiliary classifier; `inputs` is the PyTorch index of each feature."""
    score = build.dense(head.linear, features, "score", inputs=inputs)
    if head.table is not None:
        rows = array(head.table.weight)
        row = build.table(labels, rows if inputs is None else rows[:, inputs], "projection")
        along = build.layers.Dot(axes=1, name="along_label")([features, row])
        score = build.layers.Add(name="score_with_label")([score, along])
    if head.classifier is None:
        return score
    return [score, build.dense(head.classifier, features, "classes", inputs=inputs)]


def _slope(layer: nn.Module) -> float:
    return layer.negative_slope if isinstance(layer, nn.LeakyReLU) else 0.0


KERAS_GENERATORS: Final[Mapping[type[Any], Callable[[KerasBuilder, Any, KerasTensor, KerasTensor | None], KerasTensor]]] = (
    types.MappingProxyType(
        {
            ConvolutionalGenerator: _convolutional_generator,
            RecurrentGenerator: _recurrent_generator,
            KerasGraphGenerator: _keras_graph_generator,
        }
    )
)
"""The conversion of each family of generators."""

KERAS_DISCRIMINATORS: Final[Mapping[type[Any], Callable[[KerasBuilder, Any, KerasTensor, KerasTensor | None], Any]]] = (
    types.MappingProxyType(
        {ConvolutionalDiscriminator: _convolutional_discriminator, RecurrentDiscriminator: _recurrent_discriminator}
    )
)
"""The conversion of each family of discriminators."""
