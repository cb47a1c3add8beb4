"""What the two networks are asked to do, as functions of the discriminator's scores.

A loss is a value with two methods; each takes the scores of the real and of the fake images, (n,) each, row i of both being
of the same label, and returns a scalar. The table at the end gives them their names.
"""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, final

from torch import Tensor
from torch.nn import functional

from digitgan.errors import RecipeError, nearest


class Loss(ABC):
    """The rules of the game between the two networks."""

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimises, a scalar."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, a scalar."""


@final
class NonSaturatingLoss(Loss):
    """Each image is judged alone (Goodfellow et al. 2014, section 3).

    Discriminator: softplus(-D(real)) + softplus(D(fake)); generator: softplus(-D(fake)).
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.discriminator`."""
        return functional.softplus(-real).mean() + functional.softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`; the real scores play no part."""
        return functional.softplus(-fake).mean()


@final
class RelativisticLoss(Loss):
    """A fake is judged against a real image of the same label (relativistic pairing, Jolicoeur-Martineau 2018).

    Discriminator: softplus(D(fake) - D(real)); generator: softplus(D(real) - D(fake)). Since each fake has its own rival, the
    generator gains nothing from making only what is easiest (Huang et al. 2024, "The GAN is dead; long live the GAN!").
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.discriminator`."""
        return functional.softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return functional.softplus(real - fake).mean()


LOSSES: Final[Mapping[str, Loss]] = types.MappingProxyType(
    {"non-saturating": NonSaturatingLoss(), "relativistic": RelativisticLoss()}
)
"""The losses a recipe may name."""


def find_loss(name: str) -> Loss:
    """The loss of that name.

    Raises:
        RecipeError: if there is none; the nearest name is suggested.
    """
    if name not in LOSSES:
        raise RecipeError(f"loss.name = {name!r}: {nearest(name, LOSSES)}")
    return LOSSES[name]
