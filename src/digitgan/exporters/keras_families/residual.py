"""The residual family as Keras models. A network in the middle of its growth is converted as it is: its level is fixed."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from digitgan.exporters.keras_families.parts import discriminator_output, slope_of, with_label
from digitgan.exporters.keras_layers import KerasBuilder, KerasTensor, Places, array, channels_last
from digitgan.networks.residual import (
    ResidualBlock,
    ResidualDiscriminator,
    ResidualGenerator,
    ResidualStage,
    SelfAttention,
    ToImage,
)


def residual_generator(
    build: KerasBuilder, generator: ResidualGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    """Convert a generator; see `keras_generator`."""
    (height, width), channels, growth = generator.start, generator.first_width, generator.growth
    order = channels_last(channels, height, width)
    maps = build.dense(generator.dense, with_label(build, generator, z, labels), "dense", outputs=order)
    maps = build.layers.Reshape((height, width, channels), name="maps")(maps)
    last = len(generator.stages) - 1 if growth is None else growth.stage
    pixels: KerasTensor = None
    for place in range(last + 1):
        if place:
            maps = build.convolution(generator.ups[place - 1], maps, f"up_{place}")
        maps = _stage(build, generator.stages[place], maps, labels, f"stage_{place}")
        if growth is None and place < last:
            continue
        name = f"image_{place}"
        drawn = _image(build, generator.images[place if growth is not None else 0], maps, labels, name)
        if pixels is not None:
            if growth is not None and place == last and growth.fade < 1:
                drawn = build.layers.Rescaling(growth.fade, name=f"{name}_fading_in")(drawn)
            drawn = build.layers.Add(name=f"{name}_added")([_enlarged(build, pixels, 2, f"{name}_before"), drawn])
        pixels = drawn
    images = build.layers.Activation("tanh", name="images")(pixels)
    return _enlarged(build, images, 2 ** (len(generator.stages) - 1 - last), "images_of_full_size")


def residual_discriminator(
    build: KerasBuilder, discriminator: ResidualDiscriminator, images: KerasTensor, labels: KerasTensor | None
) -> Any:
    """Convert a discriminator; see `keras_discriminator`."""
    layers, growth, slope = build.layers, discriminator.growth, slope_of(discriminator.relu)
    last = len(discriminator.stages) - 1 if growth is None else growth.stage
    images = _reduced(build, images, 2 ** (len(discriminator.stages) - 1 - last), "images_of_this_size")
    maps = _from_image(build, discriminator, images, last)
    for place in range(last, -1, -1):
        maps = _stage(build, discriminator.stages[place], maps, labels, f"stage_{place}")
        if place:
            maps = build.convolution(discriminator.downs[place - 1], maps, f"down_{place}")
        if place == last and growth is not None and growth.fade < 1:
            coarse = _from_image(build, discriminator, _reduced(build, images, 2, "coarse_images"), place - 1)
            coarse = layers.Rescaling(1 - growth.fade, name="fading_out")(coarse)
            maps = layers.Add(name="faded")([coarse, layers.Rescaling(growth.fade, name="fading_in")(maps)])
    maps = build.relu(slope, maps, "last_relu")
    if discriminator.dense is None:
        _, height, width, _ = maps.shape
        mean = layers.GlobalAveragePooling2D(name="mean")(maps)
        features = layers.Rescaling(float(height * width), name="features")(mean)
    else:
        _, height, width, channels = maps.shape
        flat, inputs = layers.Flatten(name="flat")(maps), channels_last(channels, height, width)
        features = build.relu(slope, build.dense(discriminator.dense, flat, "features", inputs=inputs), "features_relu")
    return discriminator_output(build, discriminator.score, features, labels)


def _stage(build: KerasBuilder, stage: nn.Module, maps: KerasTensor, labels: KerasTensor | None, name: str) -> KerasTensor:
    assert isinstance(stage, ResidualStage)
    if stage.bias is not None:
        row = build.table(labels, array(stage.bias.table.weight), f"{name}_label")
        maps = build.layers.Add(name=f"{name}_with_label")([maps, build.over_pixels(row, f"{name}_label")])
    for number, block in enumerate(stage.blocks):
        assert isinstance(block, ResidualBlock)
        maps = _block(build, block, maps, labels, f"{name}_block_{number}")
    if isinstance(stage.attention, SelfAttention):
        return _attention(build, stage.attention, maps, f"{name}_attention")
    return maps


def _block(build: KerasBuilder, block: ResidualBlock, maps: KerasTensor, labels: KerasTensor | None, name: str) -> KerasTensor:
    branch, slope = maps, slope_of(block.relu)
    for number, (norm, layer) in enumerate(zip(block.norms, block.convolutions, strict=True)):
        branch = build.norm(norm, branch, labels, f"{name}_norm_{number}")
        branch = build.relu(slope, branch, f"{name}_relu_{number}")
        branch = build.convolution(layer, branch, f"{name}_convolution_{number}")
    return build.layers.Add(name=name)([maps, branch])


def _attention(build: KerasBuilder, layer: SelfAttention, maps: KerasTensor, name: str) -> KerasTensor:
    """Apply self-attention; `gamma` becomes part of the last convolution's weights."""
    layers, (_, height, width, _) = build.layers, maps.shape

    def rows(convolution: nn.Conv2d, part: str) -> KerasTensor:
        made = build.convolution(convolution, maps, f"{name}_{part}")
        return layers.Reshape((height * width, convolution.out_channels), name=f"{name}_{part}_rows")(made)

    query, key, value = rows(layer.query, "query"), rows(layer.key, "key"), rows(layer.value, "value")
    products = layers.Dot(axes=(2, 2), name=f"{name}_products")([query, key])
    scaled = layers.Rescaling(1 / math.sqrt(layer.query.out_channels), name=f"{name}_scaled")(products)
    shares = layers.Softmax(axis=-1, name=f"{name}_shares")(scaled)
    seen = layers.Dot(axes=(2, 1), name=f"{name}_seen")([shares, value])
    seen = layers.Reshape((height, width, layer.value.out_channels), name=f"{name}_maps")(seen)
    added = build.convolution(layer.out, seen, f"{name}_out", scale=float(layer.gamma))
    return layers.Add(name=name)([maps, added])


def _image(build: KerasBuilder, layer: nn.Module, maps: KerasTensor, labels: KerasTensor | None, name: str) -> KerasTensor:
    assert isinstance(layer, ToImage)
    layers, patch, colours = build.layers, layer.patch, layer.convolution.out_channels // layer.patch**2
    maps = build.relu(slope_of(layer.relu), build.norm(layer.norm, maps, labels, f"{name}_norm"), f"{name}_relu")
    pixels = build.convolution(layer.convolution, maps, name, outputs=_patch_order(colours, patch))
    if patch == 1:
        return pixels
    _, height, width, _ = pixels.shape
    split = layers.Reshape((height, width, patch, patch * colours), name=f"{name}_patches")(pixels)
    rows = layers.Permute((1, 3, 2, 4), name=f"{name}_rows")(split)
    return layers.Reshape((height * patch, width * patch, colours), name=f"{name}_pixels")(rows)


def _from_image(build: KerasBuilder, discriminator: ResidualDiscriminator, images: KerasTensor, place: int) -> KerasTensor:
    layers, patch, name = build.layers, discriminator.patch, f"image_{place}"
    _, height, width, colours = images.shape
    if patch > 1:
        rows = layers.Reshape((height // patch, patch, width // patch, patch * colours), name=f"{name}_rows")(images)
        split = layers.Permute((1, 3, 2, 4), name=f"{name}_patches")(rows)
        images = layers.Reshape((height // patch, width // patch, patch**2 * colours), name=f"{name}_pixels")(split)
    layer = discriminator.images[place if len(discriminator.images) > 1 else 0]
    return build.convolution(layer, images, name, inputs=_patch_order(colours, patch))


def _patch_order(colours: int, patch: int) -> Places:
    """Return the index in (colours, row, column) of a patch's pixels of each of its (row, column, colours)."""
    return channels_last(colours, patch, patch)


def _enlarged(build: KerasBuilder, images: KerasTensor, factor: int, name: str) -> KerasTensor:
    return build.layers.UpSampling2D(factor, interpolation="nearest", name=name)(images) if factor > 1 else images


def _reduced(build: KerasBuilder, images: KerasTensor, factor: int, name: str) -> KerasTensor:
    return build.layers.AveragePooling2D(factor, name=name)(images) if factor > 1 else images
