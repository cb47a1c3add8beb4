"""Layers that condition a network on a label."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.base import DiscriminatorOutput, ImageSpec


def embedding(rows: int, width: int) -> nn.Embedding:
    """Return an embedding with random rows; on the meta device, without drawing them, which imports PyTorch's compiler."""
    if torch.get_default_device().type == "meta":
        return nn.Embedding(rows, width, _weight=torch.empty(rows, width))
    return nn.Embedding(rows, width)


def rows_of(table: nn.Embedding, labels: Tensor) -> Tensor:
    """Return rows (n, width) of a table for labels (n,), or weighted sums of rows for class weights (n, classes)."""
    rows: Tensor = labels @ table.weight if labels.is_floating_point() else table(labels)
    return rows


class LabelVector(nn.Module, ABC):
    """A vector representation of a label, which is concatenated to the latent.

    Attributes:
        width: the width of the vector.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, labels: Tensor) -> Tensor:
        """Return vectors (n, width) for labels (n,) or class weights (n, classes)."""


@final
class NoLabel(LabelVector):
    """A vector of width 0, for unconditional networks."""

    def __init__(self) -> None:
        super().__init__(0)

    def forward(self, labels: Tensor) -> Tensor:
        """Return an empty tensor (n, 0)."""
        return torch.empty(labels.shape[0], 0, device=labels.device)  # len() would fix the batch size in an exported program


@final
class OneHot(LabelVector):
    """A one-hot vector."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelVector.forward`."""
        return labels if labels.is_floating_point() else functional.one_hot(labels, self.width).float()


@final
class PlainEmbedding(LabelVector):
    """A learned embedding of the class."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(width)
        self.table = embedding(classes, width)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelVector.forward`."""
        return rows_of(self.table, labels)


@final
class NormalisedEmbedding(LabelVector):
    """A learned embedding of the class, scaled to the typical norm of a latent vector of the same width.

    For width w the result has norm sqrt(w), the root mean square norm of a standard normal vector of that width. The scaling
    keeps the label and the latent at the same magnitude.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(width)
        self.table = embedding(classes, width)
        self.scale = math.sqrt(width)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelVector.forward`."""
        return self.scale * functional.normalize(rows_of(self.table, labels), dim=1)


def label_vector(kind: str, classes: int, width: int) -> LabelVector:
    """Return the label vector of a given kind (`generator.label_input`); `width` is the width of an embedding."""
    match kind:
        case "one-hot":
            return OneHot(classes)
        case "embedding":
            return PlainEmbedding(classes, width)
        case "normalised-embedding":
            return NormalisedEmbedding(classes, width)
    return NoLabel()


class LabelPlanes(nn.Module, ABC):
    """A representation of a label as additional image channels.

    Attributes:
        spec: the shape of the images and the number of classes.
        channels: the number of additional channels.
    """

    def __init__(self, spec: ImageSpec, channels: int) -> None:
        super().__init__()
        self.spec = spec
        self.channels = channels

    @abstractmethod
    def forward(self, labels: Tensor) -> Tensor:
        """Return planes (n, channels, height, width) for labels (n,)."""


@final
class OneHotPlanes(LabelPlanes):
    """One plane per class: ones for the class of the label, zeros for the others."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, spec.classes)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelPlanes.forward`."""
        marks = functional.one_hot(labels, self.spec.classes).float()[:, :, None, None]
        return marks.expand(-1, -1, self.spec.height, self.spec.width)


@final
class RowPlane(LabelPlanes):
    """One plane with a learned value per class and row, constant along the row."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, 1)
        self.table = embedding(spec.classes, spec.height)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelPlanes.forward`."""
        rows: Tensor = self.table(labels)
        return rows[:, None, :, None].expand(-1, 1, -1, self.spec.width)


@final
class MaskPlane(LabelPlanes):
    """One plane with a learned value per class and pixel."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, 1)
        self.table = embedding(spec.classes, spec.height * spec.width)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelPlanes.forward`."""
        mask: Tensor = self.table(labels)
        return mask.view(-1, 1, self.spec.height, self.spec.width)


def label_planes(kind: str, spec: ImageSpec) -> LabelPlanes | None:
    """Return the label planes of a given kind (`discriminator.label_input`); None for kinds without planes."""
    match kind:
        case "one-hot":
            return OneHotPlanes(spec)
        case "row-plane":
            return RowPlane(spec)
        case "mask-plane":
            return MaskPlane(spec)
    return None


@final
class ClassConditionalBatchNorm(nn.Module):
    """Batch normalisation with a gain and a bias per class (de Vries et al. 2017, arXiv:1707.00683).

    y = gain[label] * (x - mean) / sqrt(variance + epsilon) + bias[label], per channel.
    """

    def __init__(self, classes: int, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, epsilon, momentum, affine=False)
        self.gain = embedding(classes, channels)
        self.bias = embedding(classes, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Normalise maps (n, channels, height, width) with labels (n,) or class weights (n, classes)."""
        gain, bias = (rows_of(table, labels) for table in (self.gain, self.bias))
        if self.training:
            return torch.addcmul(bias[:, :, None, None], self.norm(maps), gain[:, :, None, None])
        # In evaluation mode the statistics are fixed. One factor and one offset need a single pass over the maps.
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        factor = gain * torch.rsqrt(variance + self.norm.eps)
        return torch.addcmul((bias - mean * factor)[:, :, None, None], maps, factor[:, :, None, None])


@final
class LabelBias(nn.Module):
    """A learned bias per class and channel, initialised to zero: maps + bias[label]."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.table = embedding(classes, channels)
        nn.init.zeros_(self.table.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Add the biases of labels (n,) or class weights (n, classes) to maps (n, channels, height, width)."""
        biased: Tensor = maps + rows_of(self.table, labels)[:, :, None, None]
        return biased


@final
class Head(nn.Module):
    """The output layers of a discriminator, on its last features h.

    The score is w · h + b. With projection it is w · h + b + v[label] · h (Miyato and Koyama 2018, arXiv:1802.05637,
    equation 3). With an auxiliary classifier (Odena et al. 2017, arXiv:1610.09585), a second linear layer computes the class
    logits.
    """

    def __init__(self, classes: int, features: int, *, projection: bool, classifier: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.table = embedding(classes, features) if projection else None
        self.classifier = nn.Linear(features, classes) if classifier else None
        if self.table is not None and not self.table.weight.is_meta:
            nn.init.normal_(self.table.weight, std=1 / math.sqrt(features))

    def forward(self, features: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """Compute the output from features (n, features) and labels (n,)."""
        scores: Tensor = self.linear(features)[:, 0]
        if self.table is not None:
            scores = scores + (features * self.table(labels)).sum(dim=1)
        return DiscriminatorOutput(scores, None if self.classifier is None else self.classifier(features))
