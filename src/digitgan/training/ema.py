"""The exponential moving average of the generator, from which images are generated."""

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
        generator: the average, which is never trained. Its batch-norm statistics are averaged like its weights, and
            recomputed by `recalibrate_batchnorm` before images are generated.
    """

    def __init__(self, generator: Generator, recipe: EmaRecipe) -> None:
        self.generator = copy.deepcopy(generator).requires_grad_(False).eval()
        self.recipe = recipe
        self._averages = _floats(self.generator)
        self._sources = _floats(generator)

    def decay_at(self, step: int) -> float:
        """Return the decay of the average at a step, counted from 0: min(decay, (1 + step) / (warm_up + step))."""
        return min(self.recipe.decay, (1 + step) / (self.recipe.warm_up + step))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average with the weights of the generator after a step, counted from 0."""
        torch._foreach_lerp_(self._averages, self._sources, 1 - self.decay_at(step))

    def drawn_from(self, chunks: Iterable[tuple[Tensor, Tensor]]) -> Generator:
        """Return a copy of the averaged generator with the batch-norm statistics that the recipe requires.

        Args:
            chunks: (z, labels) pairs from which the statistics are recomputed, unless the recipe uses running statistics.
        """
        if self.recipe.statistics == "running":
            return copy.deepcopy(self.generator)
        return recalibrate_batchnorm(self.generator, chunks)


@torch.no_grad()
def recalibrate_batchnorm(generator: Generator, chunks: Iterable[tuple[Tensor, Tensor]]) -> Generator:
    """Return a copy of the generator in evaluation mode with recomputed batch-norm statistics.

    The activations of averaged weights differ from those of the training, from which the running statistics come. The
    recomputed statistics are the mean over the chunks.

    Args:
        generator: the generator, which is not changed.
        chunks: (z, labels) pairs.
    """
    recalibrated = copy.deepcopy(generator)
    norms = [layer for layer in recalibrated.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if norms:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative mean over all chunks
        recalibrated.train()
        for z, labels in chunks:
            recalibrated(z, labels)
    return recalibrated.eval()


def _floats(network: nn.Module) -> list[Tensor]:
    """Return weights and statistics, without the batch counter of batch norm, which cannot be averaged."""
    return [tensor.detach() for tensor in network.state_dict(keep_vars=True).values() if tensor.is_floating_point()]
