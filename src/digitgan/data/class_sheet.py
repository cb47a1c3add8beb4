"""A picture of some images of every class."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitgan.data.image_set import UNLABELLED, ImageSet, Pixels
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

FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "arial.ttf",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "msgothic.ttc",
    "Nirmala.ttf",
    "PingFang.ttc",
)
"""Fonts of Linux, Windows and macOS in which class names are drawn, for various scripts."""

NO_SIGN: Final = "\U0010ffff"
"""A code point that no font has."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
PAPER: Final = 255


def class_sheet(images: ImageSet) -> Pixels:
    """Draw the first images of each class, one class a row, with the class names and the numbers of images in front.

    A name that no font of the computer can draw is replaced by its number, see `undrawn_names`.

    Args:
        images: the images.

    Returns:
        uint8 (height, width, 3).
    """
    _, height, width = images.shape
    factor = max(1, CELL // max(height, width))
    counts = images.counts
    undrawn = undrawn_names(images)
    rows = [
        (f"{undrawn.get(name, name)}  {count:,}", np.flatnonzero(images.labels == label)[:COLUMNS])
        for label, (name, count) in enumerate(zip(images.class_names, counts, strict=True))
    ]
    if len(images.class_names) == 1:
        title = "" if images.class_names == (UNLABELLED,) else rows[0][0]
        rows = [
            ("" if row else title, np.arange(row * COLUMNS, min(len(images), (row + 1) * COLUMNS)))
            for row in range(min(UNLABELLED_ROWS, -(-len(images) // COLUMNS)))
        ]
    more = len(rows) - MAX_ROWS
    rows = rows[:MAX_ROWS]
    fonts = {text: _font_of(text) or ImageFont.load_default(FONT_SIZE) for text, _ in rows}
    margin = max(int(fonts[text].getlength(text)) for text, _ in rows) + (2 * GAP if rows[0][0] else GAP)
    step_x, step_y = width * factor + GAP, max(height * factor, FONT_SIZE) + GAP
    bottom = FONT_SIZE + 2 * GAP if more > 0 else GAP
    sheet = Image.new("RGB", (margin + COLUMNS * step_x, GAP + len(rows) * step_y + bottom), (PAPER,) * 3)
    pen = ImageDraw.Draw(sheet)
    for row, (text, chosen) in enumerate(rows):
        top = GAP + row * step_y
        pen.text((GAP, top + height * factor / 2), text, fill=(0, 0, 0), font=fonts[text], anchor="lm")
        for column, index in enumerate(chosen):
            image = images.images[index].reshape(height, width, -1)
            picture = enlarged(image[..., 0] if image.shape[2] == 1 else image, factor)
            sheet.paste(Image.fromarray(picture), (margin + column * step_x, top))
    if more > 0:
        more_text = f"and {more:,} more classes"
        pen.text((GAP, GAP + len(rows) * step_y), more_text, fill=(0, 0, 0), font=ImageFont.load_default(FONT_SIZE))
    return np.asarray(sheet)


def undrawn_names(images: ImageSet) -> dict[str, str]:
    """Return the class names that no font of the computer can draw, and what `class_sheet` writes for each, "class 3"."""
    return {name: f"class {label}" for label, name in enumerate(images.class_names[:MAX_ROWS]) if _font_of(name) is None}


def _font_of(text: str) -> Font | None:
    """Return the first font that has all signs of a text; None if none has."""
    return next((font for font in _fonts() if all(_has(font, sign) for sign in set(text) if not sign.isspace())), None)


@cache
def _fonts() -> tuple[Font, ...]:
    """Return Pillow's own font, which has few signs, and those of `FONTS` that are installed."""
    found: list[Font] = [ImageFont.load_default(FONT_SIZE)]
    for name in FONTS:
        with contextlib.suppress(OSError):
            found.append(ImageFont.truetype(name, FONT_SIZE))
    return tuple(found)


def _has(font: Font, sign: str) -> bool:
    """Return whether a font has a sign: it then does not look like one that no font has."""
    return bytes(font.getmask(sign)) != bytes(font.getmask(NO_SIGN))
