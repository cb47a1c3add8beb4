"""Latent codes of the style family: the columns of a latent, and what training, truncation, mixing and inversion add."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor


@final
class StyleCode(NamedTuple):
    """The parts of a latent code.

    The first layers have the style of z, the layers from the crossover on that of the partner. The style of each latent is
    average + share * (style - average) + offset, with the average style of the class.

    Attributes:
        z: latent of the first layers (n, components).
        noise: noise of all layers (n, noise).
        partner: latent of the later layers (n, components).
        crossover: number of first layers (n, 1).
        shares: share of z and of the partner (n, 2): the truncation ψ.
        offsets: offset of z, then of the partner (n, 2 * style).
    """

    z: Tensor
    noise: Tensor
    partner: Tensor
    crossover: Tensor
    shares: Tensor
    offsets: Tensor


@final
class StyleInput(NamedTuple):
    """The parts of an input of a generator, see `StyleCode`; None for parts without effect."""

    z: Tensor
    noise: Tensor
    partner: Tensor | None = None
    crossover: Tensor | None = None
    shares: Tensor | None = None
    offsets: Tensor | None = None


@final
@dataclass(frozen=True)
class CodeLayout:
    """The columns of the inputs of a style generator. The width of an input tells which of three it is.

    - A latent: z and the noise.
    - A latent of a training step with style mixing: also the partner, and a number that decides the crossover.
    - A code: all parts of `StyleCode`.

    Attributes:
        components: width of z.
        noise: number of noise values of all layers.
        style: width of the style w.
        layers: number of layers with a style.
        mixing: probability of style mixing in training.
    """

    components: int
    noise: int
    style: int
    layers: int
    mixing: float

    @property
    def latent(self) -> int:
        """The width of a latent."""
        return self.components + self.noise

    @property
    def mixing_numbers(self) -> int:
        """The number of further standard normal numbers of a latent in training."""
        return self.components + 1 if self.mixing > 0 else 0

    @property
    def widths(self) -> list[int]:
        """The widths of the parts of a code."""
        return [self.components, self.noise, self.components, 1, 2, 2 * self.style]

    @property
    def code(self) -> int:
        """The width of a code."""
        return sum(self.widths)

    @property
    def offsets(self) -> slice:
        """The columns of the offset of z in a code."""
        return slice(self.code - 2 * self.style, self.code - self.style)

    def parts(self, rows: Tensor) -> StyleInput:
        """Return the parts of latents or codes (n, width)."""
        if rows.shape[1] == self.latent:
            return StyleInput(*torch.split(rows, self.widths[:2], dim=1))
        if rows.shape[1] == self.code:
            return StyleInput(*torch.split(rows, self.widths, dim=1))
        z, noise, partner, number = torch.split(rows, self.widths[:4], dim=1)
        return StyleInput(z, noise, partner, self.crossover(number))

    def crossover(self, numbers: Tensor) -> Tensor:
        """Return the crossovers of standard normal numbers, in the same shape.

        With the probability `mixing`, the crossover is uniform in 1 to layers - 1 (Karras et al. 2019, section 3.1).
        Otherwise it is the number of layers, so that all have the style of z.
        """
        uniform = 0.5 * (1 + torch.erf(numbers / math.sqrt(2)))
        place = 1 + (uniform / self.mixing * (self.layers - 1)).floor().clamp(max=self.layers - 2)
        return torch.where(uniform < self.mixing, place, float(self.layers))

    def extended(self, rows: Tensor) -> Tensor:
        """Return latents or codes as codes (n, code) of the same images."""
        if rows.shape[1] == self.code:
            return rows
        further = rows.new_zeros(len(rows), self.code - self.latent)
        further[:, self.components] = self.layers
        further[:, self.components + 1] = 1
        return torch.cat([rows, further], dim=1)

    def code_parts(self, rows: Tensor) -> StyleCode:
        """Return the parts of latents or codes, all of them."""
        return StyleCode(*torch.split(self.extended(rows), self.widths, dim=1))

    def joined(self, parts: StyleCode) -> Tensor:
        """Return the code (n, code) of its parts."""
        return torch.cat(parts, dim=1)
