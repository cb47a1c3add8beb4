"""Decoding of one encoded picture (PNG, JPEG, …) to pixels in the form that a `Conversion` states."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from digitgan.data.conversion.options import Conversion, how_fitted
from digitgan.data.conversion.values import Extremes, ValueRange
from digitgan.data.image_set import Pixels
from digitgan.errors import DataError

PICTURE_FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""The picture formats read. Pillow also reads others, such as EPS, for which it would start an external program."""

JPEG: Final = ("JPEG", "MPO")
"""Pillow's names of JPEG files. Those of telephones often hold a second picture, such as a depth map (MPO)."""

PICTURE_ENDINGS: Final = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".pbm",
)
"""The usual endings of the names of such pictures, in lower case."""

GREY_MODES: Final = ("1", "L", "LA", "La")
COLOUR_MODES: Final = ("RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "P", "PA")
DEEP_MODES: Final = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of grey pictures with more than 8 bits per channel."""

MAX_PIXELS: Final = 64_000_000
"""Largest number of pixels of a picture: 192 MB in RGB. JPEG files may have more, up to the limit of Pillow, because they are
decoded at a fraction of their size."""

UNREADABLE: Final = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError, ZeroDivisionError)
"""The exceptions that Pillow's readers raise for a damaged file."""

TURNED: Final = range(2, 9)
"""EXIF orientations that are not upright. From 5 on, width and height are exchanged."""

DRAFT_FACTOR: Final = 2
"""A JPEG picture is decoded at this multiple of the final size or more, before it is scaled with anti-aliasing."""

Fact = Literal[
    "turned", "deep", "transparent", "hidden", "cmyk", "first frame", "grey", "stored in colour", "made grey", "resized"
]
"""A thing that happened to a picture during its conversion. "hidden": all its pixels have the colour of the background."""


@final
@dataclass(frozen=True)
class Header:
    """The header of a picture.

    Attributes:
        size: width and height in pixels, after turning the picture upright.
        deep: whether it is grey with more than 8 bits per channel.
    """

    size: tuple[int, int]
    deep: bool


def read_picture(path: Path | str, conversion: Conversion | None = None) -> Pixels:
    """Read one picture.

    Args:
        path: the file.
        conversion: the form of the result; None for the form that the picture has.

    Returns:
        uint8 (height, width), or (height, width, 3) for a colour picture.

    Raises:
        DataError: if the file is missing, not a picture, damaged, or too large.
    """
    return open_upright(Path(path), conversion or Conversion(), [])


def open_upright(path: Path, conversion: Conversion, steps: list[str]) -> Pixels:
    """Read one picture, see `read_picture`, and add what was done to it to a list of steps.

    Args:
        path: the file.
        conversion: the form of the result.
        steps: receives an entry for each conversion.

    Raises:
        DataError: see `read_picture`.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'is not a regular file' if path.exists() else 'does not exist'}")
    with opened(path, str(path)) as picture:
        header, values = header_of(picture, str(path)), None
        if header.deep:
            extremes = Extremes()
            extremes.add(deep_values(picture))
            values = extremes.range(str(path))
        pixels, facts = decoded(picture, conversion, values)
    described = {
        "turned": "turned upright as its EXIF orientation states",
        "deep": "scaled to 8 bits",
        "transparent": f"transparent, placed on {conversion.background_name}",
        "cmyk": "converted from CMYK",
        "first frame": "the first of several frames",
        "made grey": "converted to grey",
        "resized": f"brought from {header.size[0]}x{header.size[1]} to {pixels.shape[1]}x{pixels.shape[0]} by "
        f"{how_fitted([header.size], pixels.shape[1::-1], conversion.fit)}",
    }
    steps += [text for fact, text in described.items() if fact in facts]
    return pixels


@contextmanager
def opened(source: Path | bytes, name: str) -> Iterator[Image.Image]:
    """Open a picture. Its size is known, and its pixels are not decoded yet.

    Args:
        source: the path of a picture file, or its content.
        name: the name of the picture in messages.

    Raises:
        DataError: if the source is not a picture, is damaged, or states too large a size. Pillow's exceptions while the picture
            is open are turned into a `DataError` too.
    """
    try:
        # From a path, Pillow 13.0 maps the memory of an uncompressed TIFF file, and garbles it if its orientation is a quarter
        # turn. It does not map a file object.
        file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error})") from error
    with file:
        try:
            with warnings.catch_warnings(action="ignore"):
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                picture = Image.open(file, formats=PICTURE_FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise DataError(f"{name}: is too large ({error})") from error
        except UNREADABLE as error:
            raise DataError(f"{name}: is not a picture or is damaged; save it as PNG or JPEG") from error
        if picture.format not in JPEG and math.prod(picture.size) > MAX_PIXELS:
            raise DataError(f"{name}: is too large: {picture.width} x {picture.height} pixels, more than {MAX_PIXELS:,}")
        try:
            with picture, warnings.catch_warnings(action="ignore"):
                yield picture
        except UNREADABLE as error:
            raise DataError(f"{name}: is a damaged picture ({error})") from error


def header_of(picture: Image.Image, name: str) -> Header:
    """Return the header of an open picture.

    Raises:
        DataError: if the picture has a colour model that is not read.
    """
    if picture.mode not in GREY_MODES + COLOUR_MODES + DEEP_MODES:
        raise DataError(f"{name}: has the unknown colour mode {picture.mode}; save it as RGB or grey")
    width, height = picture.size
    exchanged = _orientation(picture) >= 5 and picture.format != "TIFF"  # Pillow turns TIFF pictures itself
    return Header((height, width) if exchanged else (width, height), picture.mode in DEEP_MODES)


def deep_values(picture: Image.Image) -> npt.NDArray[Any]:
    """Return the values of a grey picture with more than 8 bits per channel, (height, width)."""
    return np.asarray(picture)


def decoded(picture: Image.Image, conversion: Conversion, values: ValueRange | None) -> tuple[Pixels, set[Fact]]:
    """Decode an open picture, and convert it.

    The steps are: turning it upright by its EXIF orientation, scaling to 8 bits, placing transparent pixels on the background,
    and scaling to the size with anti-aliasing (Lanczos).

    Args:
        picture: the picture.
        conversion: the form of the result. If it has no size, the picture keeps its own.
        values: the values of black and white of pictures with more than 8 bits per channel.

    Returns:
        uint8 (height, width) if all its pixels are grey and `colour` is not "rgb", else (height, width, 3); and what happened
        to it.
    """
    facts: set[Fact] = set()
    if _orientation(picture) in TURNED:
        facts.add("turned")
    if getattr(picture, "is_animated", False) and picture.format not in JPEG:
        facts.add("first frame")
    if _is_deep(picture):
        facts.add("deep")
    if conversion.size is not None and picture.format in JPEG:
        picture.draft(None, _draft_size(picture.size, conversion.size))
    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in DEEP_MODES:
        scaled = (values or ValueRange(0, 65535)).scaled(deep_values(picture))
        picture = Image.fromarray(scaled)
    picture = _opaque(picture, conversion, facts)
    if picture.mode == "CMYK":
        facts.add("cmyk")
    in_grey = picture.mode in GREY_MODES
    if conversion.colour == "grey" and not in_grey:
        facts.add("made grey")
    picture = picture.convert("L" if in_grey or conversion.colour == "grey" else "RGB")
    if conversion.size is not None and picture.size != conversion.size:
        facts.add("resized")
        picture = resized(picture, conversion)
    pixels = np.array(picture, dtype=np.uint8)
    if conversion.colour == "rgb" and pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if conversion.colour == "auto":
        if pixels.ndim == 3 and is_grey(pixels):
            pixels = pixels[:, :, 0].copy()
            facts.add("stored in colour")
        if pixels.ndim == 2:
            facts.add("grey")
    return pixels, facts


def resized(picture: Image.Image, conversion: Conversion) -> Image.Image:
    """Return a picture of mode L or RGB with the size of the conversion, scaled with anti-aliasing (Lanczos)."""
    size = conversion.size
    if size is None or picture.size == size:
        return picture
    if conversion.fit == "crop":
        return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    if conversion.fit == "pad":
        colour = conversion.background_grey if picture.mode == "L" else conversion.background
        return ImageOps.pad(picture, size, Image.Resampling.LANCZOS, colour)
    return picture.resize(size, Image.Resampling.LANCZOS)


def is_grey(pixels: Pixels) -> bool:
    """Return whether red, green and blue are equal in all pixels of an array (…, 3)."""
    red = pixels[..., 0]
    return bool((red == pixels[..., 1]).all() and (red == pixels[..., 2]).all())


def _opaque(picture: Image.Image, conversion: Conversion, facts: set[Fact]) -> Image.Image:
    """Place a picture with transparent pixels on the background."""
    if not picture.has_transparency_data:
        return picture
    grey = picture.mode in GREY_MODES
    layered = picture.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("L" if grey else "RGB")
    facts.add("transparent")
    ground = Image.new("RGBA", layered.size, (*conversion.background, 255))
    ground.alpha_composite(layered)
    if layered.getchannel("A").getbbox() and np.ptp(np.asarray(ground), axis=(0, 1)).max() == 0:
        facts.add("hidden")
    # A grey picture on a coloured background has colours.
    return ground.convert("L" if grey and len(set(conversion.background)) == 1 else "RGB")


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation of an open picture, 1 if it has none or a damaged one."""
    try:
        if picture.format == "TIFF":
            found = picture.tag_v2.get(ExifTags.Base.Orientation, 1)  # type: ignore[attr-defined]
        # For a PNG file without EXIF data in front of its pixels, `getexif` would decode the pixels.
        elif "exif" not in picture.info and picture.format == "PNG":
            return 1
        else:
            found = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except UNREADABLE:
        return 1
    return found if isinstance(found, int) else 1


def _is_deep(picture: Image.Image) -> bool:
    """Return whether a picture that is not decoded yet has more than 8 bits per channel, in grey or in colour."""
    layout = str([tile[3] for tile in getattr(picture, "tile", ())])
    return picture.mode in DEEP_MODES or ";16" in layout


def _draft_size(stored: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Return the size at least at which a JPEG picture is decoded so that it can be scaled to another size."""
    # The picture may be turned and cropped: its shorter side must suffice for the longer side of the result.
    factor = DRAFT_FACTOR * max(wanted) / min(stored)
    return math.ceil(stored[0] * factor), math.ceil(stored[1] * factor)
