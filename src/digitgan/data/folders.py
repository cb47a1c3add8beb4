"""Image sets from folders: a folder for each class, with one image file for each image."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from digitgan.data.image_set import UNLABELLED, ImageSet, Pixels
from digitgan.errors import DataError, nearest

PICTURE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""The image formats read. Pillow also reads others, such as EPS, for which it would start an external program."""

GREY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "P", "PA")

UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError)
"""The exceptions that Pillow's readers raise for a damaged file."""


def read_folder(path: Path | str, class_names: Sequence[str] | None = None, name: str | None = None) -> ImageSet:
    """Read the images of all class folders of a folder, ordered by class and file name.

    Class folders are sorted by name; numeric names come first, sorted by number. The image formats are PNG, JPEG, BMP, GIF (the
    first frame), TIFF, WebP and PPM. The image set is grey if all images are grey, else RGB. Hidden files, hidden folders and
    files beside the class folders are ignored. Without class folders, the images in the folder become an unlabelled image set
    with the single class `UNLABELLED`.

    Args:
        path: the folder.
        class_names: the class names in the order of the labels, such as those of another split. A class without a folder has no
            images. Default: the names of the class folders.
        name: the name of the image set. Default: the name of the folder.

    Returns:
        Images uint8 (n, height, width) or (n, height, width, 3), with labels and class names.

    Raises:
        DataError: if the folder is missing or has neither class folders nor images; if a class folder is empty or not in
            `class_names`; if a file is not an image, damaged, too large, deeper than 8 bits per channel or partly transparent;
            or if two images differ in size.
    """
    path = Path(path)
    found = class_folders(path)
    if not found:
        return _read_unlabelled(path, name)
    classes = tuple(class_names) if class_names is not None else tuple(found)
    for folder_name in found:
        if folder_name not in classes:
            raise DataError(f"{path / folder_name}: is not a class of this image set; {nearest(folder_name, classes)}")
    pictures = [(file, label) for label, each in enumerate(classes) if each in found for file in _pictures(path / each)]
    first, _ = pictures[0]
    size = _size(first)
    images = [_read_picture(file, size, first) for file, _ in pictures]
    labels = np.array([label for _, label in pictures], dtype=np.int64)
    return ImageSet(_stacked(images), labels, classes, name or path.resolve().name)


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
    return _read_picture(file, _size(file), file)


def _read_unlabelled(path: Path, name: str | None) -> ImageSet:
    """Read the images directly in a folder as one class."""
    files = sorted((each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")), key=lambda f: f.name)
    if not files:
        raise DataError(
            f"{path}: has neither class folders nor images; add a folder of images for each class, or images alone for recipes "
            "without labels"
        )
    size = _size(files[0])
    images = _stacked([_read_picture(file, size, files[0]) for file in files])
    return ImageSet(images, np.zeros(len(files), dtype=np.int64), (UNLABELLED,), name or path.resolve().name)


def class_folders(path: Path) -> list[str]:
    """Return the names of the visible folders in a folder, in the order of `sorted_classes`.

    Raises:
        DataError: if the folder is missing or not a folder.
    """
    if not path.is_dir():
        raise DataError(f"{path}: {'is not a folder' if path.exists() else 'does not exist'}")
    return sorted_classes(each.name for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))


def sorted_classes(names: Iterable[str]) -> list[str]:
    """Return class names in the order of their labels: numeric names first, by number, then the others by name."""

    def rank(name: str) -> tuple[bool, int, str]:
        numeric = name.isascii() and name.isdigit()
        return (not numeric, int(name) if numeric else 0, name)

    return sorted(names, key=rank)


def _pictures(folder: Path) -> list[Path]:
    files = sorted((each for each in folder.iterdir() if not each.name.startswith(".")), key=lambda file: file.name)
    if not files:
        raise DataError(f"{folder}: the class has no images; add some, or remove the folder")
    return files


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise DataError(f"{path}: is not an image file; a class folder must hold image files only")
    try:
        with warnings.catch_warnings(action="ignore"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path, formats=PICTURE_FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: is too large ({error})") from error
    except UNREADABLE as error:
        raise DataError(f"{path}: is not an image or is damaged; the formats are {', '.join(PICTURE_FORMATS)}") from error


def _size(path: Path) -> tuple[int, int]:
    with _open(path) as picture:
        return picture.size


def _read_picture(path: Path, size: tuple[int, int], first: Path) -> Pixels:
    """Return pixels (height, width), or (height, width, 3) for a colour image."""
    with _open(path) as picture:
        # Before the pixels are decoded, so that one huge image among small ones costs no memory.
        if picture.size != size:
            raise DataError(
                f"images differ in size: {first} is {size[0]} x {size[1]} (width x height), {path} is "
                f"{picture.size[0]} x {picture.size[1]}; resize all to one size"
            )
        if picture.mode not in GREY_MODES + COLOUR_MODES:
            raise DataError(f"{path}: has mode {picture.mode}, more than 8 bits per channel; convert it to 8 bits")
        try:
            with warnings.catch_warnings(action="ignore"):
                return _pixels(picture, path)
        except UNREADABLE as error:
            raise DataError(f"{path}: is a damaged image ({error})") from error


def _pixels(picture: Image.Image, path: Path) -> Pixels:
    picture.load()
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise DataError(f"{path}: is partly transparent; save it on an opaque background")
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
