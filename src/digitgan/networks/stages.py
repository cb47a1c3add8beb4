"""The stages of residual and style networks: the sides and the number of the maps of each, growing or not."""

from __future__ import annotations

from typing import Final

from torch import Tensor
from torch.nn import functional

from digitgan.errors import SizeError

MAX_START: Final = 16
"""Largest side of the smallest maps in pixels. A dense layer makes or reads them, so that larger ones need too many weights."""


def upsampled(images: Tensor, factor: int) -> Tensor:
    """Enlarge images (n, channels, height, width) by repeating pixels."""
    return functional.interpolate(images, scale_factor=float(factor), mode="nearest") if factor > 1 else images


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
