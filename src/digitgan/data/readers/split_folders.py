"""The folders of splits and classes, found in the paths of the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from digitgan.data.conversion.labels import natural_order
from digitgan.data.notes import Notes
from digitgan.data.readers.splits import Part, part_in, part_of

PICTURE_FOLDERS: Final = ("images", "image", "imgs", "img", "data", "pictures", "jpegimages", "jpg", "jpeg", "png")
"""Names of folders that hold all pictures of a split, in lower case."""

FURTHER_FOLDERS: Final = ("masks", "mask", "labels", "annotations", "depth", "segmentation")
"""Names of folders beside the pictures, in lower case, whose pictures seldom are images of a class."""


def inner_root(pictures: Sequence[str]) -> str:
    """Return the folder that holds everything, if there is one around the classes or splits; else ""."""
    root = ""
    while True:
        loose, folders = level(pictures, root)
        if loose or len(folders) != 1 or part_of(folders[0]):
            return root
        inner = joined_path(root, folders[0])
        loose_inside, folders_inside = level(pictures, inner)
        if loose_inside or not folders_inside:
            return root
        root = inner


def level(pictures: Iterable[str], folder: str) -> tuple[list[str], list[str]]:
    """Return the pictures directly in a folder, and the names of its folders that hold pictures, in natural order."""
    start = f"{folder}/" if folder else ""
    loose: list[str] = []
    folders: dict[str, None] = {}
    for path in pictures:
        if path.startswith(start):
            first, slash, _ = path[len(start) :].partition("/")
            if slash:
                folders[first] = None
            else:
                loose.append(path)
    return loose, natural_order(folders)


def split_folders(pictures: Sequence[str], root: str) -> dict[str, Part]:
    """Return the folders of splits, with the split of each; {} if there are none.

    They are named by their splits, or by a common name and their splits, such as seg_train and seg_test. A folder `train`
    beside others such as `plane`, all with pictures directly in them, is a class; folders of two splits are never classes.
    """
    _, folders = level(pictures, root)
    found = {joined_path(root, name): part for name in folders if (part := part_of(name)) is not None}
    if found:
        one_part = len(set(found.values())) == 1
        if one_part and len(found) < len(folders) and not any(level(pictures, folder)[1] for folder in found):
            return {}
        return found
    by_rest: dict[str, dict[str, Part]] = {}
    for name in folders:
        part, rest = part_in(name)
        if part is not None:
            by_rest.setdefault(rest, {})[joined_path(root, name)] = part
    groups = [*by_rest.values()]
    if all(level(pictures, joined_path(root, name))[1] for name in folders):
        # Parts of a large set may be numbered, such as train.X1, train.X2 and val.X, all with class folders.
        groups.append({folder: part for group in by_rest.values() for folder, part in group.items()})
    return next((group for group in groups if "train" in group.values() and len(set(group.values())) > 1), {})


def inner_of_split(pictures: Sequence[str], folder: str) -> str:
    """Return the folder within that of a split in which its classes are: train/images, or seg_train/seg_train."""
    loose, folders = level(pictures, folder)
    if not loose and len(folders) == 1:
        own = folder.rsplit("/", 1)[-1].lower()
        if folders[0].lower() in (own, *PICTURE_FOLDERS) or part_of(folders[0]) is not None:
            return joined_path(folder, folders[0])
    return folder


def splits_within_classes(pictures: Sequence[str], root: str) -> dict[str, tuple[str, Part]]:
    """Return the class and the split of each picture if every folder of a class holds folders of splits; else {}."""
    start = f"{root}/" if root else ""
    found: dict[str, tuple[str, Part]] = {}
    for path in pictures:
        folders = path.removeprefix(start).split("/")[:-1]
        part = part_of(folders[1]) if len(folders) > 1 else None
        if part is None:
            return {}
        found[path] = folders[0], part
    return found


def note_equal_splits(folders: Mapping[str, Part], notes: Notes) -> None:
    """Add a note about folders that are of the same split, such as train and Training."""
    for part in dict.fromkeys(folders.values()):
        equal = [folder for folder, other in folders.items() if other == part]
        if len(equal) > 1:
            notes.add(f"the folders {' and '.join(equal)} are read together, as {part} images")


def joined_path(folder: str, name: str) -> str:
    """Return the path of an entry of a folder; "" is the top."""
    return f"{folder}/{name}" if folder else name
