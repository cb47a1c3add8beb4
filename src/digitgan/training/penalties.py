"""What keeps the discriminator smooth: penalties on its gradient with respect to the images."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from digitgan.errors import RecipeError, nearest
from digitgan.networks import Discriminator

Penalty = Callable[[Discriminator, Tensor, Tensor], Tensor]
"""From the discriminator, real images (n, channels, height, width) and labels (n,): a scalar, before its weight gamma."""


def r1(discriminator: Discriminator, real: Tensor, labels: Tensor) -> Tensor:
    """Half the squared gradient of the score at real images: 1/2 E |∇D(x)|² (Mescheder et al. 2018, equation 9)."""
    images = real.detach().requires_grad_(True)
    scores = discriminator(images, labels)
    (gradient,) = torch.autograd.grad(scores.float().sum(), images, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3)).mean() / 2


PENALTIES: Final[Mapping[str, Penalty | None]] = types.MappingProxyType({"none": None, "r1": r1})
"""The penalties a recipe may name."""


def find_penalty(name: str) -> Penalty | None:
    """The penalty of that name, or None for "none".

    Raises:
        RecipeError: if there is none; the nearest name is suggested.
    """
    if name not in PENALTIES:
        raise RecipeError(f"penalty.name = {name!r}: {nearest(name, PENALTIES)}")
    return PENALTIES[name]
