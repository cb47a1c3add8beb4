"""Image sets from folders: a folder for each class, with one image file for each image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from digitgan.data.image_set import UNLABELLED, ImageSet, Pixels
from digitgan.data.pictures import PictureStack, open_picture, picture_pixels
from digitgan.errors import DataError, nearest


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
    labels = np.array([label for _, label in pictures], dtype=np.int64)
    return ImageSet(_read_pictures([file for file, _ in pictures]), labels, classes, name or path.resolve().name)


def _read_unlabelled(path: Path, name: str | None) -> ImageSet:
    """Read the images directly in a folder as one class."""
    files = sorted((each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")), key=lambda f: f.name)
    if not files:
        raise DataError(
            f"{path}: has neither class folders nor images; add a folder of images for each class, or images alone for recipes "
            "without labels"
        )
    labels = np.zeros(len(files), dtype=np.int64)
    return ImageSet(_read_pictures(files), labels, (UNLABELLED,), name or path.resolve().name)


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


def _read_pictures(files: Sequence[Path]) -> Pixels:
    """Return the images of files, (n, height, width), or (n, height, width, 3) if one of them is a colour image."""
    size: tuple[int, int] | None = None
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: is not an image file; a class folder must hold image files only")
        with open_picture(file, str(file)) as picture:
            if size is None:
                size = picture.size
                stack = PictureStack(len(files), size, str(files[0].parent))
            # Before the pixels are decoded, so that one huge image among small ones costs no memory.
            if picture.size != size:
                raise DataError(
                    f"images differ in size: {files[0]} is {size[0]} x {size[1]} (width x height), {file} is "
                    f"{picture.size[0]} x {picture.size[1]}; resize all to one size"
                )
            stack.add(picture_pixels(picture, str(file)))
    return stack.array()
