"""What keeps the discriminator smooth: penalties on its gradient with respect to the images.

With mixed precision they are computed in it too; only what is summed is float32.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from digitgan.errors import RecipeError, nearest
from digitgan.networks import Discriminator


@final
@dataclass(frozen=True)
class LabelledImages:
    """Images as a discriminator is shown them.

    Attributes:
        images: (n, channels, height, width) in [-1, 1].
        labels: (n,).
    """

    images: Tensor
    labels: Tensor


Penalty = Callable[[Discriminator, LabelledImages, LabelledImages, Tensor], Tensor]
"""From the discriminator, real and fake images and a mixture (n,) in [0, 1): a scalar, before its weight gamma."""


def r1(discriminator: Discriminator, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Half the squared gradient of the score at real images: 1/2 E |∇D(x)|² (Mescheder et al. 2018, equation 9)."""
    return _squared_gradient(discriminator, real).mean() / 2


def r2(discriminator: Discriminator, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Half the squared gradient of the score at fake images (Mescheder et al. 2018, equation 10)."""
    return _squared_gradient(discriminator, fake).mean() / 2


def r1_and_r2(discriminator: Discriminator, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Both, as Huang et al. 2024 have it."""
    return r1(discriminator, real, fake, interpolation_alpha) + r2(discriminator, real, fake, interpolation_alpha)


def wgan_gp(discriminator: Discriminator, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """E (|∇D(x)| - 1)² at random points x between a real and a fake image (Gulrajani et al. 2017, equation 3)."""
    share = interpolation_alpha[:, None, None, None].to(real.images.dtype)
    between = LabelledImages(share * real.images + (1 - share) * fake.images, real.labels)
    # The root's own gradient is infinite at 0.
    return ((_squared_gradient(discriminator, between) + 1e-12).sqrt() - 1).square().mean()


def _squared_gradient(discriminator: Discriminator, shown: LabelledImages) -> Tensor:
    """(n,): the squared length of the score's gradient at each image."""
    images = shown.images.detach().requires_grad_(True)
    scores = discriminator(images, shown.labels).logits
    (gradient,) = torch.autograd.grad(scores.float().sum(), images, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3))


PENALTIES: Final[Mapping[str, Penalty | None]] = types.MappingProxyType(
    {"none": None, "r1": r1, "r2": r2, "r1+r2": r1_and_r2, "wgan-gp": wgan_gp}
)
"""The penalties a recipe may name."""


def find_penalty(name: str) -> Penalty | None:
    """The penalty of that name, or None for "none".

    Raises:
        RecipeError: if there is none; the nearest name is suggested.
    """
    if name not in PENALTIES:
        raise RecipeError(f"penalty.name = {name!r}: {nearest(name, PENALTIES)}")
    return PENALTIES[name]
