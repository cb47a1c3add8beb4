"""The names of arrays in NPZ and MATLAB files: those of the images, the labels and the class names, in each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from digitgan.data.image_set import Split
from digitgan.data.notes import Notes, listed
from digitgan.data.readers.splits import SPLIT_WORDS, Part, as_splits, part_of
from digitgan.errors import DataError, nearest

IMAGE_NAMES: Final = (
    "images",
    "image",
    "imgs",
    "img",
    "x",
    "data",
    "pixels",
    "features",
    "arr_0",
    "pictures",
    "samples",
    "fea",
)
"""The usual names of the array of images, in lower case, the most common first."""

LABEL_NAMES: Final = ("labels", "label", "y", "targets", "target", "classes", "class", "gnd", "arr_1")
"""The usual names of the array of labels, in lower case, the most common first."""


CLASS_NAMES: Final = ("class_names", "classnames", "names")
"""The usual names of the array of class names, in lower case."""


class ArrayPair(NamedTuple):
    """The names of the arrays of a split. Without labels, the images are an unlabelled set."""

    images: str
    labels: str | None


def array_pairs(names: Sequence[str], label_name: str | None, path: Path, notes: Notes | None = None) -> dict[Split, ArrayPair]:
    """Return the names of the arrays of each split.

    Raises:
        DataError: if several arrays may hold the images or the labels.
    """
    by_part: dict[Part, dict[str, str]] = {}
    whole: dict[str, str] = {}
    for name in names:
        part, rest = _part_and_rest(name)
        (whole if part is None else by_part.setdefault(part, {}))[rest] = name
    usual = _has_usual_images(whole)
    parts = {
        part: pair
        for part, there in by_part.items()
        # Beside images for all splits, arrays such as train_idx state which images are of a split.
        if (not usual or _has_usual_images(there)) and (pair := _pair(there, label_name, path)) is not None
    }
    if usual and parts and "train" not in parts and (pair := _pair(whole, label_name, path)) is not None:
        parts["train"] = pair  # X and y beside X_test and y_test
    if "train" in parts:
        found = as_splits(parts, notes)
        _note_unread(names, found, notes)
        if found["train"].labels is not None and "test" in found and found["test"].labels is None:
            test = found.pop("test").images
            if notes is not None:
                notes.add(f"{test!r} has no labels and is not read")
        return found
    pair = _pair(whole or {name: name for name in names}, label_name, path)
    if pair is None:
        raise DataError(f"{path}: has no array {IMAGE_NAMES[0]!r}; {nearest(IMAGE_NAMES[0], names)}")
    _note_unread(names, {"train": pair}, notes)
    return {"train": pair}


def _has_usual_images(there: Mapping[str, str]) -> bool:
    """Return whether arrays, given by their names without a split, have one with a usual name of images."""
    return any(rest.lower() in IMAGE_NAMES for rest in there)


def _note_unread(names: Sequence[str], pairs: Mapping[Split, ArrayPair], notes: Notes | None) -> None:
    """Add a note about arrays that are neither images nor labels of a split."""
    used = {name for pair in pairs.values() for name in pair}
    others = [name for name in names if name not in used and name.lower() not in CLASS_NAMES]
    if notes is not None and others:
        notes.add(f"ignored the arrays {listed(others)}")


def _pair(there: Mapping[str, str], label_name: str | None, path: Path) -> ArrayPair | None:
    """Return the arrays of images and labels among arrays, given by their names without a split."""
    plain = {rest.lower(): name for rest, name in there.items()}
    others = {rest: name for rest, name in plain.items() if rest not in CLASS_NAMES}
    images = next((others[usual] for usual in IMAGE_NAMES if usual in others), None)
    if images is None:
        left = [name for rest, name in others.items() if rest not in LABEL_NAMES and name != label_name]
        if len(left) != 1:
            return None
        images = left[0]
    rest_of = [name for name in others.values() if name != images]
    if label_name is not None:
        wanted = label_name if label_name in rest_of else others.get(label_name.lower())
        if not rest_of:
            return ArrayPair(images, None)  # test images without labels
        if wanted not in rest_of:
            raise DataError(f"{path}: --label-column {label_name}: {nearest(label_name, [*others, *rest_of])}")
        return ArrayPair(images, wanted)
    labels = next((others[usual] for usual in LABEL_NAMES if usual in others and others[usual] != images), None)
    if labels is None and len(rest_of) == 1:
        raise DataError(
            f"{path}: has no array {LABEL_NAMES[0]!r}; {nearest(LABEL_NAMES[0], rest_of)}. If {rest_of[0]!r} holds the labels, "
            f"add --label-column {rest_of[0]}"
        )
    if labels is None and rest_of:
        raise DataError(f"{path}: several arrays may hold the labels: {', '.join(rest_of)}; choose one with --label-column")
    return ArrayPair(images, labels)


def _part_and_rest(name: str) -> tuple[Part | None, str]:
    """Split names such as "x_train" and "train_images" into the split and the rest."""
    words = name.split("_")
    for place in (0, -1):
        part = part_of(words[place])
        if part is not None and len(words) > 1:
            return part, "_".join(words[1:] if place == 0 else words[:-1])
    plain = name.lower()
    for part, names in SPLIT_WORDS.items():
        for word in names:
            for rest in (plain.removesuffix(word), plain.removeprefix(word)):  # Xtest, TestLabels
                if rest != plain and rest in (*IMAGE_NAMES, *LABEL_NAMES):
                    return part, rest
    return None, name
