"""The layout of pictures in folders or archives: which files are pictures, their splits and their classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from digitgan.data.conversion.collection import read_pictures
from digitgan.data.conversion.labels import class_labels, natural_order
from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.image_set import UNLABELLED, ImageSet, Split
from digitgan.data.notes import Notes, counted, listed
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.label_tables import SPREADSHEETS, LabelTable, find_table
from digitgan.data.readers.manifests import MANIFEST
from digitgan.data.readers.split_folders import (
    FURTHER_FOLDERS,
    PICTURE_FOLDERS,
    inner_of_split,
    inner_root,
    level,
    note_equal_splits,
    split_folders,
    splits_within_classes,
)
from digitgan.data.readers.splits import Part, as_splits, part_in
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

OF_DIGITGAN: Final = (MANIFEST, FOLDER_MARK)
"""Files that `digitgan data convert` and `digitgan sample` write beside pictures."""

JUNK: Final = re.compile(r"(thumbs|ehthumbs)\.db|desktop\.ini|(readme|license|licence|citation)(\.\w+)*")
"""Names of files, in lower case, that say nothing about the pictures beside them."""

MASK: Final = re.compile(
    r"(?P<picture>.+?)[-_. ](mask|seg|segmentation|label|labels|annotation|gt)([-_. ]?\d+)?", re.IGNORECASE
)
"""The path of a mask without its extension: that of its picture, and a word behind it."""

Labels = Mapping[str, str | int | None]
"""The label of each picture by its path; None for pictures without labels."""


def picture_source(tree: FileTree, reading: Reading) -> DataSource | None:
    """Return the pictures of a tree as a data source; None if it holds none.

    Raises:
        DataError: if the tree holds only pictures in formats that are not read, or if its labels are ambiguous.
    """
    layout = picture_layout(tree, reading)
    if layout is None:
        return None
    needs = "put the pictures of each split into a folder named train or test"
    return DataSource(tuple(layout), lambda split: _load(tree, layout, split, reading), needs, ("labels_from", "label_column"))


def _load(tree: FileTree, layout: Mapping[Split, Labels], split: Split, reading: Reading) -> ImageSet:
    name = tree.name if list(layout) == ["train"] else f"{tree.name} ({split})"
    values = {part: np.array(list(found.values())) for part, found in layout.items() if found}
    if all(label is None for found in layout.values() for label in found.values()):
        labels = {split: np.zeros(len(layout[split]), dtype=np.int64)}
        class_names: tuple[str, ...] = (UNLABELLED,)
    else:
        labels, class_names = class_labels(values, None, reading.notes, name)
    paths = list(layout[split])
    # By class, then by name, whatever the order of the files.
    rank = {path: place for place, path in enumerate(natural_order(paths))}
    order = sorted(range(len(paths)), key=lambda place: (labels[split][place], rank[paths[place]]))
    others = [path for part, found in layout.items() if part != split for path in found]
    images, kept = read_pictures(
        tree.pictures([paths[place] for place in order]),
        reading.conversion,
        reading.notes,
        name,
        background_is_stated="background" in reading.stated,
        skip_damaged=reading.skip_damaged,
        notify=reading.notify,
        other_splits=tree.pictures(others),
    )
    return ImageSet(images, labels[split][order][kept], class_names, name)


def picture_layout(tree: FileTree, reading: Reading) -> dict[Split, Labels] | None:
    """Return the pictures of each split of a tree, with their labels; None if it holds none.

    All labels are None in a set without labels.

    What is ignored or guessed is added to the notes.

    Raises:
        DataError: see `picture_source`.
    """
    notes = reading.notes
    pictures, others = _pictures_of(tree)
    if not pictures:
        return None
    root = inner_root(pictures)
    if root:
        notes.add(f"read from the folder {root} within it", asked=True)
    folders = split_folders(pictures, root)
    table = None
    if reading.label_column is not None and reading.labels_from not in ("auto", "table"):
        raise DataError(f"{tree.name}: --label-column is for a table of labels; leave out --labels-from {reading.labels_from}")
    if reading.labels_from in ("auto", "table"):
        table = find_table(tree, others, pictures, folders, reading)
        wanted = reading.labels_from == "table" or reading.label_column is not None
        if wanted and (table is None or not (table.labels or table.is_dataset_json)):
            option = "--labels-from" if reading.labels_from == "table" else "--label-column"
            raise DataError(f"{tree.name}: holds no table that names its pictures, such as labels.csv; leave out {option}")
    _note_others(others, table, reading)
    _note_masks(pictures, notes)
    if not folders and table is None and reading.labels_from in ("auto", "outer-folder"):
        within = splits_within_classes(pictures, root)
        if within:
            notes.add("the folders of the classes hold those of the splits")
            classes = {path: name for path, (name, _) in within.items()}
            return _by_part(tree, classes, {path: part for path, (_, part) in within.items()}, notes)
    note_equal_splits(folders, notes)
    parts: dict[str, Part] = {}
    labels: dict[str, str | int | None] = {}
    for folder, part in (folders or {root: "train"}).items():
        inside = [path for path in pictures if not folder or path.startswith(f"{folder}/")]
        labels |= _labels_of(tree, inside, inner_of_split(inside, folder) if folders else folder, table, reading)
        parts |= dict.fromkeys(inside, part)
    if table is not None and table.parts:
        return _by_table_parts(tree, pictures, labels, parts if folders else {}, table, notes)
    if outside := [path for path in pictures if path not in parts]:
        notes.add(f"ignored {counted(len(outside), 'picture')} outside of the folders of splits: {listed(outside)}")
    return _by_part(tree, labels, parts, notes)


def _by_table_parts(
    tree: FileTree,
    pictures: Sequence[str],
    labels: Mapping[str, str | int | None],
    by_folder: Mapping[str, Part],
    table: LabelTable,
    notes: Notes,
) -> dict[Split, Labels]:
    """Return the pictures of each split as a table states the splits.

    Args:
        tree: the folder or archive.
        pictures: its pictures.
        labels: the labels of pictures, by the table or by their folders.
        by_folder: the split of the folder of each picture.
        table: the table.
        notes: the notes.
    """
    if without := [path for path in pictures if path not in table.parts and path not in table.left_out]:
        notes.add(f"ignored {counted(len(without), 'picture')} in no split of {table.name}: {listed(without)}")
    if moved := [path for path, part in table.parts.items() if by_folder.get(path, part) != part]:
        notes.add(
            f"{counted(len(moved), 'picture')} in another split than their folder, as {table.name} states: {listed(moved)}"
        )
    return _by_part(tree, {path: labels.get(path, table.labels.get(path)) for path in table.parts}, table.parts, notes)


def _by_part(tree: FileTree, labels: Labels, parts: Mapping[str, Part], notes: Notes) -> dict[Split, Labels]:
    """Return the pictures of each split, given the label and the part of each.

    Pictures without a label are left out where others have one.

    Raises:
        DataError: if test images have labels and training images have none.
    """
    if any(isinstance(label, str) for label in labels.values()):
        # A table may give numbers as classes, and the folders of the other split the same numbers as texts.
        labels = {path: None if label is None else str(label) for path, label in labels.items()}
    of_part: dict[Part, dict[str, str | int | None]] = {}
    for path, label in labels.items():
        of_part.setdefault(parts[path], {})[path] = label
    labelled = any(label is not None for label in labels.values())
    kept: dict[Part, Labels] = {}
    for part, of_this in of_part.items():
        with_label = {path: label for path, label in of_this.items() if label is not None}
        if labelled and not with_label and part == "train":
            raise DataError(
                f"{tree.name}: the pictures of its train split have no classes, those of the other split have; sort them into "
                "class folders, give a table of their labels, or remove the other split"
            )
        if labelled and len(with_label) < len(of_this):
            without = [path for path in of_this if path not in with_label]
            which = "" if with_label else f"the {part} split, "
            notes.add(f"ignored {which}{counted(len(without), 'picture')} without a class: {listed(without)}")
        if not labelled or with_label:
            kept[part] = with_label if labelled else of_this
    return as_splits(kept, notes)


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


def _labels_of(
    tree: FileTree, pictures: Sequence[str], base: str, table: LabelTable | None, reading: Reading
) -> dict[str, str | int | None]:
    """Return the labels of the pictures below a folder."""
    notes = reading.notes
    if table is not None and any(map(table.gives_labels, pictures)):
        return _by_table(tree, pictures, base, table, reading)
    if reading.labels_from == "file-name":
        return {path: _class_in_name(path) for path in pictures}
    loose, folders = level(pictures, base)
    if not folders:
        above = listed(list(tree.tables_above))
        further = f"; if {above} in the folder above names them, give that folder" if above else ""
        notes.add(f"no class folders and no table of labels: the pictures are of one class{further}")
        beginnings = {name for path in loose if (name := _class_in_name(path)) is not None}
        if 1 < len(beginnings) <= len(loose) // 2:
            shown = listed(natural_order(beginnings))
            notes.add(
                f"the pictures have no labels; their names begin with {shown}: --labels-from file-name takes these as classes"
            )
        return dict.fromkeys(loose)
    if loose:
        most = 2 * len(loose) > len(pictures)
        advice = "; if this is the folder of one class, give the folder above it" if most else ""
        notes.add(
            f"ignored {counted(len(loose), 'picture')} without a class, beside the class folders{advice}: {listed(loose)}"
        )
    _note_empty(tree, base, folders, notes)
    if unusual := [name for name in folders if name.lower() in (*PICTURE_FOLDERS, *FURTHER_FOLDERS) or part_in(name)[0]]:
        notes.add(f"folders named {listed(unusual)} are read as classes; move them away if they are not classes")
    inside = [path for path in pictures if "/" in path[len(base) + 1 if base else 0 :]]
    outer = {path: path[len(base) + 1 if base else 0 :].split("/")[0] for path in inside}
    inner = {path: PurePosixPath(path).parent.name for path in inside}
    if reading.labels_from == "inner-folder":
        return dict(inner)
    if any(outer[path] != inner[path] for path in inside):
        deeper = natural_order({inner[path] for path in inside if outer[path] != inner[path]})
        notes.add(
            f"the classes are the outer folders ({listed(folders)}); folders within them ({listed(deeper)}) are parts of their "
            "class (--labels-from inner-folder takes these as classes)",
            asked=reading.labels_from == "outer-folder",
        )
    return dict(outer)


def _by_table(
    tree: FileTree, pictures: Sequence[str], base: str, table: LabelTable, reading: Reading
) -> dict[str, str | int | None]:
    """Return the labels that a table gives to pictures, and leave out the others."""
    if table.is_dataset_json and not table.labels:
        return dict.fromkeys(pictures)
    named = {**dict.fromkeys(table.parts), **table.labels}
    without = [path for path in pictures if path not in named and path not in table.left_out]
    if without and not table.parts:
        reading.notes.add(f"ignored {counted(len(without), 'picture')} not in {table.name}: {listed(without)}")
    found: dict[str, str | int | None] = {path: named[path] for path in pictures if path in named}
    _, folders = level(table.labels.keys() & found.keys(), base)
    chosen = reading.labels_from == "table" or reading.label_column is not None
    if not chosen and len(folders) > 1 and not table.is_dataset_json:
        outer = {path: path[len(base) + 1 if base else 0 :].split("/")[0] for path in found if path in table.labels}
        pairs = {(folder, found[path]) for path, folder in outer.items()}
        if len(pairs) != len({folder for folder, _ in pairs}) or len(pairs) != len({label for _, label in pairs}):
            raise DataError(
                f"{tree.name}: {table.name} gives other classes than the folders {listed(folders)}; choose the table with "
                "--labels-from table, or the folders with --labels-from outer-folder"
            )
    return found


def _class_in_name(path: str) -> str | None:
    """Return a file name without its ending and without a number at its end: cat.17.jpg, cat_17, cat17 and
    "cat (17)" are of the class cat.

    None for a name that is a number.
    """
    return re.sub(r"[._\- ]*(\d+|\(\d+\))$", "", PurePosixPath(path).stem) or None


def _note_others(others: Sequence[str], table: LabelTable | None, reading: Reading) -> None:
    notes = reading.notes
    used = set() if table is None else set(table.paths)
    unread = [path for path in others if PurePosixPath(path).suffix.lower() in OTHER_PICTURES]
    used |= set(unread)
    left = [path for path in others if path not in used and PurePosixPath(path).name not in OF_DIGITGAN]
    if unread:
        endings = natural_order({PurePosixPath(path).suffix.lower() for path in unread})
        kinds = f"in formats that are not read ({', '.join(endings)}; convert them to PNG or JPEG)"
        notes.add(f"ignored {counted(len(unread), 'picture')} {kinds}: {listed(unread)}")
    spreadsheets = [path for path in left if path.lower().endswith(SPREADSHEETS)]
    if spreadsheets:
        count = counted(len(spreadsheets), "spreadsheet")
        notes.add(f"ignored {count}; save a table of labels as CSV: {listed(spreadsheets)}")
    tables = [path for path in left if path.lower().endswith((".csv", ".tsv", ".jsonl"))]
    if tables and reading.labels_from in ("auto", "table"):
        notes.add(f"ignored {counted(len(tables), 'table')} without classes of the pictures: {listed(tables)}")
    elif tables:
        notes.add(f"ignored {counted(len(tables), 'table')}, as --labels-from asks: {listed(tables)}", asked=True)
    noted = {*tables, *spreadsheets}
    rest = [path for path in left if path not in noted]
    if known := [path for path in rest if _is_known_junk(path)]:
        notes.add(f"ignored {counted(len(known), 'system or readme file')}: {listed(known[:3])}", asked=True)
    if further := [path for path in rest if not _is_known_junk(path)]:
        notes.add(f"ignored {counted(len(further), 'file')} of other kinds: {listed(further)}")


def _note_masks(pictures: Sequence[str], notes: Notes) -> None:
    """Add a note about pictures that seem to be masks of others: "a_mask.png" beside "a.png"."""
    stems = {PurePosixPath(path).with_suffix("").as_posix() for path in pictures}
    masks = [
        path
        for path in pictures
        if (found := MASK.fullmatch(PurePosixPath(path).with_suffix("").as_posix())) and found["picture"] in stems
    ]
    if masks:
        notes.add(
            f"{counted(len(masks), 'picture')} may be masks of others and are read as images; move them away if they are: "
            f"{listed(masks)}"
        )


def _is_known_junk(path: str) -> bool:
    """Return whether systems and programs write such a file everywhere, so that it tells nothing about the pictures."""
    parts = path.lower().split("/")
    return any(part.startswith(".") or part == "__macosx" for part in parts) or bool(JUNK.fullmatch(parts[-1]))


def _note_empty(tree: FileTree, base: str, folders: Sequence[str], notes: Notes) -> None:
    start = f"{base}/" if base else ""
    there = {path[len(start) :].split("/")[0] for path in tree.folders if path.startswith(start) and path != base}
    if empty := natural_order(name for name in there - set(folders) if name and not name.startswith((".", "__MACOSX"))):
        notes.add(f"folders without pictures are no classes: {listed(empty)}")
