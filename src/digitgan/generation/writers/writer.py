"""The interface of an output format of `digitgan sample`."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from digitgan.files import FOLDER_MARK
from digitgan.generation.labels import Labels
from digitgan.images import Picture


@final
@dataclass(frozen=True)
class Shard:
    """The part of a set that one process writes at a time: one file, or one folder of files.

    Attributes:
        folder: Folder of the set.
        scratch: Folder for temporary files, on the same disk. It is removed when the set is complete.
        number: Index of the shard, from 0.
        count: Number of shards of the set.
        first: Index of the first image in the set.
        labels: int64 (n,), the label of each image of the shard.
        class_names: Class names of the model.
    """

    folder: Path
    scratch: Path
    number: int
    count: int
    first: int
    labels: Labels
    class_names: Sequence[str]

    @property
    def name(self) -> str:
        """The position of the shard in the set, such as "00003-of-00020"."""
        return f"{self.number:05d}-of-{self.count:05d}"


class Writer(ABC):
    """An output format of `digitgan sample`.

    Attributes:
        name: Value of `--format`.
        ending: Extension of the file; empty if the format is a folder.
        in_sets: Whether a set of several files can have the format.
        size_ratio: Approximate bytes on disk per byte of pixels.
    """

    name: ClassVar[str]
    ending: ClassVar[str] = ""
    in_sets: ClassVar[bool] = True
    size_ratio: ClassVar[float] = 1.0

    @abstractmethod
    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        """Write images to a new file or folder, which appears completely or not at all.

        Args:
            path: The file or folder; an existing one is replaced.
            blocks: The images in blocks of uint8 (n, height, width[, channels]); they are read once, in order.
            labels: int64 (n,), the labels of all images.
            class_names: Class names of the model.

        Raises:
            OutputError: If the path cannot be written.
            UsageError: If the format cannot hold the images.
        """

    def image_bytes(self, pixel_bytes: int) -> float:
        """Return the approximate size of an image on disk, in bytes.

        Args:
            pixel_bytes: Number of bytes of its pixels.
        """
        return pixel_bytes * self.size_ratio

    def shard_path(self, shard: Shard) -> Path:
        """Return the path of a shard, below the folder of its set."""
        return shard.folder / f"images-{shard.name}{self.ending}"

    def write_shard(self, shard: Shard, blocks: Iterable[Picture]) -> None:
        """Write one shard of a set.

        Args:
            shard: The shard.
            blocks: See `write`.

        Raises:
            OutputError: If the shard cannot be written.
            UsageError: If the format cannot hold the images.
        """
        self.write(self.shard_path(shard), blocks, shard.labels, shard.class_names)

    def shard_files(self, shard: Shard) -> dict[str, dict[str, Any]]:
        """Read a shard and return its entry in the manifest: the size and the SHA-256 of each file, by path in the set.

        Raises:
            OSError: If a file of the shard is missing or cannot be read.
        """
        path = self.shard_path(shard)
        inside = path.rglob("*") if path.is_dir() else [path]
        files = sorted(file for file in inside if not file.is_dir() and file.name != FOLDER_MARK)
        return {file.relative_to(shard.folder).as_posix(): file_facts(file) for file in files}


def file_facts(path: Path) -> dict[str, Any]:
    """Return the size and the SHA-256 of a file.

    Raises:
        OSError: If the file is missing or cannot be read.
    """
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
