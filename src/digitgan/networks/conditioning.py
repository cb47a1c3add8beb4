"""The ways a label enters a network."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn


@final
class NormalisedEmbedding(nn.Module):
    """A label's embedding, scaled to the length of a latent vector of its width, so that neither drowns the other.

    For width w the result has norm sqrt(w), which is what a standard normal vector of that width has on average.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(classes, width)
        self.scale = math.sqrt(width)

    def forward(self, labels: Tensor) -> Tensor:
        """(n, width) from labels (n,)."""
        return self.scale * nn.functional.normalize(self.table(labels), dim=1)


@final
class ClassConditionalBatchNorm(nn.Module):
    """Batch normalisation with a gain and a bias for each class (de Vries et al. 2017, arXiv:1707.00683).

    y = gain[label] * (x - mean) / sqrt(variance + epsilon) + bias[label], per channel.
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(classes, channels)
        self.bias = nn.Embedding(classes, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """(n, channels, height, width) from maps of that shape and labels (n,)."""
        gain, bias = self.gain(labels)[:, :, None, None], self.bias(labels)[:, :, None, None]
        return torch.addcmul(bias, self.norm(maps), gain)


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
class Projection(nn.Module):
    """The projection discriminator's last layer (Miyato and Koyama 2018, arXiv:1802.05637, equation 3).

    score = w · h + b + v[label] · h, for features h.
    """

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.table = nn.Embedding(classes, features)
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(features))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Scores (n,) from features (n, features) and labels (n,)."""
        scores: Tensor = self.linear(features)[:, 0] + (features * self.table(labels)).sum(dim=1)
        return scores
