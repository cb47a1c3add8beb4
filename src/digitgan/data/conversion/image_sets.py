"""Conversion of images that are decoded already: their size, their colours and their inversion."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from PIL import Image

from digitgan.data.conversion.collection import check_room, chosen_size
from digitgan.data.conversion.options import Conversion
from digitgan.data.conversion.pictures import is_grey, resized
from digitgan.data.image_set import ImageSet, Pixels
from digitgan.data.notes import Notes

AT_ONCE = 1000
"""Images whose colours are compared at once."""

DARK = 64
"""Highest value of all images below which they are nearly black, such as values of 0 to 16 that are stored as 0 to 255."""


def converted(image_set: ImageSet, conversion: Conversion, notes: Notes) -> ImageSet:
    """Return an image set in the form that a conversion states. It is the same object if it has that form.

    Args:
        image_set: the images.
        conversion: the form. Without a size, images keep theirs up to a limit, see `chosen_size`.
        notes: the notes, to which each step is added.
    """
    images = _coloured(_sized(image_set.images, conversion, notes), conversion, notes)
    if conversion.invert_colours:
        notes.add("colours inverted", asked=True)
        images = 255 - images
    return image_set if images is image_set.images else replace(image_set, images=images)


def note_dark(image_set: ImageSet, notes: Notes) -> None:
    """Add a note if all images are nearly black: their values are probably not those of 0 (black) to 255 (white)."""
    highest = int(image_set.images.max())
    if highest < DARK:
        notes.add(
            f"the highest value of all images is {highest} of 255, nearly black; if it means white, scale the values to 255"
        )


def _sized(images: Pixels, conversion: Conversion, notes: Notes) -> Pixels:
    height, width = images.shape[1:3]
    size = conversion.size or chosen_size(Counter({(width, height): len(images)}), conversion, notes)
    if size == (width, height):
        return images
    if conversion.size is not None:
        notes.add(f"images of {width}x{height} brought to {size[0]}x{size[1]}", asked=True)
    sized = replace(conversion, size=size)
    check_room(len(images), (size[1], size[0], *images.shape[3:]))
    result = np.empty((len(images), size[1], size[0], *images.shape[3:]), dtype=np.uint8)
    flat = images.ndim == 4 and images.shape[3] == 1
    for index, image in enumerate(images):
        pixels = np.asarray(resized(Image.fromarray(image[..., 0] if flat else image), sized))
        result[index] = pixels[..., None] if flat else pixels
    return result


def _coloured(images: Pixels, conversion: Conversion, notes: Notes) -> Pixels:
    in_colour = images.ndim == 4 and images.shape[3] == 3
    if conversion.colour == "rgb" and not in_colour:
        notes.add("grey images read as RGB", asked=True)
        return np.repeat(images[..., None] if images.ndim == 3 else images, 3, axis=3)
    if not in_colour or conversion.colour == "rgb":
        return images
    if all(is_grey(images[start : start + AT_ONCE]) for start in range(0, len(images), AT_ONCE)):
        if conversion.colour == "auto":
            notes.add("images are stored in colour and all are grey: read as grey images (--colour)")
        return np.ascontiguousarray(images[..., 0])
    if conversion.colour == "grey":
        notes.add("colour images converted to grey", asked=True)
        return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    return images
