"""Tests of losses and penalties against their equations."""

from __future__ import annotations

import math

import pytest
import torch

from digitgan.errors import RecipeError
from digitgan.networks import Discriminator, DiscriminatorOutput, ImageSpec
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES, LabelledImages, Score

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 0.0])


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_relativistic_loss() -> None:
    loss = LOSSES.find("relativistic")
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx((softplus(-1.5) + softplus(1.0)) / 2)
    assert loss.generator(REAL, FAKE).item() == pytest.approx((softplus(1.5) + softplus(-1.0)) / 2)


def test_non_saturating_loss() -> None:
    loss = LOSSES.find("non-saturating")
    expected = (softplus(-2.0) + softplus(1.0)) / 2 + (softplus(0.5) + softplus(0.0)) / 2
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(expected)
    assert loss.generator(REAL, FAKE).item() == pytest.approx((softplus(-0.5) + softplus(0.0)) / 2)


def test_binary_cross_entropy_is_the_mean_over_both_kinds() -> None:
    loss = LOSSES.find("binary-cross-entropy")
    total = softplus(-2.0) + softplus(1.0) + softplus(0.5) + softplus(0.0)
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(total / 4)
    assert loss.generator(REAL, FAKE).item() == pytest.approx((softplus(-0.5) + softplus(0.0)) / 2)


def test_label_smoothing_lowers_the_target_of_real_images_only() -> None:
    smoothed = 0.9 * softplus(-2.0) + 0.1 * softplus(2.0) + 0.9 * softplus(1.0) + 0.1 * softplus(-1.0)
    fake = softplus(0.5) + softplus(0.0)
    summed, mean = LOSSES.find("non-saturating"), LOSSES.find("binary-cross-entropy")
    assert summed.discriminator(REAL, FAKE, 0.1).item() == pytest.approx((smoothed + fake) / 2)
    assert mean.discriminator(REAL, FAKE, 0.1).item() == pytest.approx((smoothed + fake) / 4)


def test_hinge_loss() -> None:
    loss = LOSSES.find("hinge")
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx((0 + 2) / 2 + (1.5 + 1) / 2)
    assert loss.generator(REAL, FAKE).item() == pytest.approx(-0.25)


def test_least_squares_loss() -> None:
    loss = LOSSES.find("least-squares")
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(((1 + 4) / 2 + (0.25 + 0) / 2) / 2)
    assert loss.generator(REAL, FAKE).item() == pytest.approx((0.25 + 1) / 2 / 2)


def test_wasserstein_loss() -> None:
    loss = LOSSES.find("wasserstein")
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(0.25 - 0.5)
    assert loss.generator(REAL, FAKE).item() == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("name", "real", "fake"),
    [
        ("non-saturating", 1 / 2, 0.0),  # real: one of 2 and -1 is above 0; fake: none of 0.5 and 0 is below 0
        ("least-squares", 1 / 2, 1 / 2),  # the boundary is 0.5, the mean of the targets
        ("relativistic", 1 / 2, 1 / 2),  # two of the four pairs have the right order
        ("wasserstein", 1 / 2, 1 / 2),
    ],
)
def test_accuracy_is_the_share_told_rightly(name: str, real: float, fake: float) -> None:
    told = [value.item() for value in LOSSES.find(name).accuracy(REAL, FAKE)]
    assert told == pytest.approx([real, fake])


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_networks_want_opposite_things(name: str) -> None:
    loss = LOSSES[name]
    fake = torch.full((3,), 0.3, requires_grad=True)
    (for_discriminator,) = torch.autograd.grad(loss.discriminator(torch.zeros(3), fake), fake)
    (for_generator,) = torch.autograd.grad(loss.generator(torch.zeros(3), fake), fake)
    assert (for_discriminator > 0).all()
    assert (for_generator < 0).all()


class Quadratic(Discriminator):
    """A discriminator with score weight * |x|², whose gradient is 2 * weight * x."""

    def __init__(self) -> None:
        super().__init__(ImageSpec(1, 4, 4, 2))
        self.weight = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.weight * images.square().sum(dim=(1, 2, 3)), None)


def score_by(discriminator: Discriminator) -> Score:
    return lambda batch: discriminator(batch.images, batch.labels).logits


def shown(value: float) -> LabelledImages:
    return LabelledImages(torch.full((5, 1, 4, 4), value), torch.zeros(5, dtype=torch.int64))


# For an image of 16 pixels of value v: |gradient|² = 16 * (2 * 3 * v)².
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r1", 144 / 2),  # at the real images, v = 0.5
        ("r2", 36 / 2),  # at the fakes, v = 0.25
        ("r1+r2", 144 / 2 + 36 / 2),
        ("wgan-gp", (4 * 6 * 0.3125 - 1) ** 2),  # a quarter of the way from fake to real
    ],
)
def test_penalties_are_what_their_equations_say_and_can_be_learned_from(name: str, expected: float) -> None:
    discriminator, penalty = Quadratic(), PENALTIES.find(name)
    assert penalty is not None
    value = penalty(score_by(discriminator), shown(0.5), shown(0.25), torch.full((5,), 0.25))
    assert value.item() == pytest.approx(expected)
    value.backward()
    assert discriminator.weight.grad is not None
    assert discriminator.weight.grad.item() != 0


def test_r1_grows_with_the_square_of_the_weight() -> None:
    discriminator, penalty = Quadratic(), PENALTIES.find("r1")
    assert penalty is not None
    penalty(score_by(discriminator), shown(0.5), shown(0.25), torch.zeros(5)).backward()
    assert discriminator.weight.grad is not None
    assert discriminator.weight.grad.item() == pytest.approx(2 * 72 / 3)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"loss\.name = 'relativistc': .*'relativistic'"):
        LOSSES.find("relativistc")
    with pytest.raises(RecipeError, match=r"penalty\.name = 'rl': .*'r2'"):
        PENALTIES.find("rl")
    assert PENALTIES.find("none") is None
