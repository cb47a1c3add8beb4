"""The projected discriminator as a Keras model."""

from __future__ import annotations

from typing import Any

from digitgan.exporters.keras_families.parts import discriminator_output
from digitgan.exporters.keras_layers import KerasBuilder, KerasTensor, channels_last
from digitgan.networks.projected import MapsHead, ProjectedDiscriminator


def projected_discriminator(
    build: KerasBuilder, discriminator: ProjectedDiscriminator, maps: KerasTensor, labels: KerasTensor | None
) -> Any:
    """Convert a discriminator; see `keras_discriminator`."""
    scores: list[KerasTensor] = []
    images = maps
    features = discriminator.features
    maps = build.relu(0.0, build.convolution(features.whitening, maps, "whitening"), "whitening_relu")
    for number, (layer, convolution) in enumerate(zip(features.layers, features.convolutions, strict=True)):
        name = f"features_{number}"
        if layer.pools:
            maps = build.layers.MaxPooling2D(2, padding="same", name=f"{name}_maxima")(maps)
        inputs = maps
        maps = build.relu(0.0, build.convolution(convolution, inputs, name), f"{name}_relu")
        if layer.residual:
            maps = build.layers.Add(name=f"{name}_sum")([inputs, maps])
        if layer.kept:
            head = discriminator.heads[len(scores)]
            assert isinstance(head, MapsHead)
            scores.append(_head(build, head, maps, labels, f"head_{len(scores)}"))
    if discriminator.image_head is not None:
        scores.append(_head(build, discriminator.image_head, images, labels, "image_head"))
    score = build.layers.Add(name="all_scores")(scores) if len(scores) > 1 else scores[0]
    if discriminator.classifier is None:
        return score
    means = build.layers.GlobalAveragePooling2D(name="means")(maps)
    return [score, build.dense(discriminator.classifier, means, "classes")]


def _head(build: KerasBuilder, head: MapsHead, maps: KerasTensor, labels: KerasTensor | None, name: str) -> KerasTensor:
    slope = head.relu.negative_slope
    for number, layer in enumerate(head.convolutions):
        maps = build.relu(slope, build.convolution(layer, maps, f"{name}_{number}"), f"{name}_{number}_relu")
    _, height, width, channels = maps.shape
    values, inputs = build.layers.Flatten(name=f"{name}_flat")(maps), channels_last(channels, height, width)
    features = build.relu(slope, build.dense(head.dense, values, f"{name}_features", inputs=inputs), f"{name}_features_relu")
    return discriminator_output(build, head.score, features, labels, name=f"{name}_")
