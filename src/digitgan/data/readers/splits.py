"""The usual names of splits, in folders, files and tables."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeVar

from digitgan.data.image_set import Split
from digitgan.data.notes import Notes

Found = TypeVar("Found")

Part = Literal["train", "test", "validation"]
"""A split as data sets name it. Validation images become the test split if there is no other."""

SPLIT_WORDS: Final[Mapping[Part, Sequence[str]]] = types.MappingProxyType(
    {
        "train": ("train", "training"),
        "test": ("test", "testing", "eval", "evaluation", "privatetest"),
        "validation": ("validation", "valid", "val", "dev", "publictest"),
    }
)
"""The words for each split, in lower case. The names of the Hugging Face Hub are among them, and those of FER2013."""


def part_of(name: str) -> Part | None:
    """Return the split that a name states: one of its words, also with "set", "data", "images" or a number behind it."""
    plain = re.sub(r"[-_ ]?(set|data|images|imgs|pictures|\d+)$", "", name.strip().lower())
    return next((part for part, words in SPLIT_WORDS.items() if plain in words), None)


def part_in(name: str) -> tuple[Part | None, str]:
    """Return the split that one word of a name states, and the other words; (None, name) without or with several such words.

    Words are separated by signs or begin with a capital: "seg_train", "trainLabels", "labels-val".
    """
    words = re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+(?![^\W_A-Z])", name)
    stated = [(part, place) for place, word in enumerate(words) if (part := part_of(word)) is not None]
    if len({part for part, _ in stated}) != 1:
        return None, name
    part, place = stated[0]
    return part, " ".join(words[:place] + words[place + 1 :]).lower()


def as_splits(parts: Mapping[Part, Found], notes: Notes | None = None) -> dict[Split, Found]:
    """Return the training and the test split of the parts of a set.

    Validation images are the test split if there is no other, and are not read otherwise.

    Args:
        parts: what belongs to each part.
        notes: the notes, which then state what becomes of the validation images.
    """
    if "validation" in parts and notes is not None:
        used = "are not read, because there are test images" if "test" in parts else "are read as test images"
        notes.add(f"the validation images {used}")
    found: dict[Split, Found] = {}
    if "train" in parts:
        found["train"] = parts["train"]
    if (test := parts.get("test", parts.get("validation"))) is not None:
        found["test"] = test
    return found
