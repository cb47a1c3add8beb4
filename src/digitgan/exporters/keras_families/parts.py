"""The parts that several families share: labels, the input and the output of a discriminator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from digitgan.exporters.keras_layers import Array, KerasBuilder, KerasTensor, Places, array
from digitgan.networks.conditioning import Head, LabelPlanes, LabelVector, MaskPlane, NoLabel, OneHotPlanes, RowPlane
from digitgan.networks.convolutional import ConvolutionalGenerator
from digitgan.networks.layers import ToUnit
from digitgan.networks.recurrent import RecurrentGenerator
from digitgan.networks.residual import ResidualGenerator


def with_label(
    build: KerasBuilder,
    generator: ConvolutionalGenerator | RecurrentGenerator | ResidualGenerator,
    z: KerasTensor,
    labels: KerasTensor | None,
) -> KerasTensor:
    """Return the latent, joined with the vector of the label if the generator has one."""
    if isinstance(generator.label, NoLabel):
        return z
    return build.joined(z, build.table(labels, rows_of(generator.label, generator.spec.classes), "label"), "latent_and_label")


def rows_of(label: LabelVector, classes: int) -> Array:
    """Return the vector of each label, (classes, width)."""
    device = next((weight.device for weight in label.parameters()), torch.device("cpu"))
    return array(label(torch.arange(classes, device=device)))


def unit_rows(classes: int) -> Array:
    """Return the one-hot vector of each label, (classes, classes)."""
    return np.eye(classes, dtype=np.float32)


def pixels_of(build: KerasBuilder, layer: nn.Module, images: KerasTensor) -> KerasTensor:
    """Return images in [-1, 1] in the range that the first layer of a discriminator gives them."""
    return build.layers.Rescaling(0.5, offset=0.5, name="unit")(images) if isinstance(layer, ToUnit) else images


def planes_of(build: KerasBuilder, planes: LabelPlanes, labels: KerasTensor | None) -> KerasTensor:
    """Return the label planes (n, height, width, channels): the row of each label, repeated along constant axes."""
    layers, spec = build.layers, planes.spec
    match planes:
        case OneHotPlanes():
            point = build.over_pixels(build.table(labels, unit_rows(spec.classes), "label"), "label")
            return layers.UpSampling2D((spec.height, spec.width), name="label_planes")(point)
        case RowPlane():
            row = build.table(labels, array(planes.table.weight), "label")
            column = layers.Reshape((spec.height, 1, 1), name="label_column")(row)
            return layers.UpSampling2D((1, spec.width), name="label_planes")(column)
        case MaskPlane():
            row = build.table(labels, array(planes.table.weight), "label")
            return layers.Reshape((spec.height, spec.width, 1), name="label_planes")(row)
    raise NotImplementedError(f"label planes {type(planes).__name__}: add their conversion to Keras here")


def discriminator_output(
    build: KerasBuilder,
    head: Head,
    features: KerasTensor,
    labels: KerasTensor | None,
    inputs: Places | None = None,
    name: str = "",
) -> Any:
    """Return the score, and the logits of an auxiliary classifier.

    Args:
        build: The builder.
        head: The output layers.
        features: The last features.
        labels: The labels.
        inputs: PyTorch index of each feature; None for the same order.
        name: First part of the layers' names.
    """
    score = build.dense(head.linear, features, f"{name}score", inputs=inputs)
    if head.table is not None:
        rows = array(head.table.weight)
        row = build.table(labels, rows if inputs is None else rows[:, inputs], f"{name}projection")
        along = build.layers.Dot(axes=1, name=f"{name}along_label")([features, row])
        score = build.layers.Add(name=f"{name}score_with_label")([score, along])
    if head.classifier is None:
        return score
    return [score, build.dense(head.classifier, features, f"{name}classes", inputs=inputs)]


def slope_of(layer: nn.Module) -> float:
    """Return the slope below zero of a (leaky) ReLU."""
    return layer.negative_slope if isinstance(layer, nn.LeakyReLU) else 0.0
