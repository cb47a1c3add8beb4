"""Pictures in folders."""

from __future__ import annotations

from pathlib import Path

from digitgan.data.image_set import ImageSet, Split
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.file_tree import FolderTree
from digitgan.data.readers.picture_layout import picture_source
from digitgan.errors import DataError


def folder_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a folder of pictures as a data source; None if the path is no folder or holds no pictures."""
    return picture_source(FolderTree(path), reading) if path.is_dir() else None


def read_folder(path: Path | str, split: Split = "train", reading: Reading | None = None) -> ImageSet:
    """Read the pictures of a folder, ordered by class and file name.

    The folder holds class folders, or folders of splits (train, test, validation and similar names) with class folders in them,
    or pictures and a table of their labels. Class folders are in natural order: "2" before "10", "class2" before "class10".
    Pictures without class folders and without a table are an unlabelled image set with the single class `UNLABELLED`.

    Args:
        path: the folder.
        split: the split to read.
        reading: how the pictures are read and converted. Its notes receive what was ignored.

    Returns:
        Images uint8 (n, height, width) or (n, height, width, 3), with labels and class names.

    Raises:
        DataError: if the folder is missing, holds no pictures or lacks the split; if pictures cannot be used, the message lists
            them; or if the labels are ambiguous.
    """
    path = Path(path)
    source = picture_source(FolderTree(path), reading or Reading())
    if source is None:
        raise DataError(
            f"{path}: holds no pictures; add a folder of pictures for each class, or pictures alone for recipes without labels"
        )
    if split not in source.splits:
        raise DataError(f"{path}: has no {split} split; {source.needs}")
    return source.load(split)
