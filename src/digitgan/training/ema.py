"""The moving average of the generator's weights: the network one draws from."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor, nn

from digitgan.networks import Generator
from digitgan.recipes import EmaRecipe


@final
class Ema:
    """An exponential moving average of a generator (Yazıcı et al. 2019, arXiv:1806.04498).

    Attributes:
        generator: the average, never trained. Its batch-norm statistics are averaged like its weights, and recomputed by
            `recalibrate_batchnorm` before anything is drawn from it.
    """

    def __init__(self, generator: Generator, recipe: EmaRecipe) -> None:
        self.generator = copy.deepcopy(generator).requires_grad_(False).eval()
        self.recipe = recipe
        self._averages = _floats(self.generator)
        self._sources = _floats(generator)

    def decay_at(self, step: int) -> float:
        """The share of the average that stays at this step, counted from 0."""
        return min(self.recipe.decay, (1 + step) / (self.recipe.warm_up + step))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the generator as it is after this step, counted from 0."""
        torch._foreach_lerp_(self._averages, self._sources, 1 - self.decay_at(step))

    def drawn_from(self, chunks: Iterable[tuple[Tensor, Tensor]]) -> Generator:
        """A copy of the generator to draw from, its batch-norm statistics as the recipe has them.

        Args:
            chunks: (z, labels) pairs from which they are recomputed, where they are.
        """
        if self.recipe.statistics == "running":
            return copy.deepcopy(self.generator)
        return recalibrate_batchnorm(self.generator, chunks)


@torch.no_grad()
def recalibrate_batchnorm(generator: Generator, chunks: Iterable[tuple[Tensor, Tensor]]) -> Generator:
    """A copy of the generator with its batch-norm statistics recomputed, ready to draw from.

    Averaged weights meet other activations than those whose statistics were gathered in training; the copy's are the plain
    mean over these chunks.

    Args:
        generator: left as it is.
        chunks: (z, labels) pairs to run through it.
    """
    settled = copy.deepcopy(generator)
    norms = [layer for layer in settled.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if norms:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's way to say: the plain mean over all chunks
        settled.train()
        for z, labels in chunks:
            settled(z, labels)
    return settled.eval()


def _floats(network: nn.Module) -> list[Tensor]:
    """Weights and statistics; the count of batches that batch norm keeps is no average and plays no part in drawing."""
    return [tensor.detach() for tensor in network.state_dict(keep_vars=True).values() if tensor.is_floating_point()]
