"""The recurrent family as Keras models."""

from __future__ import annotations

from typing import Any

import numpy as np

from digitgan.exporters.keras_families.parts import discriminator_output, pixels_of, planes_of, with_label
from digitgan.exporters.keras_layers import KerasBuilder, KerasTensor, array
from digitgan.networks.recurrent import RecurrentDiscriminator, RecurrentGenerator


def recurrent_generator(
    build: KerasBuilder, generator: RecurrentGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    """Convert a generator; see `keras_generator`."""
    spec, layers = generator.spec, build.layers
    features = build.relu(0.0, build.dense(generator.dense, with_label(build, generator, z, labels), "dense"), "dense_relu")
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


def recurrent_discriminator(
    build: KerasBuilder, discriminator: RecurrentDiscriminator, images: KerasTensor, labels: KerasTensor | None
) -> Any:
    """Convert a discriminator; see `keras_discriminator`."""
    spec, layers = discriminator.spec, build.layers
    maps = pixels_of(build, discriminator.input, images)
    if discriminator.planes is not None:
        maps = build.joined(maps, planes_of(build, discriminator.planes, labels), "image_and_label")
    rows = layers.Permute((1, 3, 2), name="channels_in_rows")(maps)
    rows = layers.Reshape((spec.height, discriminator.lstm.input_size), name="rows")(rows)
    lstm, weights = build.lstm(discriminator.lstm, "lstm")
    features = lstm(rows)
    lstm.set_weights(weights)
    if discriminator.dense is not None:
        features = build.relu(0.0, build.dense(discriminator.dense, features, "features"), "features_relu")
    return discriminator_output(build, discriminator.score, features, labels)
