"""Random shifts and mirroring of real images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from digitgan.data import Batch
from digitgan.data.shifts import shifted_and_mirrored


def numbered(count: int, channels: int, height: int, width: int) -> Batch:
    """Return images whose pixels are random, so that a part of one occurs once."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)
    return Batch(images, torch.zeros(count, dtype=torch.int64))


def found(image: np.ndarray, augmented: np.ndarray, furthest: int) -> tuple[int, int, bool]:
    """Return the shift by which NumPy makes one image (channels, height, width) of the other, and whether it is mirrored."""
    height, width = image.shape[1:]
    wide = np.pad(image, ((0, 0), (furthest, furthest), (furthest, furthest)), mode="reflect")
    matches = [
        (furthest - top, furthest - left, mirrored)
        for top in range(2 * furthest + 1)
        for left in range(2 * furthest + 1)
        for mirrored in (False, True)
        if np.array_equal(wide[:, top : top + height, left : left + width][:, :, :: -1 if mirrored else 1], augmented)
    ]
    assert len(matches) == 1
    return matches[0]


@pytest.mark.parametrize(
    ("channels", "height", "width", "furthest"), [(3, 32, 32, (2, 2)), (3, 16, 12, (1, 1)), (1, 64, 48, (4, 3))]
)
@pytest.mark.parametrize("mirror", [False, True])
def test_each_image_is_shifted_and_half_of_them_are_mirrored_on_request(
    channels: int, height: int, width: int, furthest: tuple[int, int], mirror: bool
) -> None:
    batch = numbered(120, channels, height, width)
    augmented = shifted_and_mirrored(batch, 3, "test", 5, mirror=mirror)
    pixels = augmented.add(1).mul(127.5).round().to(torch.uint8).numpy()
    moves = [found(image, other, max(furthest)) for image, other in zip(batch.images.numpy(), pixels, strict=True)]
    assert {down for down, *_ in moves} == set(range(-furthest[0], furthest[0] + 1))
    assert {right for _, right, _ in moves} == set(range(-furthest[1], furthest[1] + 1))
    assert {mirrored for *_, mirrored in moves} == ({False, True} if mirror else {False})
    assert augmented.is_contiguous(memory_format=torch.channels_last)


def test_augmentation_is_a_function_of_seed_and_step() -> None:
    batch = numbered(16, 3, 32, 32)
    first = shifted_and_mirrored(batch, 3, "test", 5, mirror=True)
    assert torch.equal(first, shifted_and_mirrored(batch, 3, "test", 5, mirror=True))
    assert not torch.equal(first, shifted_and_mirrored(batch, 3, "test", 6, mirror=True))
    assert not torch.equal(first, shifted_and_mirrored(batch, 4, "test", 5, mirror=True))
