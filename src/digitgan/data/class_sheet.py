"""A picture of some images of every class."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitgan.data.image_set import ImageSet, Pixels
from digitgan.images import enlarged

COLUMNS: Final = 10
"""Images of each class."""

UNLABELLED_ROWS: Final = 5
"""Rows of images without labels."""

MAX_ROWS: Final = 40
"""Largest number of classes that are drawn."""

CELL: Final = 64
"""Side up to which small images are enlarged, in pixels. Larger ones keep their size."""

GAP: Final = 4
FONT_SIZE: Final = 14
PAPER: Final = 255


def class_sheet(images: ImageSet) -> Pixels:
    """Draw the first images of each class, one class a row, with the class names and the numbers of images in front.

    Args:
        images: the images.

    Returns:
        uint8 (height, width, 3).
    """
    _, height, width = images.shape
    factor = max(1, CELL // max(height, width))
    counts = images.counts
    rows = [
        (f"{name}  {count:,}", np.flatnonzero(images.labels == label)[:COLUMNS])
        for label, (name, count) in enumerate(zip(images.class_names, counts, strict=True))
    ]
    if len(images.class_names) == 1:
        rows = [
            ("", np.arange(row * COLUMNS, min(len(images), (row + 1) * COLUMNS)))
            for row in range(min(UNLABELLED_ROWS, -(-len(images) // COLUMNS)))
        ]
    more = len(rows) - MAX_ROWS
    rows = rows[:MAX_ROWS]
    font = ImageFont.load_default(FONT_SIZE)
    margin = max((int(font.getlength(text)) for text, _ in rows), default=0) + (2 * GAP if rows[0][0] else GAP)
    step_x, step_y = width * factor + GAP, max(height * factor, FONT_SIZE) + GAP
    bottom = FONT_SIZE + 2 * GAP if more > 0 else GAP
    sheet = Image.new("RGB", (margin + COLUMNS * step_x, GAP + len(rows) * step_y + bottom), (PAPER,) * 3)
    pen = ImageDraw.Draw(sheet)
    for row, (text, chosen) in enumerate(rows):
        top = GAP + row * step_y
        pen.text((GAP, top + height * factor / 2), text, fill=(0, 0, 0), font=font, anchor="lm")
        for column, index in enumerate(chosen):
            image = images.images[index].reshape(height, width, -1)
            picture = enlarged(image[..., 0] if image.shape[2] == 1 else image, factor)
            sheet.paste(Image.fromarray(picture), (margin + column * step_x, top))
    if more > 0:
        pen.text((GAP, GAP + len(rows) * step_y), f"and {more:,} more classes", fill=(0, 0, 0), font=font)
    return np.asarray(sheet)
