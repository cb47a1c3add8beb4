"""Generators and discriminators as Keras 3 models of built-in layers, channels last, one file per family.

Every kind of label conditioning becomes an embedding table: an identity matrix for one-hot labels, normalised rows for a
normalised embedding, one value per pixel for a label plane. The models therefore need no custom layers.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Final

from digitgan.errors import UsageError
from digitgan.exporters.keras_families.convolutional import convolutional_discriminator, convolutional_generator
from digitgan.exporters.keras_families.keras_graph import keras_graph_generator
from digitgan.exporters.keras_families.projected import projected_discriminator
from digitgan.exporters.keras_families.recurrent import recurrent_discriminator, recurrent_generator
from digitgan.exporters.keras_families.residual import residual_discriminator, residual_generator
from digitgan.exporters.keras_families.style import style_discriminator, style_generator
from digitgan.exporters.keras_layers import KerasBuilder, KerasModel, KerasTensor
from digitgan.networks import CroppedGenerator, Discriminator, Generator, PaddedDiscriminator
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from digitgan.networks.keras_graph.generator import KerasGraphGenerator
from digitgan.networks.projected import ProjectedDiscriminator
from digitgan.networks.recurrent import RecurrentDiscriminator, RecurrentGenerator
from digitgan.networks.residual import ResidualDiscriminator, ResidualGenerator
from digitgan.networks.style import StyleGenerator
from digitgan.networks.style_discriminator import StyleDiscriminator


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
    output = convert(build, discriminator, images, labels)
    return build.model([images] if labels is None else [images, labels], output, "discriminator")


def cropped_generator(
    build: KerasBuilder, generator: CroppedGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    """Convert a generator whose images are cut from larger ones; see `keras_generator`."""
    inner = generator.inner
    images = _version_of(inner, KERAS_GENERATORS)(build, inner, z, labels)
    left, right, top, bottom = generator.margins
    return build.layers.Cropping2D(((top, bottom), (left, right)), name="images_of_this_size")(images)


def padded_discriminator(
    build: KerasBuilder, discriminator: PaddedDiscriminator, images: KerasTensor, labels: KerasTensor | None
) -> Any:
    """Convert a discriminator of padded images; see `keras_discriminator`."""
    layers, (left, right, top, bottom) = build.layers, discriminator.margins
    # Keras has no layer that reflects: rows and columns are cut out one by one.
    for name, axis, (before, after) in (("rows", 1, (top, bottom)), ("columns", 2, (left, right))):
        length = images.shape[axis]

        def slice_of(place: int, name: str = name, axis: int = axis, length: int = length, images: KerasTensor = images) -> Any:
            cut = (place, length - 1 - place)
            return layers.Cropping2D((cut, (0, 0)) if axis == 1 else ((0, 0), cut), name=f"{name}_{place}_reflected")(images)

        parts = [slice_of(place) for place in range(before, 0, -1)]
        parts += [images, *(slice_of(length - 1 - place) for place in range(1, after + 1))]
        if len(parts) > 1:
            images = layers.Concatenate(axis, name=f"{name}_padded")(parts)
    inner = discriminator.inner
    return _version_of(inner, KERAS_DISCRIMINATORS)(build, inner, images, labels)


KERAS_GENERATORS: Final[Mapping[type[Any], Callable[[KerasBuilder, Any, KerasTensor, KerasTensor | None], KerasTensor]]] = (
    types.MappingProxyType(
        {
            ConvolutionalGenerator: convolutional_generator,
            RecurrentGenerator: recurrent_generator,
            ResidualGenerator: residual_generator,
            StyleGenerator: style_generator,
            KerasGraphGenerator: keras_graph_generator,
            CroppedGenerator: cropped_generator,
        }
    )
)
"""The conversion of each family of generators."""

KERAS_DISCRIMINATORS: Final[Mapping[type[Any], Callable[[KerasBuilder, Any, KerasTensor, KerasTensor | None], Any]]] = (
    types.MappingProxyType(
        {
            ConvolutionalDiscriminator: convolutional_discriminator,
            RecurrentDiscriminator: recurrent_discriminator,
            ResidualDiscriminator: residual_discriminator,
            ProjectedDiscriminator: projected_discriminator,
            StyleDiscriminator: style_discriminator,
            PaddedDiscriminator: padded_discriminator,
        }
    )
)
"""The conversion of each family of discriminators."""
