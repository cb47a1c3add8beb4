"""A loss: the relativistic average hinge loss."""

from __future__ import annotations

from typing import Final, final

from torch import Tensor

from digitgan.plugins import Loss


@final
class RelativisticAverageHingeLoss(Loss):
    """Compare each score with the mean score of the other kind (Jolicoeur-Martineau 2018, arXiv:1807.00734, appendix)."""

    paired = True  # so that the generator's loss receives the scores of real images
    boundary = None  # a score has a meaning only in comparison with others

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """See `Loss.discriminator`."""
        return (1 - (real - fake.mean())).relu().mean() + (1 + (fake - real.mean())).relu().mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See `Loss.generator`: the discriminator's loss with real and fake images exchanged."""
        return self.discriminator(fake, real)


RELATIVISTIC_AVERAGE_HINGE: Final = RelativisticAverageHingeLoss()
