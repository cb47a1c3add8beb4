"""The ways a label enters a network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.base import DiscriminatorOutput, ImageSpec


def rows_of(table: nn.Embedding, labels: Tensor) -> Tensor:
    """Rows (n, width) of a table: of labels (n,), or mixed by the shares (n, classes) that each class has."""
    rows: Tensor = labels @ table.weight if labels.is_floating_point() else table(labels)
    return rows


class LabelVector(nn.Module, ABC):
    """A label as a vector, which is joined to the latent.

    Attributes:
        width: of the vector.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, labels: Tensor) -> Tensor:
        """(n, width) from labels (n,), or from shares of the classes (n, classes)."""


@final
class NoLabel(LabelVector):
    """Nothing: for networks without labels."""

    def __init__(self) -> None:
        super().__init__(0)

    def forward(self, labels: Tensor) -> Tensor:
        """(n, 0)."""
        return torch.empty(labels.shape[0], 0, device=labels.device)  # len() would fix the number in an exported program


@final
class OneHot(LabelVector):
    """1 at the label's place, 0 elsewhere."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelVector.forward`."""
        return labels if labels.is_floating_point() else functional.one_hot(labels, self.width).float()


@final
class PlainEmbedding(LabelVector):
    """A learned vector for each class."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(width)
        self.table = nn.Embedding(classes, width)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelVector.forward`."""
        return rows_of(self.table, labels)


@final
class NormalisedEmbedding(LabelVector):
    """A label's embedding, scaled to the length of a latent vector of its width, so that neither drowns the other.

    For width w the result has norm sqrt(w), which is what a standard normal vector of that width has on average.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(width)
        self.table = nn.Embedding(classes, width)
        self.scale = math.sqrt(width)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelVector.forward`."""
        return self.scale * functional.normalize(rows_of(self.table, labels), dim=1)


def label_vector(kind: str, classes: int, width: int) -> LabelVector:
    """The way of that name (`generator.label_input`); `width` is an embedding's."""
    match kind:
        case "one-hot":
            return OneHot(classes)
        case "embedding":
            return PlainEmbedding(classes, width)
        case "normalised-embedding":
            return NormalisedEmbedding(classes, width)
    return NoLabel()


class LabelPlanes(nn.Module, ABC):
    """A label as planes of the image's size, further channels beside the image's own.

    Attributes:
        spec: the images.
        channels: how many planes.
    """

    def __init__(self, spec: ImageSpec, channels: int) -> None:
        super().__init__()
        self.spec = spec
        self.channels = channels

    @abstractmethod
    def forward(self, labels: Tensor) -> Tensor:
        """(n, channels, height, width) from labels (n,)."""


@final
class OneHotPlanes(LabelPlanes):
    """A plane for each class: full of ones for the label's, of zeros for the others."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, spec.classes)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelPlanes.forward`."""
        marks = functional.one_hot(labels, self.spec.classes).float()[:, :, None, None]
        return marks.expand(-1, -1, self.spec.height, self.spec.width)


@final
class RowPlane(LabelPlanes):
    """One plane: a learned number for each class and row, the same all along the row."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, 1)
        self.table = nn.Embedding(spec.classes, spec.height)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelPlanes.forward`."""
        rows: Tensor = self.table(labels)
        return rows[:, None, :, None].expand(-1, 1, -1, self.spec.width)


@final
class MaskPlane(LabelPlanes):
    """One plane: a learned number for each class and pixel."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec, 1)
        self.table = nn.Embedding(spec.classes, spec.height * spec.width)

    def forward(self, labels: Tensor) -> Tensor:
        """See `LabelPlanes.forward`."""
        mask: Tensor = self.table(labels)
        return mask.view(-1, 1, self.spec.height, self.spec.width)


def label_planes(kind: str, spec: ImageSpec) -> LabelPlanes | None:
    """The planes of that name (`discriminator.label_input`); None for the ways that have none."""
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
    """Batch normalisation with a gain and a bias for each class (de Vries et al. 2017, arXiv:1707.00683).

    y = gain[label] * (x - mean) / sqrt(variance + epsilon) + bias[label], per channel.
    """

    def __init__(self, classes: int, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, epsilon, momentum, affine=False)
        self.gain = nn.Embedding(classes, channels)
        self.bias = nn.Embedding(classes, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """(n, channels, height, width) from maps of that shape and labels (n,), or shares of the classes (n, classes)."""
        gain, bias = (rows_of(table, labels) for table in (self.gain, self.bias))
        if self.training:
            return torch.addcmul(bias[:, :, None, None], self.norm(maps), gain[:, :, None, None])
        # The statistics are fixed: they and the label's numbers make one factor and one summand, in one pass over the maps.
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        factor = gain * torch.rsqrt(variance + self.norm.eps)
        return torch.addcmul((bias - mean * factor)[:, :, None, None], maps, factor[:, :, None, None])


@final
class LabelBias(nn.Module):
    """A bias for each class and channel, zero at first: maps + bias[label]."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.table = nn.Embedding(classes, channels)
        nn.init.zeros_(self.table.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """(n, channels, height, width) from maps of that shape and labels (n,)."""
        biased: Tensor = maps + self.table(labels)[:, :, None, None]
        return biased


@final
class Head(nn.Module):
    """From a discriminator's last features h to its judgement.

    score = w · h + b, and with projection (Miyato and Koyama 2018, arXiv:1802.05637, equation 3) + v[label] · h. With an
    auxiliary classifier (Odena et al. 2017, arXiv:1610.09585) a second linear layer gives the logits of the classes.
    """

    def __init__(self, classes: int, features: int, *, projection: bool, classifier: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.table = nn.Embedding(classes, features) if projection else None
        self.classifier = nn.Linear(features, classes) if classifier else None
        if self.table is not None:
            nn.init.normal_(self.table.weight, std=1 / math.sqrt(features))

    def forward(self, features: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """A judgement from features (n, features) and labels (n,)."""
        scores: Tensor = self.linear(features)[:, 0]
        if self.table is not None:
            scores = scores + (features * self.table(labels)).sum(dim=1)
        return DiscriminatorOutput(scores, None if self.classifier is None else self.classifier(features))
