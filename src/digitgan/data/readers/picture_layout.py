"""The layout of pictures in folders or archives: which files are pictures, their splits and their classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, final

import numpy as np

from digitgan.data.conversion.collection import read_pictures
from digitgan.data.conversion.labels import class_labels, natural_order
from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.image_set import UNLABELLED, ImageSet, Split
from digitgan.data.notes import Notes, listed
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.label_tables import TABLE_ENDINGS, LabelTable, find_table
from digitgan.data.readers.splits import Part, as_splits, part_of
from digitgan.errors import DataError
from digitgan.files import FOLDER_MARK

OTHER_PICTURES: Final = frozenset(
    [
        ".heic",
        ".heif",
        ".avif",
        ".svg",
        ".psd",
        ".xcf",
        ".jp2",
        ".j2k",
        ".jxl",
        ".tga",
        ".ico",
        ".icns",
        ".eps",
        ".pdf",
        ".pcx",
        ".exr",
        ".hdr",
        ".dds",
        ".raw",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
    ]
)
"""Endings of the names of pictures in formats that are not read."""

OF_DIGITGAN: Final = ("manifest.json", FOLDER_MARK)
"""Files that `digitgan data convert` and `digitgan sample` write beside pictures."""

Labels = Mapping[str, str | int | None]
"""The label of each picture by its path; None for pictures without labels."""


@final
@dataclass(frozen=True)
class PictureLayout:
    """The pictures of each split, with their labels.

    Attributes:
        splits: the labels of the pictures of each split, by their paths. All are None in a set without labels.
        class_names: the class names that a table states for numbers; None if there are none.
    """

    splits: Mapping[Split, Labels]
    class_names: tuple[str, ...] | None = None


def picture_source(tree: FileTree, reading: Reading) -> DataSource | None:
    """Return the pictures of a tree as a data source; None if it holds none.

    Raises:
        DataError: if the tree holds only pictures in formats that are not read, or if its labels are not plain.
    """
    layout = picture_layout(tree, reading)
    if layout is None:
        return None
    needs = "put the pictures of each split into a folder named train or test"
    return DataSource(tuple(layout.splits), lambda split: _load(tree, layout, split, reading), needs)


def _load(tree: FileTree, layout: PictureLayout, split: Split, reading: Reading) -> ImageSet:
    name = tree.name if list(layout.splits) == ["train"] else f"{tree.name} ({split})"
    values = {part: np.array(list(found.values())) for part, found in layout.splits.items() if found}
    if all(label is None for found in layout.splits.values() for label in found.values()):
        labels = {split: np.zeros(len(layout.splits[split]), dtype=np.int64)}
        class_names: tuple[str, ...] = (UNLABELLED,)
    else:
        labels, class_names = class_labels(values, layout.class_names, reading.notes, name)
    paths = list(layout.splits[split])
    # By class, then by name, whatever the order of the files.
    rank = {path: place for place, path in enumerate(natural_order(paths))}
    order = sorted(range(len(paths)), key=lambda place: (labels[split][place], rank[paths[place]]))
    pictures = tree.pictures([paths[place] for place in order])
    images, kept = read_pictures(
        pictures, reading.conversion, reading.notes, name, skip_damaged=reading.skip_damaged, notify=reading.notify
    )
    return ImageSet(images, labels[split][order][kept], class_names, name)


def picture_layout(tree: FileTree, reading: Reading) -> PictureLayout | None:
    """Return the pictures of a tree by split, with their labels; None if it holds none.

    What is passed over or taken for granted is added to the notes.

    Raises:
        DataError: see `picture_source`.
    """
    notes = reading.notes
    pictures, others = _pictures_of(tree)
    if not pictures:
        return None
    root = _inner_root(pictures)
    if root:
        notes.add(f"read from the folder {root} within it")
    folders = _split_folders(pictures, root)
    table = None
    if reading.labels_from in ("auto", "table"):
        table = find_table(tree, [path for path in others if path.lower().endswith(TABLE_ENDINGS)], pictures, reading)
        if table is None and reading.labels_from == "table":
            raise DataError(
                f"{tree.name}: holds no table that names its pictures, such as labels.csv; choose another --labels-from"
            )
    _note_others(others, table, notes)
    if table is not None and table.parts is not None:
        return _by_table_splits(table, notes)
    if not folders:
        return PictureLayout({"train": _labels_of(tree, pictures, root, table, reading)}, table and table.class_names)
    parts: dict[Part, list[str]] = {}
    for folder, part in folders.items():
        parts.setdefault(part, []).extend(path for path in pictures if path.startswith(f"{folder}/"))
    _note_outside(pictures, parts, "outside of its train and test folders", notes)
    found: dict[Split, Labels] = {}
    for split, of_split in as_splits(parts, notes).items():
        bases = [folder for folder, part in folders.items() if any(path.startswith(f"{folder}/") for path in of_split)]
        labels: dict[str, str | int | None] = {}
        for base in bases:
            inside = [path for path in of_split if path.startswith(f"{base}/")]
            labels |= _labels_of(tree, inside, base, table, reading)
        if labels:  # none, if a table names the pictures of the other split only
            found[split] = labels
    _check_alike(tree, found)
    return PictureLayout(found, table and table.class_names)


def _pictures_of(tree: FileTree) -> tuple[list[str], list[str]]:
    """Return the files that are pictures by the endings of their names, and the other files."""
    pictures, others, unread = [], [], []
    for path in tree.files:
        name = PurePosixPath(path).name
        ending = PurePosixPath(path).suffix.lower()
        if any(part.startswith(".") or part == "__MACOSX" for part in path.split("/")):
            others.append(path)
        elif ending in PICTURE_ENDINGS or ("." not in name and _begins_as_picture(tree, path)):
            pictures.append(path)
        else:
            others.append(path)
            if ending in OTHER_PICTURES:
                unread.append(path)
    if unread and not pictures:
        raise DataError(
            f"{tree.name}: holds pictures only in formats that are not read ({listed(unread)}); convert them to PNG or JPEG"
        )
    return pictures, others


def _begins_as_picture(tree: FileTree, path: str) -> bool:
    """Return whether a file whose name has no ending begins with the first bytes of a picture format."""
    try:
        head = tree.read(path, 11)
    except DataError:
        return False
    return head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")) or head[8:12] == b"WEBP"


def _inner_root(pictures: Sequence[str]) -> str:
    """Return the folder that holds everything, if there is one around the classes or splits; else ""."""
    root = ""
    while True:
        loose, folders = _level(pictures, root)
        if loose or len(folders) != 1 or part_of(folders[0]):
            return root
        inner = _joined(root, folders[0])
        loose_inside, folders_inside = _level(pictures, inner)
        if loose_inside or not folders_inside:
            return root
        root = inner


def _level(pictures: Iterable[str], folder: str) -> tuple[list[str], list[str]]:
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


def _split_folders(pictures: Sequence[str], root: str) -> dict[str, Part]:
    """Return the folders of splits, with the split of each; {} if there are none.

    A folder `train` beside others such as `plane`, all with pictures directly in them, is a class.
    """
    _, folders = _level(pictures, root)
    found = {_joined(root, name): part for name in folders if (part := part_of(name)) is not None}
    if len(found) < len(folders) and not any(_level(pictures, folder)[1] for folder in found):
        return {}
    return found


def _labels_of(
    tree: FileTree, pictures: Sequence[str], base: str, table: LabelTable | None, reading: Reading
) -> dict[str, str | int | None]:
    """Return the labels of the pictures below a folder."""
    notes = reading.notes
    if table is not None:
        return _by_table(tree, pictures, base, table, reading)
    if reading.labels_from == "file-name":
        return {path: _class_in_name(path) for path in pictures}
    loose, folders = _level(pictures, base)
    if not folders:
        beginnings = {_class_in_name(path) for path in loose}
        if 1 < len(beginnings) <= len(loose) // 2:
            shown = listed(natural_order(each for each in beginnings))
            notes.add(
                f"the pictures have no labels; their names begin with {shown}: --labels-from file-name takes these as classes"
            )
        return dict.fromkeys(loose)
    if loose:
        notes.add(f"{len(loose):,} pictures beside the class folders have no class and are not read: {listed(loose)}")
    _note_empty(tree, base, folders, notes)
    inside = [path for path in pictures if "/" in path[len(base) + 1 if base else 0 :]]
    outer = {path: path[len(base) + 1 if base else 0 :].split("/")[0] for path in inside}
    inner = {path: PurePosixPath(path).parent.name for path in inside}
    if reading.labels_from == "inner-folder":
        return dict(inner)
    if any(outer[path] != inner[path] for path in inside):
        deeper = natural_order({inner[path] for path in inside if outer[path] != inner[path]})
        notes.add(
            f"the classes are the outer folders ({listed(folders)}); folders within them ({listed(deeper)}) are parts of their "
            "class (--labels-from inner-folder takes these as classes)"
        )
    return dict(outer)


def _by_table(
    tree: FileTree, pictures: Sequence[str], base: str, table: LabelTable, reading: Reading
) -> dict[str, str | int | None]:
    """Return the labels that a table gives to pictures, and leave out the others."""
    without = [path for path in pictures if path not in table.labels]
    if without:
        reading.notes.add(f"{len(without):,} pictures are not in {table.name} and are not read: {listed(without)}")
    found = {path: table.labels[path] for path in pictures if path in table.labels}
    _, folders = _level(found, base)
    if reading.labels_from == "auto" and len(folders) > 1 and not table.names_dataset:
        outer = {path: path[len(base) + 1 if base else 0 :].split("/")[0] for path in found}
        pairs = {(folder, found[path]) for path, folder in outer.items()}
        if len(pairs) != len({folder for folder, _ in pairs}) or len(pairs) != len({label for _, label in pairs}):
            raise DataError(
                f"{tree.name}: {table.name} gives other classes than the folders {listed(folders)}; choose the table with "
                "--labels-from table, or the folders with --labels-from outer-folder"
            )
    return found


def _by_table_splits(table: LabelTable, notes: Notes) -> PictureLayout:
    """Return the layout of a table with a column of splits."""
    parts: dict[Part, dict[str, str | int | None]] = {}
    for path, part in (table.parts or {}).items():
        parts.setdefault(part, {})[path] = table.labels[path]
    return PictureLayout(as_splits(parts, notes), table.class_names)


def _class_in_name(path: str) -> str:
    """Return a file name without its ending and without a number at its end: cat.17.jpg, cat_17, cat17 are of the class cat."""
    stem = PurePosixPath(path).stem
    return re.sub(r"[._\- ]*\d+$", "", stem) or stem


def _check_alike(tree: FileTree, found: Mapping[Split, Labels]) -> None:
    """Raise `DataError` if one split has labels and another has none."""
    labelled = {split: any(label is not None for label in labels.values()) for split, labels in found.items()}
    if len(set(labelled.values())) > 1:
        without = next(split for split, has in labelled.items() if not has)
        raise DataError(
            f"{tree.name}: the pictures of its {without} split have no class folders, those of the other split have; "
            "sort them into class folders, or remove that split"
        )


def _note_others(others: Sequence[str], table: LabelTable | None, notes: Notes) -> None:
    used = set() if table is None else set(table.paths)
    unread = [path for path in others if PurePosixPath(path).suffix.lower() in OTHER_PICTURES]
    left = [path for path in others if path not in {*used, *unread} and PurePosixPath(path).name not in OF_DIGITGAN]
    if unread:
        endings = natural_order({PurePosixPath(path).suffix.lower() for path in unread})
        notes.add(f"passed over {len(unread):,} pictures in formats that are not read ({', '.join(endings)}): {listed(unread)}")
    tables = [path for path in left if path.lower().endswith(TABLE_ENDINGS)]
    if tables:
        notes.add(f"passed over {len(tables):,} tables that do not name the pictures: {listed(tables)}")
    if rest := [path for path in left if path not in tables]:
        notes.add(f"passed over {len(rest):,} files that are no pictures: {listed(rest)}")


def _note_outside(pictures: Sequence[str], parts: Mapping[Part, Sequence[str]], where: str, notes: Notes) -> None:
    inside = {path for paths in parts.values() for path in paths}
    if outside := [path for path in pictures if path not in inside]:
        notes.add(f"{len(outside):,} pictures {where} are not read: {listed(outside)}")


def _note_empty(tree: FileTree, base: str, folders: Sequence[str], notes: Notes) -> None:
    start = f"{base}/" if base else ""
    there = {path[len(start) :].split("/")[0] for path in tree.folders if path.startswith(start) and path != base}
    if empty := natural_order(name for name in there - set(folders) if name and not name.startswith((".", "__MACOSX"))):
        notes.add(f"folders without pictures are no classes: {listed(empty)}")


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
