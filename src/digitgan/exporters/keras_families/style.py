"""The style family as Keras models, which take latents, not latent codes.

A network in the middle of its growth is converted as it is: its level is fixed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from digitgan.exporters.keras_families.parts import discriminator_output, planes_of, rows_of
from digitgan.exporters.keras_layers import Array, KerasBuilder, KerasTensor, array, channels_last
from digitgan.networks.conditioning import NoLabel
from digitgan.networks.style import StyleGenerator, StyleStage
from digitgan.networks.style_discriminator import StyleBlock, StyleDiscriminator
from digitgan.networks.style_layers import EPSILON, GAIN, SLOPE, ModulatedConvolution, ScaledLinear, ToImage


def style_generator(build: KerasBuilder, generator: StyleGenerator, z: KerasTensor, labels: KerasTensor | None) -> KerasTensor:
    """Convert a generator; see `keras_generator`."""
    layers = build.layers
    w = _mapping(build, generator, _columns(build, z, 0, generator.components, "z_of_style"), labels)
    # Only the output of a layer has the batch size: this one multiplies a number by 0 and adds the constant.
    _, channels, height, width = generator.constant.shape
    constant = array(generator.constant)[0].transpose(1, 2, 0).reshape(-1)
    one = _columns(build, z, 0, 1, "any")
    maps = _weighted(layers.Dense(len(constant), name="constant"), one, [np.zeros((1, len(constant)), np.float32), constant])
    maps = layers.Reshape((height, width, channels), name="constant_maps")(maps)
    first, sizes, images = generator.components, iter(generator.noise_sizes), None
    top, growth = len(generator.stages) - 1, generator.growth
    last, fade = (top, 1.0) if growth is None else (growth.stage, growth.fade)
    for place, stage in enumerate(generator.stages):
        if place > last:
            break
        assert isinstance(stage, StyleStage)
        before = maps
        for index, convolution in enumerate(stage.convolutions):
            assert isinstance(convolution, ModulatedConvolution)
            name, (high, wide) = f"stage_{place + 1}_{index + 1}", next(sizes)
            noise = None
            if high:
                noise = _columns(build, z, first, high * wide, f"{name}_noise_numbers")
                noise = layers.Reshape((high, wide, 1), name=f"{name}_noise")(noise)
                first += high * wide
            maps = _modulated(build, convolution, maps, w, noise, name)
        if stage.skip is not None:
            name = f"stage_{place + 1}"
            around = _enlarged(build, build.convolution(stage.skip, before, f"{name}_skip"), f"{name}_around")
            maps = layers.Rescaling(math.sqrt(0.5), name=name)(layers.Add(name=f"{name}_sum")([maps, around]))
        if stage.image is not None:
            drawn = _image(build, stage.image, maps, w, f"image_{place + 1}")
            if place == last and fade < 1:
                drawn = layers.Rescaling(fade, name=f"image_{place + 1}_fading_in")(drawn)
            if images is not None:
                larger = _enlarged(build, images, f"images_{place}_enlarged")
                drawn = layers.Add(name=f"images_{place + 1}")([larger, drawn])
            images = drawn
    images = build.output(generator.output, images, "images")
    return layers.UpSampling2D(2 ** (top - last), name="images_of_full_size")(images) if last < top else images


def _weighted(layer: Any, values: KerasTensor, weights: list[Array]) -> KerasTensor:
    """Call a layer and set its weights."""
    made = layer(values)
    layer.set_weights(weights)
    return made


def _columns(build: KerasBuilder, z: KerasTensor, first: int, count: int, name: str) -> KerasTensor:
    """Return columns of the latent, (n, count)."""
    row = build.layers.Reshape((z.shape[1], 1), name=f"{name}_row")(z)
    row = build.layers.Cropping1D((first, z.shape[1] - first - count), name=f"{name}_part")(row)
    return build.layers.Reshape((count,), name=name)(row)


def _mapping(build: KerasBuilder, generator: StyleGenerator, z: KerasTensor, labels: KerasTensor | None) -> KerasTensor:
    """Return the style (n, style)."""
    mapping = generator.mapping
    values = build.layers.Rescaling(mapping.scale, name="latent")(build.layers.UnitNormalization(name="direction")(z))
    if not isinstance(mapping.label, NoLabel):
        row = build.table(labels, rows_of(mapping.label, generator.spec.classes), "label")
        values = build.joined(values, row, "latent_and_label")
    for number, layer in enumerate(mapping.layers, 1):
        assert isinstance(layer, ScaledLinear)
        dense = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
        dense.weight, dense.bias = (nn.Parameter(layer.factor * each.detach()) for each in (layer.weight, layer.bias))
        values = build.relu(SLOPE, build.dense(dense, values, f"mapping_{number}"), f"mapping_{number}_relu")
    return values


def _modulated(
    build: KerasBuilder, layer: ModulatedConvolution, maps: KerasTensor, w: KerasTensor, noise: KerasTensor | None, name: str
) -> KerasTensor:
    """Return the maps after a modulated convolution, noise, bias and leaky ReLU."""
    layers = build.layers
    scales = build.dense(layer.style, w, f"{name}_scales")
    maps = layers.Multiply(name=f"{name}_scaled")([maps, build.over_pixels(scales, f"{name}_scales")])
    weight = array(layer.weight)
    channels = layer.bias.shape[0]
    if layer.enlarges:
        made = layers.Conv2DTranspose(channels, 3, strides=2, use_bias=False, name=f"{name}_convolution")
        maps = layers.ZeroPadding2D(1, name=f"{name}_padded")(_weighted(made, maps, [weight.transpose(2, 3, 1, 0)]))
        kernel = np.repeat(array(layer.filter).reshape(4, 4, 1, 1), channels, axis=2)
        maps = _weighted(layers.DepthwiseConv2D(4, use_bias=False, name=f"{name}_filter"), maps, [kernel])
    else:
        made = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_convolution")
        maps = _weighted(made, maps, [weight.transpose(2, 3, 1, 0)])
    squares = np.square(weight).sum(axis=(2, 3))
    squares = squares if layer.enlarges else squares.T
    sums = layers.Multiply(name=f"{name}_squares")([scales, scales])
    sums = _weighted(layers.Dense(channels, name=f"{name}_norms"), sums, [squares, np.full(channels, EPSILON, np.float32)])
    factors = layers.Rescaling(GAIN, name=f"{name}_factors")(build.keras.ops.rsqrt(sums))
    maps = layers.Multiply(name=f"{name}_demodulated")([maps, build.over_pixels(factors, f"{name}_factors")])
    bias = GAIN * array(layer.bias)
    if layer.strength is None or noise is None:
        added = layers.DepthwiseConv2D(1, name=f"{name}_bias")
        maps = _weighted(added, maps, [np.ones((1, 1, channels, 1), np.float32), bias])
    else:
        kernel = np.full((1, 1, 1, channels), GAIN * float(layer.strength.detach()), np.float32)
        added = _weighted(layers.Conv2D(channels, 1, name=f"{name}_noise_and_bias"), noise, [kernel, bias])
        maps = layers.Add(name=f"{name}_with_noise")([maps, added])
    return build.relu(SLOPE, maps, f"{name}_relu")


def _image(build: KerasBuilder, layer: ToImage, maps: KerasTensor, w: KerasTensor, name: str) -> KerasTensor:
    """Return the image of maps; a transposed convolution puts the pixels of each patch in place."""
    layers, patch = build.layers, layer.patch
    scales = build.dense(layer.style, w, f"{name}_scales")
    maps = layers.Multiply(name=f"{name}_scaled")([maps, build.over_pixels(scales, f"{name}_scales")])
    kernel = array(layer.weight).reshape(-1, patch, patch, layer.weight.shape[1]).transpose(1, 2, 0, 3)
    made = layers.Conv2DTranspose(kernel.shape[2], patch, strides=patch, name=name)
    return _weighted(made, maps, [kernel, array(layer.bias)])


def _enlarged(build: KerasBuilder, maps: KerasTensor, name: str) -> KerasTensor:
    """Return maps of twice the sides, interpolated linearly."""
    return build.layers.UpSampling2D(2, interpolation="bilinear", name=name)(maps)


def style_discriminator(
    build: KerasBuilder, discriminator: StyleDiscriminator, maps: KerasTensor, labels: KerasTensor | None
) -> Any:
    """Convert a discriminator; see `keras_discriminator`. The minibatch standard deviation is the mean of the training."""
    layers, growth, halvings = build.layers, discriminator.growth, 0
    if discriminator.planes is not None:
        maps = build.joined(maps, planes_of(build, discriminator.planes, labels), "image_and_label")
    if growth is not None and growth.stage < len(discriminator.blocks):
        halvings = len(discriminator.blocks) - growth.stage
        maps = layers.AveragePooling2D(2**halvings, name="image_of_this_size")(maps)
    received = maps
    maps = build.relu(SLOPE, build.convolution(discriminator.images[halvings], maps, "image"), "image_relu")
    for number, block in enumerate(discriminator.blocks):
        if number < halvings:
            continue
        assert isinstance(block, StyleBlock)
        name = f"block_{number + 1}"
        branch = build.relu(SLOPE, build.convolution(block.first, maps, f"{name}_1"), f"{name}_1_relu")
        branch = build.convolution(block.second, layers.AveragePooling2D(2, name=f"{name}_1_halved")(branch), f"{name}_2")
        around = build.convolution(block.skip, layers.AveragePooling2D(2, name=f"{name}_halved")(maps), f"{name}_skip")
        maps = layers.Add(name=f"{name}_sum")([build.relu(SLOPE, branch, f"{name}_2_relu"), around])
        maps = layers.Rescaling(math.sqrt(0.5), name=name)(maps)
        if growth is not None and number == halvings and growth.fade < 1:
            coarse = layers.AveragePooling2D(2, name="coarse_image")(received)
            coarse = build.relu(SLOPE, build.convolution(discriminator.images[halvings + 1], coarse, "coarse"), "coarse_relu")
            coarse = layers.Rescaling(1 - growth.fade, name="fading_out")(coarse)
            maps = layers.Add(name="faded")([coarse, layers.Rescaling(growth.fade, name="fading_in")(maps)])
    if discriminator.deviation is not None:
        constant = nn.Conv2d(maps.shape[-1], 1, 1)
        nn.init.zeros_(constant.weight)
        constant.bias = nn.Parameter(discriminator.deviation.mean.detach().cpu().to(torch.float32).reshape(1))
        maps = build.joined(maps, build.convolution(constant, maps, "deviation"), "maps_and_deviation")
    maps = build.relu(SLOPE, build.convolution(discriminator.last, maps, "last"), "last_relu")
    _, height, width, channels = maps.shape
    features, inputs = layers.Flatten(name="flat")(maps), channels_last(channels, height, width)
    features = build.relu(SLOPE, build.dense(discriminator.dense, features, "features", inputs=inputs), "features_relu")
    return discriminator_output(build, discriminator.score, features, labels)
