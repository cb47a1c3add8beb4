"""A folder for each class, an image file for each picture: what most people have."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from digitgan.data.image_set import UNLABELLED, ImageSet, Pixels
from digitgan.errors import DataError, nearest

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What a picture may be. Pillow knows more, among them EPS, for which it would start another program on the file."""

GREY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "P", "PA")

UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError)
"""What Pillow's readers raise for a damaged file; they are many and not of one mind."""


def read_folder(path: Path | str, class_names: Sequence[str] | None = None, name: str | None = None) -> ImageSet:
    """Read every picture of every class folder in a folder, in the order of class and file name.

    Class folders are sorted by name, numeric ones by number and first. Pictures are PNG, JPEG, BMP, GIF (its first
    frame), TIFF, WebP or PPM; they become grey if all are grey, else RGB. Hidden files and folders are passed over, and
    so are files beside the class folders. Without any class folder, the pictures in the folder are an unlabelled set: one
    class, `UNLABELLED`.

    Args:
        path: the folder.
        class_names: the classes, in the order of their labels, where another split has decided on them; those without a
            folder here have no pictures. Left out: the class folders found.
        name: what to call the set; left out: the folder's name.

    Returns:
        images uint8 (n, height, width) or (n, height, width, 3).

    Raises:
        DataError: if the folder is missing, has neither class folders nor pictures, or a class folder that is empty or not
            among `class_names`; if a file is no image, damaged, too large, deeper than 8 bits a channel or partly
            transparent; or if two differ in size.
    """
    path = Path(path)
    found = class_folders(path)
    if not found:
        return _read_unlabelled(path, name)
    classes = tuple(class_names) if class_names is not None else tuple(found)
    for folder_name in found:
        if folder_name not in classes:
            raise DataError(f"{path / folder_name}: is no class of this set; {nearest(folder_name, classes)}")
    pictures = [(file, label) for label, each in enumerate(classes) if each in found for file in _pictures(path / each)]
    first, _ = pictures[0]
    size = _size(first)
    images = [_read_picture(file, size, first) for file, _ in pictures]
    labels = np.array([label for _, label in pictures], dtype=np.int64)
    return ImageSet(_stacked(images), labels, classes, name or path.resolve().name)


def read_picture(path: Path | str) -> Pixels:
    """One picture: uint8 (height, width), or (height, width, 3) if it is coloured.

    Raises:
        DataError: for what is no image, a damaged one, or one that is too large, deeper than 8 bits a channel or partly
            transparent.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file}: {'is no picture' if file.exists() else 'there is no such file'}")
    return _read_picture(file, _size(file), file)


def _read_unlabelled(path: Path, name: str | None) -> ImageSet:
    """The pictures that lie in the folder itself, as one class."""
    files = sorted((each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")), key=lambda f: f.name)
    if not files:
        raise DataError(
            f"{path}: has neither class folders nor pictures; one folder for each class, with its pictures in it, is right, or "
            "pictures alone for recipes that need no labels"
        )
    size = _size(files[0])
    images = _stacked([_read_picture(file, size, files[0]) for file in files])
    return ImageSet(images, np.zeros(len(files), dtype=np.int64), (UNLABELLED,), name or path.resolve().name)


def class_folders(path: Path) -> list[str]:
    """The names of the folders in a folder, hidden ones left out, sorted: numeric ones by number and first.

    Raises:
        DataError: if the folder is missing, or no folder.
    """
    if not path.is_dir():
        raise DataError(f"{path}: {'is not a folder' if path.exists() else 'there is no such folder'}")
    return sorted_classes(each.name for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))


def sorted_classes(names: Iterable[str]) -> list[str]:
    """Class names in the order of their labels: numeric ones by number and first, the others by name."""

    def rank(name: str) -> tuple[bool, int, str]:
        numeric = name.isascii() and name.isdigit()
        return (not numeric, int(name) if numeric else 0, name)

    return sorted(names, key=rank)


def _pictures(folder: Path) -> list[Path]:
    files = sorted((each for each in folder.iterdir() if not each.name.startswith(".")), key=lambda file: file.name)
    if not files:
        raise DataError(f"{folder}: the class has no pictures; add some, or remove the folder")
    return files


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise DataError(f"{path}: is not an image file; a class folder holds nothing but pictures")
    try:
        with warnings.catch_warnings(action="ignore"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: is too large an image ({error})") from error
    except UNREADABLE as error:
        raise DataError(f"{path}: is not an image, or a damaged one; {', '.join(FORMATS)} are read") from error


def _size(path: Path) -> tuple[int, int]:
    with _open(path) as picture:
        return picture.size


def _read_picture(path: Path, size: tuple[int, int], first: Path) -> Pixels:
    """Pixels (height, width), or (height, width, 3) of a coloured picture."""
    with _open(path) as picture:
        # Before the pixels are unpacked: one huge picture among small ones costs no memory.
        if picture.size != size:
            raise DataError(
                f"pictures differ in size: {first} is {size[0]} x {size[1]} (width x height), {path} is "
                f"{picture.size[0]} x {picture.size[1]}; bring all to one size"
            )
        if picture.mode not in GREY_MODES + COLOUR_MODES:
            raise DataError(f"{path}: its pixels are {picture.mode}, more than 8 bits a channel; save it with 8")
        try:
            with warnings.catch_warnings(action="ignore"):
                return _pixels(picture, path)
        except UNREADABLE as error:
            raise DataError(f"{path}: is a damaged image ({error})") from error


def _pixels(picture: Image.Image, path: Path) -> Pixels:
    picture.load()
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise DataError(f"{path}: is partly transparent; save it on the background that it should have")
    return np.array(picture.convert("L" if _is_grey(picture) else "RGB"), dtype=np.uint8)


def _is_grey(picture: Image.Image) -> bool:
    if picture.mode not in ("P", "PA"):
        return picture.mode in GREY_MODES
    red, green, blue = picture.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _stacked(images: list[Pixels]) -> Pixels:
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    return np.stack(images)
