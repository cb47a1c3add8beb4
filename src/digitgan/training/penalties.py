"""Penalties on the gradient of the discriminator's score with respect to the images.

With mixed precision, the gradients have the reduced precision; only the sums are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from digitgan.errors import RecipeError
from digitgan.lookup import Registry


@final
@dataclass(frozen=True)
class LabelledImages:
    """Images and labels, as input of the discriminator.

    Attributes:
        images: images (n, channels, height, width) in [-1, 1].
        labels: labels (n,).
        augmentation: numbers of the augmentation (n, numbers), uniform in [0, 1); None to score the images as they are.
        inputs: what `Discriminator.frozen_part` returned for the images; None if it has yet to be computed.
    """

    images: Tensor
    labels: Tensor
    augmentation: Tensor | None = None
    inputs: tuple[Tensor, ...] | None = None

    def detached(self) -> LabelledImages:
        """Return the same without a graph."""
        inputs = None if self.inputs is None else tuple(each.detach() for each in self.inputs)
        return LabelledImages(self.images.detach(), self.labels, self.augmentation, inputs)

    def augmented_by(self, numbers: Tensor | None) -> LabelledImages:
        """Return the images with other numbers of the augmentation."""
        return LabelledImages(self.images, self.labels, numbers, self.inputs if numbers is None else None)


Score = Callable[[LabelledImages], Tensor]
"""Scores n images: (n,) logits, with a graph to the images and to the discriminator's weights."""

Penalty = Callable[[Score, LabelledImages, LabelledImages, Tensor], Tensor]
"""Maps the score, real images, fake images and an interpolation alpha (n,) in [0, 1) to a scalar, before its weight gamma."""


def r1(score: Score, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Compute half the squared gradient at real images: 1/2 E |∇D(x)|² (Mescheder et al. 2018, equation 9)."""
    return _squared_gradient(score, real).mean() / 2


def r2(score: Score, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Compute half the squared gradient at fake images (Mescheder et al. 2018, equation 10)."""
    return _squared_gradient(score, fake).mean() / 2


def r1_and_r2(score: Score, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Compute the sum of `r1` and `r2` (Huang et al. 2024)."""
    return r1(score, real, fake, interpolation_alpha) + r2(score, real, fake, interpolation_alpha)


def wgan_gp(score: Score, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Compute E (|∇D(x)| - 1)² at random points x between a real and a fake image (Gulrajani et al. 2017, equation 3)."""
    share = interpolation_alpha[:, None, None, None].to(real.images.dtype)
    between = LabelledImages(share * real.images + (1 - share) * fake.images, real.labels, real.augmentation)
    # The gradient of the square root is infinite at 0.
    return ((_squared_gradient(score, between) + 1e-12).sqrt() - 1).square().mean()


def _squared_gradient(score: Score, batch: LabelledImages) -> Tensor:
    """Return the squared length (n,) of the score's gradient at each image."""
    images = batch.images.detach().requires_grad_(True)
    logits = score(LabelledImages(images, batch.labels, batch.augmentation))
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3))


PENALTIES: Final = Registry[Penalty | None](
    "penalty.name =",
    {"none": None, "r1": r1, "r2": r2, "r1+r2": r1_and_r2, "wgan-gp": wgan_gp},
    RecipeError,
    group="penalties",
    kind=object,
)
"""The penalties that a recipe may name."""
