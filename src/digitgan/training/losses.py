"""The losses of both networks, as functions of the discriminator's scores.

Each method of a loss takes the scores of real and fake images, and returns a scalar. `LOSSES` contains the losses by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.errors import RecipeError
from digitgan.lookup import Registry


class Loss(ABC):
    """Base class of the losses.

    Attributes:
        paired: whether the loss compares each fake image with a real image of the same label. Row i of the real and of the
            fake scores then has the same label, and the generator's loss takes the real scores too.
        smoothable: whether the target for a real image is a probability, so that label smoothing applies.
        boundary: score above which the discriminator classifies an image as real; None if only the order of a real and a
            fake score has a meaning.
    """

    paired = False
    smoothable = False
    boundary: float | None = 0.0

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss, a scalar.

        Args:
            real: scores of real images (n,).
            fake: scores of fake images (n,).
            smoothing: label smoothing of real images, used by losses with a probability as target.
        """

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss, a scalar.

        Args:
            real: scores of real images (n,); may be empty unless the loss is paired.
            fake: scores of fake images (n,).
        """

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the accuracies of the discriminator on real and on fake images."""
        if self.boundary is None:
            right = (real[:, None] > fake).float().mean()
            return right, right
        return (real > self.boundary).float().mean(), (fake < self.boundary).float().mean()


@final
class BinaryCrossEntropyLoss(Loss):
    """Binary cross-entropy over real and fake images as one batch (Goodfellow et al. 2014, section 3).

    The targets are 1 for real and 0 for fake images. Discriminator: the mean over all images of -log p(target). Generator:
    -log D(fake), the non-saturating form of that paper.
    """

    smoothable = True

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss; see `Loss.discriminator`."""
        targets = torch.cat([torch.full_like(real, 1 - smoothing), torch.zeros_like(fake)])
        return functional.binary_cross_entropy_with_logits(torch.cat([real, fake]), targets)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss; see `Loss.generator`."""
        return functional.softplus(-fake).mean()


@final
class NonSaturatingLoss(Loss):
    """Binary cross-entropy with the means over real and fake images added, which doubles the discriminator's loss.

    Discriminator: softplus(-D(real)) + softplus(D(fake)); generator: softplus(-D(fake)).
    """

    smoothable = True

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss; see `Loss.discriminator`."""
        return functional.softplus(-real).mean() + smoothing * real.mean() + functional.softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss; see `Loss.generator`."""
        return functional.softplus(-fake).mean()


@final
class RelativisticLoss(Loss):
    """Relativistic pairing loss: each fake image is compared with a real one of the same label (Jolicoeur-Martineau 2018).

    Discriminator: softplus(D(fake) - D(real)); generator: softplus(D(real) - D(fake)). The pairing counteracts mode dropping
    (Huang et al. 2024, "The GAN is dead; long live the GAN!").
    """

    paired = True
    boundary = None

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss; see `Loss.discriminator`."""
        return functional.softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss; see `Loss.generator`."""
        return functional.softplus(real - fake).mean()


@final
class HingeLoss(Loss):
    """Hinge loss: scores above 1 (real) or below -1 (fake) have no loss (Lim and Ye 2017, arXiv:1705.02894).

    Discriminator: relu(1 - D(real)) + relu(1 + D(fake)); generator: -D(fake).
    """

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss; see `Loss.discriminator`."""
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss; see `Loss.generator`."""
        return -fake.mean()


@final
class LeastSquaresLoss(Loss):
    """Least-squares loss with targets 1 for real and 0 for fake images (Mao et al. 2017, equation 9).

    Discriminator: ((D(real) - 1)² + D(fake)²) / 2; generator: (D(fake) - 1)² / 2.
    """

    boundary = 0.5

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss; see `Loss.discriminator`."""
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss; see `Loss.generator`."""
        return (fake - 1).square().mean() / 2


@final
class WassersteinLoss(Loss):
    """Difference of the mean scores, an estimate of the earth mover's distance (Arjovsky et al. 2017, equation 2).

    Discriminator: D(fake) - D(real); generator: -D(fake). The estimate requires a Lipschitz-continuous discriminator, for
    example by a gradient penalty.
    """

    boundary = None

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """Compute the discriminator's loss; see `Loss.discriminator`."""
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Compute the generator's loss; see `Loss.generator`."""
        return -fake.mean()


LOSSES: Final = Registry[Loss](
    "loss.name =",
    {
        "binary-cross-entropy": BinaryCrossEntropyLoss(),
        "non-saturating": NonSaturatingLoss(),
        "relativistic": RelativisticLoss(),
        "hinge": HingeLoss(),
        "least-squares": LeastSquaresLoss(),
        "wasserstein": WassersteinLoss(),
    },
    RecipeError,
    group="losses",
    kind=Loss,
)
"""The losses that a recipe may name."""
