"""The size that a network has grown to, and the sizes of its stages (Karras et al. 2018, arXiv:1710.10196)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.errors import SizeError

MAX_START: Final = 16
"""Largest side of the smallest maps in pixels. A dense layer makes or reads them, so that larger ones need too many weights."""


@final
class GrowthLevel(nn.Module):
    """The level of growth of a network, as a number that its state contains.

    Level k shows that stages 0 to k take part. Between k - 1 and k, stage k is being faded in; the fraction is its weight.
    A network starts fully grown.

    Args:
        sides: (height, width) of the image at each stage in pixels, beginning with the smallest.

    Attributes:
        sides: see above.
        level: the level, a scalar in the state of the network.
        number: the level as a number, so that reading it does not wait for a device and exported programs have a fixed one.
    """

    level: Tensor

    def __init__(self, sides: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.sides = sides
        self.number = float(len(sides) - 1)
        self.register_buffer("level", torch.tensor(self.number))

    @property
    def stage(self) -> int:
        """The index of the largest stage that takes part."""
        return math.ceil(self.number)

    @property
    def fade(self) -> float:
        """The weight of the largest stage, in (0, 1]."""
        return self.number - (self.stage - 1) if self.number < self.stage else 1.0

    @property
    def grown(self) -> bool:
        """True if all stages take part with their full weight."""
        return self.number == len(self.sides) - 1

    def set(self, level: float) -> None:
        """Set the level, in [0, number of stages - 1], rounded as the state stores it."""
        self.number = float(torch.tensor(level))
        self.level.fill_(self.number)

    def resized(self, images: Tensor) -> Tensor:
        """Return images of the full size (n, channels, height, width) as the network sees them at this level.

        Pixels are averaged to the size of the current stage. While a stage is faded in, they are mixed with the pixels of the
        stage before, as the images of the generator are.
        """
        if self.grown:
            return images
        images = self.reduced(images)
        if self.fade < 1:
            coarse = upsampled(functional.avg_pool2d(images, 2), 2)
            images = coarse + self.fade * (images - coarse)
        return images.contiguous(memory_format=torch.channels_last)

    def reduced(self, images: Tensor) -> Tensor:
        """Average images of the full size (n, channels, height, width) to the size of the current stage."""
        halvings = len(self.sides) - 1 - self.stage
        return functional.avg_pool2d(images, 2**halvings) if halvings else images

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self.number = float(self.level)


def upsampled(images: Tensor, factor: int) -> Tensor:
    """Enlarge images (n, channels, height, width) by repeating pixels."""
    return functional.interpolate(images, scale_factor=float(factor), mode="nearest") if factor > 1 else images


def image_growth(sides: tuple[tuple[int, int], ...], patch: int) -> GrowthLevel:
    """Return the level of growth of a network whose maps have these sides, where a position makes `patch` pixels a side."""
    return GrowthLevel(tuple((height * patch, width * patch) for height, width in sides))


def stage_sides(height: int, width: int, smallest: int, patch: int, part: str) -> tuple[tuple[int, int], ...]:
    """Return (height, width) of the maps of each stage, beginning with the smallest; each stage has twice the sides.

    Args:
        height: height of the images.
        width: width of the images.
        smallest: least side of the smallest maps.
        patch: side of the pixels that one position of the largest maps makes.
        part: section of the recipe in messages, "generator" or "discriminator".

    Raises:
        SizeError: if the sides of the image cannot be halved to maps of at most `MAX_START`; it names the nearest that can.
    """
    found = _halved(height, width, smallest, patch)
    if found is None:
        near = " or ".join(f"{wide}x{high}" for high, wide in _nearest(height, width, smallest, patch))
        raise SizeError(
            f"{part}.smallest = {smallest} and {part}.patch = {patch} with images of {width}x{height}: both sides "
            f"must be at least {patch * smallest} and multiples of {patch}; divided by {patch} and halved equally often, both "
            f"must reach {smallest} to {MAX_START}. Resize the images to {near}, or change these settings"
        )
    return found


def stage_widths(width: int, max_width: int, stages: int) -> tuple[int, ...]:
    """Return the number of maps of each stage, beginning with the smallest: each has half as many as the one before.

    Args:
        width: number of maps of the last stage, whose maps are the largest.
        max_width: largest number of maps.
        stages: number of stages.
    """
    return tuple(min(max_width, width << place) for place in reversed(range(stages)))


def _halved(height: int, width: int, smallest: int, patch: int) -> tuple[tuple[int, int], ...] | None:
    if height % patch or width % patch or min(height, width) < patch * smallest:
        return None
    sides = [(height // patch, width // patch)]
    while not (sides[0][0] % 2 or sides[0][1] % 2) and min(sides[0]) >= 2 * smallest:
        sides.insert(0, (sides[0][0] // 2, sides[0][1] // 2))
    return tuple(sides) if max(sides[0]) <= MAX_START else None


def _nearest(height: int, width: int, smallest: int, patch: int) -> list[tuple[int, int]]:
    """Return the nearest size with no larger sides and the nearest with no smaller sides that the network can make."""
    starts = range(smallest, MAX_START + 1)
    doublings = range(max(height, width).bit_length() + 1)
    sizes = [(patch * high << times, patch * wide << times) for times in doublings for high in starts for wide in starts]

    def distance(size: tuple[int, int]) -> tuple[int, int]:
        apart = abs(size[0] - height), abs(size[1] - width)
        return max(apart), sum(apart)

    smaller = [size for size in sizes if size[0] <= height and size[1] <= width]
    larger = [size for size in sizes if size[0] >= height and size[1] >= width]
    return [min(each, key=distance) for each in (smaller, larger) if each]
