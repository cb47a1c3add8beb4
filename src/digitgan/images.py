"""Images: the only place where pixels change between bytes and a network's range; grids, PNG and GIF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from digitgan.files import replacing

Picture = npt.NDArray[np.uint8]
"""uint8, (height, width) for grey or (height, width, channels)."""


def to_network(images: Tensor) -> Tensor:
    """float32 in [-1, 1], channels last in memory, from uint8 images (n, channels, height, width)."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)


def from_network(images: Tensor) -> Picture:
    """uint8 (n, height, width) for grey or (n, height, width, channels) from images (n, channels, height, width) in [-1, 1].

    A value rounds to the nearest of the 256 levels; what lies outside the range is clipped to it.
    """
    levels = images.float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    pixels: Picture = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels[..., 0] if pixels.shape[3] == 1 else pixels


def grid(images: Picture, columns: int, gap: int = 2, background: int = 0) -> Picture:
    """One picture of many, row by row.

    Args:
        images: (n, height, width[, channels]).
        columns: images in a row.
        gap: pixels between images and around them.
        background: level of the gaps and of places left over.

    Returns:
        uint8 (rows * (height + gap) + gap, columns * (width + gap) + gap[, channels]).
    """
    count, height, width = images.shape[:3]
    rows = math.ceil(count / columns)
    size = (rows * (height + gap) + gap, columns * (width + gap) + gap, *images.shape[3:])
    sheet = np.full(size, background, dtype=np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def enlarged(picture: Picture, factor: int) -> Picture:
    """Each pixel repeated `factor` times both ways."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def stacked(pictures: Sequence[Picture], background: int = 255) -> Picture:
    """Coloured pictures (height, width, 3) of any size, one below the other, as one."""
    width = max(picture.shape[1] for picture in pictures)
    filled = [
        np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=background) for picture in pictures
    ]
    return np.concatenate(filled)


def save_png(path: Path, picture: Picture) -> None:
    """Write one picture as PNG, whole or not at all.

    Raises:
        OutputError: if the path can't be written.
    """
    with replacing(path) as file:
        Image.fromarray(picture).save(file, format="PNG", optimize=True)


def save_gif(path: Path, frames: Sequence[Picture], milliseconds: int = 120, hold: int = 2000) -> None:
    """Write an endless animation, whole or not at all; the last frame is held.

    Args:
        path: where to.
        frames: at least one, all of one size.
        milliseconds: for which each frame is shown.
        hold: milliseconds for the last one.

    Raises:
        OutputError: if the path can't be written.
    """
    # 32 levels of each channel are all that an eye needs in motion, for a third of the bytes.
    pictures = [Image.fromarray((frame // 8 * (255 / 31)).astype(np.uint8)) for frame in frames]
    times = [milliseconds] * (len(pictures) - 1) + [hold]
    with replacing(path) as file:
        pictures[0].save(file, format="GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0, optimize=True)
