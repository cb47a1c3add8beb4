"""A penalty: the one-sided gradient penalty of Petzka et al. 2018."""

from __future__ import annotations

import torch
from torch import Tensor

from digitgan.plugins import LabelledImages, Score


def wgan_lp(score: Score, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Compute E max(0, |∇D(x)| - 1)² at random points x between a real and a fake image (arXiv:1709.08894, equation 8).

    Args:
        score: maps n images to (n,) scores.
        real: real images (n, channels, height, width) with their labels.
        fake: fake images of the same shape.
        interpolation_alpha: (n,) in [0, 1), the share of the real image in x. It is a function of the seed and the step, so
            that a resumed run equals an uninterrupted one. A penalty must not draw random numbers itself.
    """
    share = interpolation_alpha[:, None, None, None].to(real.images.dtype)
    between = (share * real.images + (1 - share) * fake.images).detach().requires_grad_(True)
    scores = score(LabelledImages(between, real.labels, real.augmentation))
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    length = (gradient.float().square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()  # the gradient of a root is infinite at 0
    return (length - 1).relu().square().mean()
