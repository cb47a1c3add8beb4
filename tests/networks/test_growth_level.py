"""The level of growth: stages, weights and images of each size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from digitgan.errors import RecipeError
from digitgan.networks.growth import GrowthLevel
from digitgan.networks.stages import MAX_START, stage_sides, upsampled

SIDES = ((3, 5), (6, 10), (12, 20))


def level_at(number: float) -> GrowthLevel:
    growth = GrowthLevel(SIDES)
    growth.set(number)
    return growth


@pytest.mark.parametrize(
    ("number", "stage", "fade", "grown"),
    [(0, 0, 1.0, False), (0.25, 1, 0.25, False), (1, 1, 1.0, False), (1.5, 2, 0.5, False), (2, 2, 1.0, True)],
)
def test_stage_and_weight_of_a_level(number: float, stage: int, fade: float, grown: bool) -> None:
    growth = level_at(number)
    assert (growth.stage, growth.fade, growth.grown) == (stage, fade, grown)
    assert growth.number == float(growth.level) == number


def test_a_network_begins_fully_grown() -> None:
    growth = GrowthLevel(SIDES)
    assert growth.grown
    images = torch.randn(2, 1, 12, 20)
    assert torch.equal(growth.resized(images), images)


@pytest.mark.parametrize("number", [0.1, 1 / 3, 1.7, 1.9999999999])
def test_the_number_is_that_of_the_state(number: float) -> None:
    growth, other = level_at(number), GrowthLevel(SIDES)
    assert growth.number == float(growth.level)
    other.load_state_dict(growth.state_dict())
    assert (other.number, other.stage, other.fade) == (growth.number, growth.stage, growth.fade)


def averaged(image: npt.NDArray[np.float64], factor: int) -> npt.NDArray[np.float64]:
    """Average the pixels of an image (height, width) in squares, one by one."""
    height, width = image.shape
    small = np.zeros((height // factor, width // factor))
    for row in range(height):
        for column in range(width):
            small[row // factor, column // factor] += image[row, column] / factor**2
    return small


def repeated(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.array([[image[row // 2, column // 2] for column in range(2 * image.shape[1])] for row in range(2 * len(image))])


@pytest.mark.parametrize(("number", "stage", "fade"), [(0, 0, 1), (0.3, 1, 0.3), (1, 1, 1), (1.75, 2, 0.75), (2, 2, 1)])
def test_images_are_averaged_and_mixed(number: float, stage: int, fade: float) -> None:
    images = torch.randn(2, 3, 12, 20, dtype=torch.float64)
    found = level_at(number).resized(images)
    assert found.shape == (2, 3, *SIDES[stage])
    for image, made in zip(images.flatten(end_dim=1).numpy(), found.flatten(end_dim=1).numpy(), strict=True):
        expected = averaged(image, 2 ** (2 - stage))
        if fade < 1:
            expected = fade * expected + (1 - fade) * repeated(averaged(expected, 2))
        np.testing.assert_allclose(made, expected, atol=1e-7)


def test_reduced_images_are_only_averaged() -> None:
    images = torch.randn(1, 1, 12, 20, dtype=torch.float64)
    for number, factor in ((0, 4), (0.3, 2), (1, 2), (1.75, 1)):
        np.testing.assert_allclose(level_at(number).reduced(images)[0, 0], averaged(images[0, 0].numpy(), factor))


def test_enlarged_repeats_pixels() -> None:
    image = torch.randn(1, 2, 3, 5)
    assert upsampled(image, 1) is image
    np.testing.assert_array_equal(upsampled(image, 2)[0, 1].numpy(), repeated(image[0, 1].double().numpy()).astype(np.float32))


@pytest.mark.parametrize(
    ("height", "width", "smallest", "patch", "expected"),
    [
        (28, 28, 4, 1, ((7, 7), (14, 14), (28, 28))),
        (28, 28, 4, 4, ((7, 7),)),
        (32, 32, 4, 2, ((4, 4), (8, 8), (16, 16))),
        (32, 32, 8, 1, ((8, 8), (16, 16), (32, 32))),
        (64, 96, 4, 1, ((4, 6), (8, 12), (16, 24), (32, 48), (64, 96))),
        (15, 15, 4, 1, ((15, 15),)),
        (30, 30, 4, 1, ((15, 15), (30, 30))),
        (12, 4, 4, 1, ((12, 4),)),
    ],
)
def test_stages_halve_the_sides(
    height: int, width: int, smallest: int, patch: int, expected: tuple[tuple[int, int], ...]
) -> None:
    assert stage_sides(height, width, smallest, patch, "generator") == expected


def test_every_size_is_made_or_refused_with_sizes_that_are_made() -> None:
    refused = 0
    for height, width, smallest, patch in (
        (h, w, s, p) for h in range(1, 60, 3) for w in (20, 34, 51) for s in (2, 5) for p in (1, 4)
    ):
        try:
            sides = stage_sides(height, width, smallest, patch, "discriminator")
        except RecipeError as problem:
            refused += 1
            sizes = str(problem).split("Resize the images to ")[1].split(", or ")[0].split(" or ")
            for size in sizes:
                stage_sides(*map(int, size.split("x")), smallest, patch, "discriminator")  # type: ignore[misc]
        else:
            assert sides[-1] == (height // patch, width // patch)
            assert min(sides[0]) >= smallest
            assert max(sides[0]) <= MAX_START
    assert refused > 50
