"""Conversion of images between bytes and the range of a network, image grids, and PNG and GIF files.

No other module converts pixels.
"""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from digitgan.files import replacing

Picture = npt.NDArray[np.uint8]
"""A uint8 image of shape (height, width) for grey or (height, width, channels)."""


NOTEBOOK_IMAGES = 100
NOTEBOOK_ENLARGEMENT = 2
"""Number of images that a notebook shows of an array, and the factor that enlarges them."""


@final
class Pictures(np.ndarray[Any, np.dtype[np.uint8]]):
    """An array of images that a notebook shows as a picture. Its parts do too; computations return plain NumPy arrays."""

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Return the result of a computation as NumPy would for a plain array."""
        return array[()] if return_scalar else np.asarray(array)

    def _repr_png_(self) -> bytes | None:
        """Return the images as a PNG grid; None for an array that holds none, such as the result of a computation."""
        pixels = np.asarray(self)
        colour = pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[2] == 3)
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3, 4) or pixels.size == 0:
            return None
        several = pixels if pixels.ndim == 4 or (pixels.ndim == 3 and not colour) else pixels[None]
        shown = several[:NOTEBOOK_IMAGES]
        return encode_png(enlarged(grid(shown, columns=min(10, len(shown))), NOTEBOOK_ENLARGEMENT))


def as_pictures(images: Picture) -> Pictures:
    """Return a view of images, (n, height, width[, channels]), that a notebook shows."""
    return images.view(Pictures)


def inline_png(picture: Picture) -> str:
    """Return an image as an HTML element that contains it."""
    content = base64.b64encode(encode_png(picture)).decode()
    return f'<img src="data:image/png;base64,{content}" style="image-rendering: pixelated">'


def shared_tensor(pixels: Picture) -> Tensor:
    """Return an array as a tensor of the same memory, which must not be changed: it may be a file mapped for reading."""
    with warnings.catch_warnings(action="ignore"):  # PyTorch warns about read-only memory
        return torch.from_numpy(pixels)


def to_network(images: Tensor) -> Tensor:
    """Convert uint8 images (n, channels, height, width) to float32 in [-1, 1], in channels-last memory format."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)


def from_network(images: Tensor) -> Picture:
    """Convert images (n, channels, height, width) in [-1, 1] to uint8.

    Values are rounded to the nearest of the 256 levels. Values outside the range are clipped.

    Returns:
        (n, height, width) for grey, otherwise (n, height, width, channels).
    """
    levels = images.float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    pixels: Picture = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels[..., 0] if pixels.shape[3] == 1 else pixels


def grid(images: Picture, columns: int, gap: int = 2, background: int = 0) -> Picture:
    """Arrange images in a grid, row by row.

    Args:
        images: (n, height, width[, channels]).
        columns: the number of images in a row.
        gap: the width of the gaps between and around the images, in pixels.
        background: the level of the gaps and of empty cells.

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
    """Repeat each pixel `factor` times along both axes."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def stacked(pictures: Sequence[Picture], background: int = 255) -> Picture:
    """Stack colour images (height, width, 3) of any size vertically, padded to the largest width."""
    width = max(picture.shape[1] for picture in pictures)
    filled = [
        np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=background) for picture in pictures
    ]
    return np.concatenate(filled)


def encode_png(picture: Picture, *, compress_level: int = -1) -> bytes:
    """Encode an image as PNG.

    Args:
        picture: uint8 (height, width) or (height, width, 3).
        compress_level: 0 (fastest) to 9 (smallest), or -1 for the default, which takes a tenth of the time of 9 for a preview,
            and 2 % more bytes.
    """
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", compress_level=compress_level)
    return file.getvalue()


def save_png(path: Path, picture: Picture) -> None:
    """Write an image as PNG, atomically.

    Raises:
        OutputError: if the path cannot be written.
    """
    with replacing(path) as file:
        file.write(encode_png(picture))


def save_gif(path: Path, frames: Sequence[Picture], milliseconds: int = 120, hold: int = 2000) -> None:
    """Write a looping GIF animation, atomically.

    Args:
        path: the output file.
        frames: at least one frame, all of the same size.
        milliseconds: the duration of each frame but the last.
        hold: the duration of the last frame, in milliseconds.

    Raises:
        OutputError: if the path cannot be written.
    """
    # 32 levels per channel are enough in motion, and the file has a third of the bytes.
    pictures = [Image.fromarray((frame // 8 * (255 / 31)).astype(np.uint8)) for frame in frames]
    times = [milliseconds] * (len(pictures) - 1) + [hold]
    with replacing(path) as file:
        pictures[0].save(file, format="GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0, optimize=True)
