"""Losses and penalties against their equations."""

from __future__ import annotations

import math

import pytest
import torch

from digitgan.errors import RecipeError
from digitgan.networks import Discriminator, ImageForm
from digitgan.training.losses import LOSSES, find_loss
from digitgan.training.penalties import find_penalty, r1

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 0.0])


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_relativistic_loss() -> None:
    loss = find_loss("relativistic")
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx((softplus(-1.5) + softplus(1.0)) / 2)
    assert loss.generator(REAL, FAKE).item() == pytest.approx((softplus(1.5) + softplus(-1.0)) / 2)


def test_non_saturating_loss() -> None:
    loss = find_loss("non-saturating")
    expected = (softplus(-2.0) + softplus(1.0)) / 2 + (softplus(0.5) + softplus(0.0)) / 2
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(expected)
    assert loss.generator(REAL, FAKE).item() == pytest.approx((softplus(-0.5) + softplus(0.0)) / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_networks_want_opposite_things(name: str) -> None:
    loss = LOSSES[name]
    fake = torch.zeros(3, requires_grad=True)
    (for_discriminator,) = torch.autograd.grad(loss.discriminator(torch.zeros(3), fake), fake)
    (for_generator,) = torch.autograd.grad(loss.generator(torch.zeros(3), fake), fake)
    assert (for_discriminator > 0).all()
    assert (for_generator < 0).all()


class Quadratic(Discriminator):
    """Scores an image by weight * |x|², whose gradient is 2 * weight * x."""

    def __init__(self) -> None:
        super().__init__(ImageForm(1, 4, 4, 2))
        self.weight = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.weight * images.square().sum(dim=(1, 2, 3))


def test_r1_is_half_the_squared_gradient_and_can_be_learned_from() -> None:
    discriminator = Quadratic()
    images = torch.full((5, 1, 4, 4), 0.5)
    penalty = r1(discriminator, images, torch.zeros(5, dtype=torch.int64))
    # |gradient|² = 16 pixels * (2 * 3 * 0.5)² = 144
    assert penalty.item() == pytest.approx(72)
    penalty.backward()
    assert discriminator.weight.grad is not None
    assert discriminator.weight.grad.item() == pytest.approx(2 * 72 / 3)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"loss\.name = 'relativistc': did you mean 'relativistic'"):
        find_loss("relativistc")
    with pytest.raises(RecipeError, match=r"penalty\.name = 'r9': did you mean 'r1'"):
        find_penalty("r9")
    assert find_penalty("none") is None
