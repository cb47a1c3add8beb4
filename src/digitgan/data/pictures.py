"""Decoding of image files (PNG, JPEG, …) to pixels, and the array that they are collected into."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
from PIL import Image

from digitgan.data.image_set import Pixels
from digitgan.errors import DataError

PICTURE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""The image formats read. Pillow also reads others, such as EPS, for which it would start an external program."""

GREY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "P", "PA")

UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError)
"""The exceptions that Pillow's readers raise for a damaged file."""


def read_picture(path: Path | str) -> Pixels:
    """Read one image.

    Returns:
        uint8 (height, width), or (height, width, 3) for a colour image.

    Raises:
        DataError: if the file is missing, not an image, damaged, too large, deeper than 8 bits per channel or partly
            transparent.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file}: {'is not an image file' if file.exists() else 'does not exist'}")
    with open_picture(file, str(file)) as picture:
        return picture_pixels(picture, str(file))


def open_picture(source: Path | BinaryIO, name: str) -> Image.Image:
    """Open an image. Its size is known, and its pixels are decoded by `picture_pixels`.

    Args:
        source: the path of an image file, or its content.
        name: the name of the image in messages.

    Raises:
        DataError: if the source is not an image, or its header is damaged or states too large a size.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(source, formats=PICTURE_FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: is too large ({error})") from error
    except UNREADABLE as error:
        raise DataError(f"{name}: is not an image or is damaged; the formats are {', '.join(PICTURE_FORMATS)}") from error


def picture_pixels(picture: Image.Image, name: str) -> Pixels:
    """Decode an open image.

    Returns:
        uint8 (height, width), or (height, width, 3) for a colour image.

    Raises:
        DataError: if the image is damaged, deeper than 8 bits per channel, or partly transparent.
    """
    if picture.mode not in GREY_MODES + COLOUR_MODES:
        raise DataError(f"{name}: has mode {picture.mode}, more than 8 bits per channel; convert it to 8 bits")
    try:
        with warnings.catch_warnings(action="ignore"):
            picture.load()
            if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise DataError(f"{name}: is partly transparent; save it on an opaque background")
            return np.array(picture.convert("L" if _is_grey(picture) else "RGB"), dtype=np.uint8)
    except UNREADABLE as error:
        raise DataError(f"{name}: is a damaged image ({error})") from error


def _is_grey(picture: Image.Image) -> bool:
    if picture.mode not in ("P", "PA"):
        return picture.mode in GREY_MODES
    red, green, blue = picture.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


@final
class PictureStack:
    """An array of images of one size. It is grey until the first colour image is added, then RGB.

    Args:
        count: the number of images.
        size: the width and the height of each image, in pixels.
        name: the name of the images in messages.

    Raises:
        DataError: if the memory is too small for the images.
    """

    def __init__(self, count: int, size: tuple[int, int], name: str) -> None:
        self._name = name
        self._filled = 0
        self._images = self._zeros((count, size[1], size[0]))

    def add(self, pixels: Pixels) -> None:
        """Add the next image, uint8 (height, width) or (height, width, 3), of the size of the others."""
        if pixels.ndim > self._images.ndim - 1:
            grey = self._images
            self._images = self._zeros((*grey.shape, 3))
            self._images[: self._filled] = grey[: self._filled, :, :, None]
        self._images[self._filled] = pixels if pixels.ndim == self._images.ndim - 1 else pixels[:, :, None]
        self._filled += 1

    def array(self) -> Pixels:
        """Return the images that were added, uint8 (n, height, width) or (n, height, width, 3)."""
        return self._images[: self._filled]

    def _zeros(self, shape: tuple[int, ...]) -> Pixels:
        try:
            return np.zeros(shape, dtype=np.uint8)
        except (MemoryError, ValueError) as error:  # ValueError: more than NumPy can address
            raise DataError(
                f"{self._name}: {shape[0]:,} images of {shape[2]} x {shape[1]} (width x height) do not fit into the memory; "
                "make them smaller or use fewer"
            ) from error
