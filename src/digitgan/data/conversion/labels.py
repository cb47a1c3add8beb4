"""Labels as people store them, converted to class indices, and the order of class names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitgan.data.image_set import Labels, Split
from digitgan.data.notes import Notes, counted, listed
from digitgan.errors import DataError

MAX_CLASSES: Final = 10_000
"""Largest number of classes. More are a column that holds no classes, such as the number of each image."""

MANY_CLASSES: Final = 20
"""Number of classes from which fewer than two images for each are probably no classes, but names or descriptions."""


def natural_order(names: Iterable[str]) -> list[str]:
    """Return names in the order of their parts, numbers by value: "2", "10", "class2", "class10"."""

    def rank(name: str) -> tuple[list[tuple[bool, int, str]], str]:
        parts = [part for part in re.split(r"([0-9]+)", name) if part]
        return [_by_value(part) if part.isdigit() and part.isascii() else (True, 0, part) for part in parts], name

    return sorted(names, key=rank)


def _by_value(digits: str) -> tuple[bool, int, str]:
    plain = digits.lstrip("0")
    return False, len(plain), plain  # Python refuses to convert thousands of digits to an integer


def class_labels(
    parts: Mapping[Split, npt.NDArray[Any]], class_names: Sequence[str] | None, notes: Notes, name: str
) -> tuple[dict[Split, Labels], tuple[str, ...]]:
    """Convert the labels of all splits of a set to class indices, with the same classes in each split.

    Accepted are integers, floats that are integers, booleans, strings, a column (n, 1) of them, and one-hot rows (n, classes).
    Integers without class names give classes named by the integers that occur, so that labels from 1 or with gaps leave no
    class without images. Texts are class names in natural order.

    Args:
        parts: the labels of each split.
        class_names: the class names, if the set states them.
        notes: the notes, to which each step is added.
        name: the name of the set in messages.

    Returns:
        The class indices, int64 (n,), of each split; and the class names.

    Raises:
        DataError: if the labels have another form, are no class of `class_names`, or have more than `MAX_CLASSES` values.
    """
    if class_names is not None and len(set(class_names)) < len(class_names):
        raise DataError(f"{name}: two of its class names are the same; rename one")
    if class_names is not None:
        _check_names(class_names, name)
    flat = {split: _one_each(values, notes, name) if values.size else np.zeros(0, np.int64) for split, values in parts.items()}
    filled = [values for values in flat.values() if values.size]
    whole = np.concatenate(filled) if filled else np.zeros(0, dtype=np.int64)
    if whole.dtype.kind == "U" and any(values.dtype.kind != "U" for values in filled):
        raise DataError(f"{name}: the labels of one split are strings and of another numbers; use one type")
    found = np.unique(whole)
    if len(found) > MAX_CLASSES:
        raise DataError(
            f"{name}: its labels have {len(found):,} different values, more than {MAX_CLASSES:,}; "
            "are they the numbers of the images rather than their classes?"
        )
    if class_names is None and len(found) >= MANY_CLASSES and 2 * len(found) > len(whole):
        notes.add(
            f"{len(whole):,} images have {len(found):,} different labels, such as {found[0]}; are these classes? "
            "(--label-column)"
        )
    if whole.dtype.kind == "U":
        return _of_texts(flat, [str(value) for value in found], class_names, notes, name)
    low, high = (int(found[0]), int(found[-1])) if len(found) else (0, -1)
    if low < 0:
        raise DataError(
            f"{name}: label {low} is not a class index; {int((whole < 0).sum()):,} of {len(whole):,} labels are negative. "
            "Remove these images, or number the classes from 0"
        )
    if class_names is not None:
        return _of_stated(flat, low, high, tuple(class_names), notes, name)
    # One-hot rows and all numbers from 0 name classes by their indices.
    if not np.array_equal(found, np.arange(len(found))):
        missing = high + 1 - low - len(found)
        gaps = f", of which {missing:,} {'does' if missing == 1 else 'do'} not occur" if missing else ""
        span = f"{low} to {high}" if high > low else str(low)
        notes.add(f"labels are {span}{gaps}: {counted(len(found), 'class', 'es')} with the numbers as names")
    return {split: np.searchsorted(found, values).astype(np.int64) for split, values in flat.items()}, tuple(
        str(int(value)) for value in found
    )


def _one_each(values: npt.NDArray[Any], notes: Notes, name: str) -> npt.NDArray[Any]:
    """Return one label for each image: int64 or text."""
    kind = values.dtype.kind
    if kind == "S":
        values, kind = np.char.decode(values, "utf-8", "replace"), "U"
    if kind not in "buifU":
        raise DataError(f"{name}: labels are {values.dtype}; they must be integers or strings: the class of each image")
    if values.ndim == 2 and values.shape[1] == 1:
        notes.add(f"labels are a column of shape {values.shape}: read as one label for each image")
        values = values[:, 0]
    elif values.ndim == 2 and kind != "U" and values.shape[1] > 1:
        rows = values.astype(np.float64)
        if not (((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()):
            raise DataError(
                f"{name}: labels have shape {values.shape} and are not one-hot (a single 1 in each row); save "
                "labels.argmax(axis=1) if the highest value of a row marks the class"
            )
        notes.add(f"labels are one-hot rows of {values.shape[1]} values: read as class indices")
        indices: npt.NDArray[Any] = rows.argmax(axis=1).astype(np.int64)
        return indices
    if values.ndim != 1:
        raise DataError(f"{name}: labels have shape {values.shape}; it must be (n,): one label for each image")
    if kind == "U":
        return values
    if kind == "f":
        if not np.isfinite(values).all() or (np.rint(values) != values).any():
            wrong = values[~(np.isfinite(values) & (np.rint(values) == values))][0]
            raise DataError(f"{name}: label {wrong} is not an integer; labels are the class of each image")
        notes.add("labels are floats: read as integers")
    if values.size and (float(values.max()) > np.iinfo(np.int64).max):
        raise DataError(f"{name}: label {values.max()} is not a class index")
    return values.astype(np.int64)


def _of_texts(
    flat: Mapping[Split, npt.NDArray[Any]],
    found: Sequence[str],
    class_names: Sequence[str] | None,
    notes: Notes,
    name: str,
) -> tuple[dict[Split, Labels], tuple[str, ...]]:
    # The same text may be stored in two forms of Unicode, and tables and folders may have blanks at its ends.
    plain = {each: unicodedata.normalize("NFC", each).strip() for each in found}
    names = tuple(class_names) if class_names is not None else tuple(natural_order(set(plain.values())))
    index = {each: label for label, each in enumerate(names)}
    if class_names is None:
        _check_names(names, name)
        index |= {each: index[short] for each, short in plain.items()}
        _note_similar(plain, names, notes)
    if unknown := [each for each in found if each not in index]:
        raise DataError(f"{name}: its labels {listed([repr(each) for each in unknown])} are not among its class names")
    if "" in index:
        count = sum(int((np.char.strip(values) == "").sum()) for values in flat.values() if values.dtype.kind == "U")
        raise DataError(f"{name}: {count:,} of its images have an empty label; give each image a class, or remove it")
    return {split: np.array([index[str(value)] for value in values], dtype=np.int64) for split, values in flat.items()}, names


def _check_names(names: Sequence[str], name: str) -> None:
    if wrong := [repr(each) for each in names if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in each)]:
        raise DataError(f"{name}: a class name must be one line of valid Unicode: {listed(wrong)}; rename it")


def _note_similar(plain: Mapping[str, str], names: Sequence[str], notes: Notes) -> None:
    """Add notes about strings that become one class, and about classes that differ in upper and lower case only."""
    changed = sorted(each for each, short in plain.items() if each != short and short in plain)
    if changed:
        notes.add(
            f"{listed([repr(each) for each in changed])}: one class with the name that differs in blanks or in its Unicode form"
        )
    by_case: dict[str, list[str]] = {}
    for each in names:
        by_case.setdefault(each.casefold(), []).append(each)
    if alike := [" and ".join(each) for each in by_case.values() if len(each) > 1]:
        notes.add(f"classes differ in upper and lower case only: {listed(alike)}")


def _of_stated(
    flat: Mapping[Split, npt.NDArray[Any]], low: int, high: int, names: tuple[str, ...], notes: Notes, name: str
) -> tuple[dict[Split, Labels], tuple[str, ...]]:
    """Return numbers as indices of stated class names. They may count from 1."""
    if high < len(names):
        return {split: values.astype(np.int64) for split, values in flat.items()}, names
    if low == 1 and high == len(names):
        notes.add(f"labels are 1 to {high} for {len(names)} class names: counted from 1")
        return {split: values.astype(np.int64) - 1 for split, values in flat.items()}, names
    raise DataError(f"{name}: label {high} has no class name; there are {len(names)} (0 to {len(names) - 1})")
