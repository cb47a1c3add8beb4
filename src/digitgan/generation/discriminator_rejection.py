"""Discriminator rejection sampling (Azadi et al., "Discriminator Rejection Sampling", ICLR 2019).

The score of an optimal discriminator is the logarithm of the density of real images over that of generated ones. Acceptance
with a probability in proportion to this ratio would give images with the distribution of the data. A trained discriminator is
not optimal, so the distribution only comes closer.
"""

from __future__ import annotations

from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.device import one_thread
from digitgan.generation.labels import Labels
from digitgan.generation.rejection_sampling import MAX_ATTEMPTS, Accepted, Filter, Uniforms
from digitgan.images import Picture, to_network
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model
from digitgan.networks import Discriminator

OPTION: Final = "--discriminator-rejection"

MIN_SHARE: Final = 0.2
"""Least share of accepted images. Below it, `MAX_ATTEMPTS` attempts at one image of many may all be rejected by chance."""

FIRST_IMAGES: Final = 10_000
"""Number of images, over all classes, from which the greatest scores and the offsets are estimated."""

MIN_FIRST_IMAGES: Final = 200
"""Least number of these images of a class."""

EPSILON: Final = 1e-6
"""The ε of equation 8, which bounds F at the greatest score."""

Scores = npt.NDArray[np.float64]


@final
class DiscriminatorFilter(Filter):
    """A filter that accepts an image with the probability σ(F) of equation 8, by its score and class.

    F = D − M − ln(1 − exp(D − M − ε)) − γ, where D is the score.

    Args:
        discriminator: The discriminator, in evaluation mode.
        greatest: The M of each class (classes,), the greatest score of its first images; NaN for a class that is not generated.
        offsets: The γ of each class (classes,). A greater γ accepts fewer images.
    """

    name = OPTION

    def __init__(self, discriminator: Discriminator, greatest: Scores, offsets: Scores) -> None:
        self.discriminator = discriminator
        self.greatest = greatest
        self.offsets = offsets

    @classmethod
    def of(
        cls, model: Model, discriminator: Discriminator, share: float, labels: set[int], seed: int, truncation: float | None
    ) -> DiscriminatorFilter:
        """Return the filter that accepts a share of the images of each class.

        Args:
            model: The model to sample from.
            discriminator: The discriminator of its training, in evaluation mode.
            share: Share of accepted images, from `MIN_SHARE` to below 1.
            labels: The classes that are generated.
            seed: Seed of the images.
            truncation: See `Model.sample`.
        """
        classes = len(model.class_names)
        count = max(MIN_FIRST_IMAGES, FIRST_IMAGES // len(labels))
        greatest, offsets = np.full(classes, np.nan), np.full(classes, np.nan)
        for label in sorted(labels):
            first = range(label * count, (label + 1) * count)
            z = model.latents(seed, first, truncation, MAX_ATTEMPTS + 1)  # latents of no image of the set
            of_class = torch.full((count,), label)
            images = model.draw_many(z, of_class)
            with one_thread():  # so that no rounding, and no decision, depends on the number of threads
                scores = scores_of(discriminator, images, of_class.numpy())
            greatest[label] = scores.max()
            offsets[label] = _offset(scores - greatest[label], share)
        return cls(discriminator, greatest, offsets)

    def accepts(self, images: Picture, labels: Labels, uniforms: Uniforms) -> Accepted:
        """See `Filter.accepts`."""
        below = np.minimum(scores_of(self.discriminator, images, labels) - self.greatest[labels], 0)
        found: Accepted = uniforms < _probability(below, self.offsets[labels])
        return found


@torch.inference_mode()
def scores_of(discriminator: Discriminator, images: Picture, labels: Labels) -> Scores:
    """Return the logits (n,) of images, uint8 (n, height, width[, channels]), with their labels (n,)."""
    device = next(discriminator.parameters()).device
    pixels = torch.from_numpy(images if images.ndim == 4 else images[..., None]).permute(0, 3, 1, 2)
    scores = [
        discriminator(to_network(part.to(device)), of.to(device)).logits.double().cpu().numpy()
        for part, of in zip(torch.split(pixels, BLOCK), torch.split(torch.from_numpy(labels), BLOCK), strict=True)
    ]
    return np.concatenate(scores)


def _probability(below: Scores, offset: Scores | float) -> Scores:
    """Return σ(F) for scores minus the greatest score, at most 0."""
    value: Scores = 1 / (1 + np.exp(offset - below + np.log1p(-np.exp(below - EPSILON))))
    return value


def _offset(below: Scores, share: float) -> float:
    """Return the γ with which the mean probability of these scores is the share, by bisection."""
    low, high = below.min() - 20.0, 40.0  # F lies above the score minus the greatest one, and 14 at most
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _probability(below, middle).mean() > share else (low, middle)
    return float(low + high) / 2
