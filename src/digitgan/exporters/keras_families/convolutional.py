"""The convolutional family as Keras models."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from digitgan.exporters.keras_families.parts import discriminator_output, pixels_of, planes_of, slope_of, unit_rows, with_label
from digitgan.exporters.keras_layers import KerasBuilder, KerasTensor, array, channels_last
from digitgan.networks.conditioning import LabelBias
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator


def convolutional_generator(
    build: KerasBuilder, generator: ConvolutionalGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    """Convert a generator; see `keras_generator`."""
    (height, width), channels, slope = generator.start, generator.channels[0], slope_of(generator.relu)
    order = channels_last(channels, height, width)
    maps = build.dense(generator.dense, with_label(build, generator, z, labels), "dense", outputs=order)
    if generator.units_first:
        maps = build.relu(slope, build.norm(generator.norms[0], maps, labels, "dense_norm", order), "dense_relu")
    maps = build.layers.Reshape((height, width, channels), name="maps")(maps)
    if not generator.units_first:
        maps = build.relu(slope, build.norm(generator.norms[0], maps, labels, "dense_norm"), "dense_relu")
    for number, (up, norm) in enumerate(zip(generator.ups, generator.norms[1:], strict=True), 1):
        maps = build.norm(norm, build.convolution(up, maps, f"up_{number}"), labels, f"up_{number}_norm")
        maps = build.relu(slope, maps, f"up_{number}_relu")
    return build.output(generator.output, build.convolution(generator.image, maps, "image"), "images")


def convolutional_discriminator(
    build: KerasBuilder, discriminator: ConvolutionalDiscriminator, images: KerasTensor, labels: KerasTensor | None
) -> Any:
    """Convert a discriminator; see `keras_discriminator`."""
    spec, layers, slope = discriminator.spec, build.layers, discriminator.relu.negative_slope
    maps = pixels_of(build, discriminator.input, images)
    if discriminator.entry is not None:
        values = layers.Flatten(name="pixels")(maps)
        inputs = channels_last(spec.channels, spec.height, spec.width)
        if discriminator.label is not None:
            values = build.joined(values, build.table(labels, unit_rows(spec.classes), "label"), "pixels_and_label")
            inputs = np.concatenate([inputs, len(inputs) + np.arange(spec.classes)])
        channels, height, width = discriminator.entry_maps
        outputs = channels_last(channels, height, width)
        entry = build.dense(discriminator.entry, values, "entry", inputs=inputs, outputs=outputs)
        maps = layers.Reshape((height, width, channels), name="entry_maps")(build.relu(slope, entry, "entry_relu"))
    elif discriminator.planes is not None:
        maps = build.joined(maps, planes_of(build, discriminator.planes, labels), "image_and_label")
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
        return discriminator_output(build, discriminator.score, features, labels, inputs)
    features = build.relu(slope, build.dense(discriminator.dense, features, "features", inputs=inputs), "features_relu")
    return discriminator_output(build, discriminator.score, features, labels)
