"""Arrays of images as people store them, converted to uint8 (n, height, width) or (n, height, width, 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from digitgan.data.conversion.options import Conversion
from digitgan.data.conversion.values import SLICE_BYTES, Extremes
from digitgan.data.image_set import Pixels
from digitgan.data.notes import Notes
from digitgan.errors import DataError

CHANNELS = (1, 2, 3, 4)
"""Numbers of channels: grey, grey with transparency, RGB, RGB with transparency."""


def images_of_array(
    array: npt.NDArray[Any],
    conversion: Conversion,
    image_shape: tuple[int, ...] | None,
    notes: Notes,
    name: str,
    other_splits: Sequence[npt.NDArray[Any]] = (),
) -> Pixels:
    """Convert an array of images.

    Accepted are booleans, integers of 0 to 255 or up to 16 bits, and floats in 0 to 1, -1 to 1 or 0 to 255; channels last,
    channels first, or none; transparency; and flat images of a known shape.

    Args:
        array: the array: (n, height, width), (n, height, width, channels), (n, channels, height, width), or (n, values).
        conversion: the background of transparent images.
        image_shape: the shape of a flat image: (height, width), (channels, height, width) or (height, width, channels). None
            for a square grey image.
        notes: the notes, to which each step is added.
        name: the name of the images in messages.
        other_splits: the arrays of the other splits. The values of black and white are those of all arrays of the same type
            together, so that all splits are converted alike.

    Returns:
        uint8 (n, height, width) or (n, height, width, 3). It is `array` itself if it has that form, else a new array.

    Raises:
        DataError: if the array has another form.
    """
    if array.dtype.kind not in "buif":
        raise DataError(f"{name}: images are {array.dtype}; they must be numbers, such as uint8 from 0 to 255")
    if array.ndim == 2 and array.size:
        array = _unflattened(array, image_shape, notes, name)
    elif image_shape is not None:
        raise DataError(f"{name}: has shape {array.shape}, and --image-shape is for flat images (n, values); leave it out")
    array = _channels_last(array, notes, name)
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in CHANNELS):
        raise DataError(
            f"{name}: images have shape {array.shape}; it must be (n, height, width), (n, height, width, channels) or "
            "(n, channels, height, width) with 1, 3 or 4 channels"
        )
    extremes = Extremes()
    if 0 in array.shape:
        raise DataError(f"{name}: holds no images: its shape is {array.shape}")
    for each in (array, *(other for other in other_splits if other.dtype == array.dtype)):
        extremes.add(each)
    found = extremes.range(name)
    if not found.is_bytes:
        notes.add(f"values are {array.dtype}, {found}: scaled to 0 to 255")
    elif array.dtype != np.uint8:
        notes.add(f"values are {array.dtype}, 0 to 255: stored as uint8")
    images = found.scaled(array)
    if images.ndim == 4 and images.shape[3] in (2, 4):
        images = _on_background(images, conversion, notes)
    return np.ascontiguousarray(images)


def _unflattened(array: npt.NDArray[Any], image_shape: tuple[int, ...] | None, notes: Notes, name: str) -> npt.NDArray[Any]:
    count, values = array.shape
    if image_shape is not None:
        if math.prod(image_shape) != values:
            stated = "x".join(map(str, image_shape))
            raise DataError(
                f"{name}: an image has {values:,} values, and --image-shape {stated} has {math.prod(image_shape):,}"
            )
        return array.reshape(count, *image_shape)
    side = math.isqrt(values)
    if side * side == values and side > 1:
        notes.add(f"an image has {values:,} values: read as rows of {side}x{side} grey images (--image-shape)")
        return array.reshape(count, side, side)
    thirds = math.isqrt(values // 3)
    colour = f", such as 3x{thirds}x{thirds} for three planes" if 3 * thirds * thirds == values else ", such as 28x20"
    raise DataError(f"{name}: an image has {values:,} values, which is no square; state their order with --image-shape{colour}")


def _channels_last(array: npt.NDArray[Any], notes: Notes, name: str) -> npt.NDArray[Any]:
    """Move the channels to the end if they are in front."""
    if array.ndim != 4 or array.shape[1] not in CHANNELS:
        return array
    usual = {1, 3, 4}  # images of two channels are rare, images of two columns too
    if array.shape[3] in usual or (array.shape[3] in CHANNELS and array.shape[1] not in usual):
        return array
    notes.add(f"images are stored with their {array.shape[1]} channels in front: moved to the end")
    return np.moveaxis(array, 1, 3)


def _on_background(images: Pixels, conversion: Conversion, notes: Notes) -> Pixels:
    """Place images with transparency on the background."""
    colours = images.shape[3] - 1
    background = np.array(conversion.background if colours == 3 else (conversion.background_grey,), dtype=np.float32)
    transparent = 0
    result = np.empty((*images.shape[:3], colours), dtype=np.uint8)
    at_once = max(1, SLICE_BYTES // (4 * images[:1].nbytes))
    for start in range(0, len(images), at_once):
        part = images[start : start + at_once]
        opacity = part[..., colours:].astype(np.float32) / 255
        transparent += int((opacity.min(axis=(1, 2, 3)) < 1).sum())
        result[start : start + at_once] = np.rint(part[..., :colours] * opacity + background * (1 - opacity))
    if transparent:
        notes.add(f"{transparent:,} transparent images placed on {conversion.background_name} (--background)")
    else:
        notes.add("the images have a channel of transparency and are opaque: the channel is left out")
    return result[..., 0] if colours == 1 else result
