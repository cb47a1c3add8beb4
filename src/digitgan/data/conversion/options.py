"""The options of the conversion, as the user states them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

from digitgan.errors import UsageError, nearest

Fit = Literal["crop", "pad", "stretch"]
Colour = Literal["auto", "grey", "rgb"]
Rgb = tuple[int, int, int]

MAX_SIDE: Final = 1024
"""Largest side of a converted image, in pixels."""

FITTED: Final[Mapping[Fit, str]] = {
    "crop": "scaling and cutting off the edges",
    "pad": "scaling and padding",
    "stretch": "stretching",
}
"""The ways in which an image of another shape is brought to a size, in messages."""


def how_fitted(before: Iterable[tuple[int, int]], size: tuple[int, int], fit: Fit) -> str:
    """Return how images of some sizes (width, height) are brought to a size: by scaling alone if all have its shape."""
    same_shape = all(width * size[1] == height * size[0] for width, height in before)
    return "scaling" if same_shape else FITTED[fit]


COLOURS: Final[Mapping[str, Rgb]] = {"black": (0, 0, 0), "white": (255, 255, 255)}


@final
@dataclass(frozen=True)
class Conversion:
    """The form to which pictures and arrays are converted.

    Attributes:
        size: width and height of the images, in pixels. None keeps the size that the images have; for images of several sizes
            the reader chooses one.
        fit: how an image of another shape is brought to `size`. "crop" scales it to cover the size and cuts off what is
            outside, at both ends alike. "pad" scales it to fit within and fills the rest with the background. "stretch"
            scales both sides without regard to the shape.
        colour: "grey", "rgb", or "auto" for grey if all pixels of all images are grey.
        background: red, green and blue, 0 to 255, of the colour behind transparent pixels and around padded images.
        invert_colours: replace each value v by 255 - v, for dark ink on light paper.

    Raises:
        UsageError: if a value is not allowed.
    """

    size: tuple[int, int] | None = None
    fit: Fit = "crop"
    colour: Colour = "auto"
    background: Rgb = (0, 0, 0)
    invert_colours: bool = False

    def __post_init__(self) -> None:
        for option, value, allowed in (("--fit", self.fit, get_args(Fit)), ("--colour", self.colour, get_args(Colour))):
            if value not in allowed:
                raise UsageError(f"{option} {value!r}: {nearest(str(value), allowed)}")
        if self.size is not None and not (isinstance(self.size, tuple) and len(self.size) == 2):
            raise UsageError(f"size = {self.size!r}: must be the width and the height in pixels, such as (64, 64)")
        if self.size is not None and not all(1 <= side <= MAX_SIDE for side in self.size):
            raise UsageError(f"--size {self.size[0]}x{self.size[1]}: each side must be 1 to {MAX_SIDE} pixels")

    @property
    def background_grey(self) -> int:
        """The background as a grey level, 0 to 255, by the weights of ITU-R 601 as in Pillow."""
        red, green, blue = self.background
        return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16

    @property
    def background_name(self) -> str:
        """The background as an option's value, such as "black" or "#336699"."""
        known = {rgb: name for name, rgb in COLOURS.items()}
        return known.get(self.background) or "#" + bytes(self.background).hex()

    def record(self) -> dict[str, Any]:
        """Return the conversion as JSON values, from which `of_record` makes it again."""
        return {
            "size": self.size and list(self.size),
            "fit": self.fit,
            "colour": self.colour,
            "background": self.background_name,
            "invert_colours": self.invert_colours,
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Conversion:
        """Return the conversion of a record.

        Raises:
            UsageError: if a value is not allowed.
        """
        size = record.get("size")
        if size is not None and not (isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size)):
            raise UsageError(f"--size {size!r}: must be two integers")
        return cls(
            None if size is None else (size[0], size[1]),
            record.get("fit", "crop"),
            record.get("colour", "auto"),
            parse_background(str(record.get("background", "black"))),
            bool(record.get("invert_colours", False)),
        )


def parse_size(text: str) -> tuple[int, int]:
    """Return the width and the height that `--size` states: "64" or "48x32", width first.

    Raises:
        UsageError: if the text is neither.
    """
    found = re.fullmatch(r"(\d{1,6})(?:[x×](\d{1,6}))?", text.strip(), re.IGNORECASE | re.ASCII)
    if found is None:
        raise UsageError(f"--size {text}: must be a side in pixels such as 64, or a width and a height such as 48x32")
    return int(found[1]), int(found[2] or found[1])


def parse_background(text: str) -> Rgb:
    """Return the colour that `--background` states: black, white, or #rrggbb in hexadecimal digits.

    Raises:
        UsageError: if the text is none of them.
    """
    if (known := COLOURS.get(text.strip().lower())) is not None:
        return known
    if re.fullmatch(r"#?[0-9a-fA-F]{6}", text.strip()):
        red, green, blue = bytes.fromhex(text.strip().lstrip("#"))
        return red, green, blue
    raise UsageError(f"--background {text}: must be black, white, or a colour such as '#336699' (in quotes, because of the #)")


def parse_image_shape(text: str) -> tuple[int, ...]:
    """Return the dimensions that `--image-shape` states, such as "28x28", "3x32x32" or "32x32x3".

    Raises:
        UsageError: if the text does not state two or three dimensions.
    """
    found = re.fullmatch(r"\d{1,6}(?:[x×]\d{1,6}){1,2}", text.strip(), re.IGNORECASE | re.ASCII)
    if found is None:
        raise UsageError(
            f"--image-shape {text}: must be HEIGHTxWIDTH such as 28x28, or with channels such as 3x32x32 or 32x32x3"
        )
    return tuple(int(each) for each in re.split("[x×]", text.strip().lower()))
