"""Inversion: a generated image is reconstructed from the right class."""

from __future__ import annotations

import numpy as np
import pytest

import digitgan
from digitgan.errors import UsageError
from digitgan.generation.inversion import invert
from digitgan.model.file import Model


@pytest.fixture(scope="module")
def shipped() -> Model:
    return digitgan.load("mnist")


@pytest.mark.parametrize("label", [3, 7])
def test_a_drawn_image_is_found_again_with_its_class(shipped: Model, label: int) -> None:
    image = shipped.sample([label], seed=11)[0]
    found = invert(shipped, image)
    assert found.label == label
    assert found.error < 10
    others = [shipped.sample([label], seed=seed)[0].astype(float) for seed in range(20, 40)]
    strangers = [float(np.sqrt(((image - other) ** 2).mean())) for other in others]
    assert found.error < 0.2 * min(strangers)


def test_what_is_found_is_what_the_model_draws_from_it(shipped: Model) -> None:
    import torch

    found = invert(shipped, shipped.sample([4], seed=2)[0], label=4)
    np.testing.assert_array_equal(shipped.draw_many(torch.from_numpy(found.z)[None], torch.tensor([4]))[0], found.image)
    assert found.z.shape == (shipped.generator.latent,)
    assert np.sqrt((found.z**2).mean()) < 2  # a latent that the prior could have produced


def test_a_class_that_is_given_is_kept(shipped: Model) -> None:
    assert invert(shipped, shipped.sample([1], seed=0)[0], label=8).label == 8


def test_the_generator_is_left_as_it_was(shipped: Model) -> None:
    before = {name: tensor.clone() for name, tensor in shipped.generator.state_dict().items()}
    invert(shipped, shipped.sample([1], seed=0)[0], label=1)
    assert all((tensor == before[name]).all() for name, tensor in shipped.generator.state_dict().items())
    assert all(weight.grad is None for weight in shipped.generator.parameters())


@pytest.mark.parametrize("shape", [(28, 27), (14, 28), (28, 28, 3)])
def test_an_image_of_another_kind_is_refused(shipped: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="28x28 grey"):
        invert(shipped, np.zeros(shape, dtype=np.uint8))


def test_a_negative_seed_is_refused(shipped: Model) -> None:
    with pytest.raises(UsageError, match="seed -1"):
        invert(shipped, np.zeros((28, 28), dtype=np.uint8), seed=-1)
