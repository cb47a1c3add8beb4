"""Pictures in a terminal, drawn in half blocks: a character cell shows one pixel above another."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from rich.console import Console
    from rich_pixels import Pixels

MIN_PICTURE_SIDE: Final = 6
"""Smallest side of a readable image, in pixels. A terminal with room for less shows no picture."""

GAP: Final = 1
"""Width of the gap between images, in pixels."""


def can_show(console: Console, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a console can show pictures: a terminal with at least 256 colours, without NO_COLOR, outside CI."""
    colours = console.color_system in ("256", "truecolor", "windows")
    return console.is_terminal and not console.is_dumb_terminal and colours and not console.no_color and "CI" not in environment


def half_blocks(picture: npt.NDArray[np.uint8], columns: int, rows: int) -> Pixels | None:
    """Return a picture for `Console.print`, shrunk to fit.

    Args:
        picture: uint8 (height, width) or (height, width, 3).
        columns: largest width, in cells.
        rows: largest height, in cells; a cell is two pixels high.

    Returns:
        The picture, at its own size if it fits, otherwise the largest size of the same shape; None if there is no room.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, columns / width, 2 * rows / height)
    size = (int(width * scale), int(height * scale))
    if min(size) < MIN_PICTURE_SIDE:
        return None
    return _pixels(_shrunk(picture, size))


def grid_in_half_blocks(images: npt.NDArray[np.uint8], columns: int, rows: int) -> Pixels | None:
    """Return several images of one size as a grid for `Console.print`, as large as the room permits.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3).
        columns: largest width, in cells.
        rows: largest height, in cells; a cell is two pixels high.

    Returns:
        The grid; None if there is no room for readable images.
    """
    count, height, width = images.shape[:3]
    scale, across = 0.0, 1
    for per_row in range(1, count + 1):
        down = math.ceil(count / per_row)
        fits = min((columns - GAP * (per_row - 1)) / (per_row * width), (2 * rows - GAP * (down - 1)) / (down * height), 1.0)
        if fits >= scale:  # of equal sizes, the one with the fewest rows
            scale, across = fits, per_row
    size = (int(width * scale), int(height * scale))
    if min(size) < MIN_PICTURE_SIDE:
        return None
    down = math.ceil(count / across)
    sheet = np.zeros((down * (size[1] + GAP) - GAP, across * (size[0] + GAP) - GAP, *images.shape[3:]), dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = (index // across) * (size[1] + GAP), (index % across) * (size[0] + GAP)
        sheet[top : top + size[1], left : left + size[0]] = np.asarray(_shrunk(image, size))
    return _pixels(Image.fromarray(sheet))


def _shrunk(picture: npt.NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    whole = Image.fromarray(picture)
    return whole if whole.size == size else whole.resize(size, Image.Resampling.LANCZOS)


def _pixels(picture: Image.Image) -> Pixels:
    """Convert a picture; runs of equal cells become one segment, which a terminal shows faster."""
    from rich.segment import Segment
    from rich_pixels import HalfcellRenderer, Pixels

    if picture.height % 2:  # rich-pixels would distort it
        padded = Image.new(picture.mode, (picture.width, picture.height + 1))
        padded.paste(picture)
        picture = padded
    return Pixels.from_segments(Segment.simplify(HalfcellRenderer().render(picture, None)))
