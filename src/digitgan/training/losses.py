"""What the two networks are asked to do, as functions of the discriminator's scores.

A loss is a value with a few methods; each takes the scores of the real and of the fake images, and returns a scalar. The table
at the end gives them their names.
"""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.errors import RecipeError, nearest


class Loss(ABC):
    """The rules of the trainer between the two networks.

    Attributes:
        paired: whether row i of the real and of the fake scores must be of the same label, and the generator's loss needs the
            real ones.
        boundary: the score above which the discriminator takes an image for real; None where scores have no such meaning,
            and only the order of a real and a fake one counts.
    """

    paired = False
    boundary: float | None = 0.0

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """What the discriminator minimises, a scalar; `smoothing` counts where the loss has a probability as its target."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, a scalar; unless the loss is paired, the real scores may be empty."""

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The shares of the real and of the fake images that the discriminator takes for what they are."""
        if self.boundary is None:
            right = (real[:, None] > fake).float().mean()
            return right, right
        return (real > self.boundary).float().mean(), (fake < self.boundary).float().mean()


@final
class BinaryCrossEntropyLoss(Loss):
    """Cross-entropy over the real and the fake images as one batch (Goodfellow et al. 2014, section 3).

    With labels 1 for real and 0 for fake. Discriminator: the mean over all images of -log of the probability given to what they
    are; generator: -log D(fake), the form of that paper which does not saturate.
    """

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        targets = torch.cat([torch.full_like(real, 1 - smoothing), torch.zeros_like(fake)])
        return functional.binary_cross_entropy_with_logits(torch.cat([real, fake]), targets)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return functional.softplus(-fake).mean()


@final
class NonSaturatingLoss(Loss):
    """The same with the two means added rather than taken over all images, which doubles the discriminator's share.

    Discriminator: softplus(-D(real)) + softplus(D(fake)); generator: softplus(-D(fake)).
    """

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        return functional.softplus(-real).mean() + smoothing * real.mean() + functional.softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return functional.softplus(-fake).mean()


@final
class RelativisticLoss(Loss):
    """A fake is judged against a real image of the same label (relativistic pairing, Jolicoeur-Martineau 2018).

    Discriminator: softplus(D(fake) - D(real)); generator: softplus(D(real) - D(fake)). Since each fake has its own rival, the
    generator gains nothing from making only what is easiest (Huang et al. 2024, "The GAN is dead; long live the GAN!").
    """

    paired = True
    boundary = None

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        return functional.softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return functional.softplus(real - fake).mean()


@final
class HingeLoss(Loss):
    """Scores beyond 1 and -1 earn nothing more (Lim and Ye 2017, arXiv:1705.02894).

    Discriminator: relu(1 - D(real)) + relu(1 + D(fake)); generator: -D(fake).
    """

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return -fake.mean()


@final
class LeastSquaresLoss(Loss):
    """Scores shall be 1 for real and 0 for fake (Mao et al. 2017, equation 9).

    Discriminator: ((D(real) - 1)² + D(fake)²) / 2; generator: (D(fake) - 1)² / 2.
    """

    boundary = 0.5

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return (fake - 1).square().mean() / 2


@final
class WassersteinLoss(Loss):
    """The difference of the mean scores, an estimate of the earth mover's distance (Arjovsky et al. 2017, equation 2).

    Discriminator: D(fake) - D(real); generator: -D(fake). It means something only for a discriminator that is kept smooth.
    """

    boundary = None

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`."""
        return -fake.mean()


LOSSES: Final[Mapping[str, Loss]] = types.MappingProxyType(
    {
        "binary-cross-entropy": BinaryCrossEntropyLoss(),
        "non-saturating": NonSaturatingLoss(),
        "relativistic": RelativisticLoss(),
        "hinge": HingeLoss(),
        "least-squares": LeastSquaresLoss(),
        "wasserstein": WassersteinLoss(),
    }
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
