"""EMNIST's files: images stored with rows and columns exchanged, and labels that stand for characters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digitgan.data.image_set import Labels, Pixels, Split
from digitgan.data.notes import Notes
from digitgan.errors import DataError


def turned_upright(images: Pixels, notes: Notes) -> Pixels:
    """Exchange the rows and the columns of images (n, height, width)."""
    notes.add("EMNIST's images are stored with rows and columns exchanged: turned upright", asked=True)
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def characters_of(folder: Path, name: str) -> dict[int, str] | None:
    """Return the character of each label of a set: from its mapping file, or for letters A to Z from 1; None if unknown.

    Args:
        folder: the folder of the set.
        name: the name of the set, such as "emnist-letters".
    """
    mapping = folder / f"{name}-mapping.txt"
    if mapping.is_file():
        return mapping_of(mapping.read_text(encoding="ascii", errors="replace"), str(mapping))
    return {label: chr(64 + label) for label in range(1, 27)} if name == "emnist-letters" else None


def character_labels(
    stored: Mapping[Split, npt.NDArray[np.generic]], characters: Mapping[int, str], name: str
) -> tuple[dict[Split, Labels], tuple[str, ...]]:
    """Return the class indices of each split, and the characters as class names.

    Raises:
        DataError: if a label stands for no character.
    """
    index = {label: place for place, label in enumerate(characters)}
    if unknown := {label for labels in stored.values() for label in np.unique(labels).tolist()} - set(index):
        raise DataError(f"{name}: label {min(unknown)} stands for no character of this set; download it again")
    labels = {part: np.array([index[label] for label in of_part.tolist()], np.int64) for part, of_part in stored.items()}
    return labels, tuple(characters.values())


def mapping_of(text: str, name: str) -> dict[int, str]:
    """Return the character of each label of EMNIST's mapping file, in the order of the labels.

    A line "1 65 97" means label 1, "A" or "a".

    Args:
        text: the content of the file.
        name: the name of the file in messages.

    Raises:
        DataError: if it is another file.
    """
    try:
        lines = [tuple(map(int, line.split())) for line in text.splitlines() if line.strip()]
        characters = {line[0]: chr(line[1]) for line in sorted(lines)}
    except (ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{name}: is not a list of labels and characters ({error}); download it again") from error
    if not characters or min(characters) < 0 or max(characters) > 255:
        raise DataError(f"{name}: has no labels in 0 to 255; download it again")
    return characters
