"""CIFAR's binary files: for each image one or two label bytes, then its red, green and blue plane.

(A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from digitgan.data.conversion.labels import class_labels
from digitgan.data.image_set import ImageSet, Pixels, Split
from digitgan.data.readers.base import DataSource, Reading
from digitgan.errors import DataError

SHAPE: Final = (3, 32, 32)
"""The shape of an image: the red, the green and the blue plane, each in rows."""

PLANES: Final = 3 * 32 * 32

NAMES: Final = ("batches.meta.txt", "fine_label_names.txt")
"""Text files of the class names of CIFAR-10 and CIFAR-100, one a line."""

FILES: Final = {
    "cifar10": (tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("test_batch.bin",)),
    "cifar100": (("train.bin",), ("test.bin",)),
}
"""The names of the training files and of the test files of the two sets."""


def decode_records(content: bytes, label_bytes: int, name: str) -> tuple[Pixels, Pixels]:
    """Return the images and the labels of a binary file.

    Args:
        content: the content of the file.
        label_bytes: the number of labels of an image: 1 in CIFAR-10; 2 in CIFAR-100, the coarse and the fine one.
        name: the name of the file in messages.

    Returns:
        Images uint8 (n, 32, 32, 3), and labels uint8 (n, label_bytes).

    Raises:
        DataError: if the file has another length.
    """
    size = label_bytes + PLANES
    if not content or len(content) % size:
        raise DataError(f"{name}: has {len(content)} bytes, not a multiple of {size}; download it again")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    planes = records[:, label_bytes:].reshape(-1, *SHAPE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, :label_bytes]


def cifar_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a folder of CIFAR's binary files, or one of them, as a data source; None if the path is neither."""
    if path.is_dir():
        for train, test in FILES.values():
            found = {
                split: [path / name for name in names if (path / name).is_file()]
                for split, names in (("train", train), ("test", test))
            }
            if any(found.values()):
                there = {split: files for split, files in found.items() if files}
                missing = [name for name in (*train, *test) if not (path / name).is_file()]
                if missing:
                    reading.notes.add(f"of CIFAR's binary files, {', '.join(missing)} are not in the folder")
                return _source(there, path, reading)  # type: ignore[arg-type]
        return None
    if path.suffix.lower() != ".bin" or not path.is_file():
        return None
    return _source({"train": [path]}, path.parent, reading)


def _source(files: dict[Split, list[Path]], folder: Path, reading: Reading) -> DataSource:
    def load(split: Split) -> ImageSet:
        parts = {part: _read(paths) for part, paths in files.items()}
        labels, class_names = class_labels(
            {part: labels for part, (_, labels) in parts.items()}, _class_names(folder), reading.notes, str(folder)
        )
        name = f"{folder.resolve().name} ({split})"
        return ImageSet(parts[split][0], labels[split], class_names, name)

    return DataSource(
        tuple(files), load, f"the files of the test split are {' or '.join(test[0] for _, test in FILES.values())}", ()
    )


def _read(paths: Sequence[Path]) -> tuple[Pixels, Pixels]:
    """Return the images and the fine labels of files."""
    found = []
    for path in paths:
        content = path.read_bytes()
        sizes = [count for count in (1, 2) if content and len(content) % (count + PLANES) == 0]
        by_name = 2 if re.fullmatch(r"(train|test)\.bin", path.name) else 1
        images, labels = decode_records(content, sizes[0] if len(sizes) == 1 else by_name, str(path))
        found.append((images, labels[:, -1]))
    return np.concatenate([images for images, _ in found]), np.concatenate([labels for _, labels in found])


def _class_names(folder: Path) -> list[str] | None:
    for name in NAMES:
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            return [line.strip() for line in text.splitlines() if line.strip()] or None
    return None
