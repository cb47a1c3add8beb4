"""Images as PNG: one picture of all images, or a folder of pictures for each class."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
from PIL import Image

from digitgan.errors import OutputError, UsageError, why_not_written
from digitgan.files import whole_folder
from digitgan.generation.labels import Labels
from digitgan.generation.writers.writer import Shard, Writer
from digitgan.images import Picture, enlarged, grid, save_png

MAX_GRID_IMAGES: Final = 10_000
MAX_GRID_COLUMNS: Final = 40
GRID_ENLARGEMENT: Final = 2

MIN_FILE_BYTES: Final = 4096
"""Minimum size of a file on most file systems."""


@final
class PngGrid(Writer):
    """One PNG with ten images per row, or with a class per row if the classes are contiguous and of equal size."""

    name: ClassVar[str] = "png"
    ending: ClassVar[str] = ".png"
    in_sets: ClassVar[bool] = False

    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        """See `Writer.write`.

        Raises:
            UsageError: If there are more than `MAX_GRID_IMAGES` images.
        """
        if len(labels) > MAX_GRID_IMAGES:
            raise UsageError(
                f"--format png: {len(labels):,} images exceed the maximum of {MAX_GRID_IMAGES:,}; use --format folder, npz or "
                "idx"
            )
        _, counts = np.unique(labels, return_counts=True)
        one_class_per_row = len(counts) > 1 and len(set(counts.tolist())) == 1 and bool(np.all(np.diff(labels) >= 0))
        columns = int(counts[0]) if one_class_per_row and counts[0] <= MAX_GRID_COLUMNS else min(10, len(labels))
        save_png(path, enlarged(grid(np.concatenate(list(blocks)), columns), GRID_ENLARGEMENT))


@final
class PngFolder(Writer):
    """A folder of PNGs per class, in the layout of torchvision's `ImageFolder`.

    The shards of a set share these folders.
    """

    name: ClassVar[str] = "folder"

    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        """See `Writer.write`.

        Raises:
            UsageError: If a class name is not a valid folder name, or not unique.
        """
        _save_pictures(path, picture_paths(labels, class_names), blocks)

    def image_bytes(self, pixel_bytes: int) -> float:
        """See `Writer.image_bytes`."""
        return max(super().image_bytes(pixel_bytes), MIN_FILE_BYTES)

    def shard_path(self, shard: Shard) -> Path:
        """Return the folder that all shards of a set share."""
        return shard.folder / "images"

    def write_shard(self, shard: Shard, blocks: Iterable[Picture]) -> None:
        """See `Writer.write_shard`."""
        paths = picture_paths(shard.labels, shard.class_names, shard.first)
        part, root = shard.scratch / f"pictures-{shard.first}", self.shard_path(shard)
        _save_pictures(part, paths, blocks)
        try:
            for path in paths:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (part / path).replace(root / path)
            shutil.rmtree(part)
        except OSError as problem:
            raise OutputError(f"{root}: cannot be written ({why_not_written(problem, root)})") from problem

    def shard_files(self, shard: Shard) -> dict[str, dict[str, Any]]:
        """Return the number of pictures of a shard, and one hash over their bytes in the order of the indices."""
        root, digest = self.shard_path(shard), hashlib.sha256()
        for path in picture_paths(shard.labels, shard.class_names, shard.first):
            digest.update((root / path).read_bytes())
        return {root.name: {"pictures": len(shard.labels), "sha256": digest.hexdigest()}}


def picture_paths(labels: Labels, class_names: Sequence[str], first: int = 0) -> list[Path]:
    """Return the relative path of each image in a folder of pictures; `first` is the index of the first image.

    Raises:
        UsageError: If a class name is not a valid folder name, or not unique.
    """
    used = [class_names[label] for label in np.unique(labels)]
    for name in used:
        # Model files are untrusted: a class name must not lead out of the folder, nor make a hidden folder.
        valid = name and Path(name).name == name and not name.startswith(".") and name.isprintable()
        if not valid or used.count(name) > 1:
            raise UsageError(f"class name {name!r} is not a valid folder name or not unique; write the format npz instead")
    return [Path(class_names[label]) / f"{index:08d}.png" for index, label in enumerate(labels, first)]


def _save_pictures(folder: Path, paths: Sequence[Path], blocks: Iterable[Picture]) -> None:
    """Write a folder of pictures, which appears completely or not at all."""
    with whole_folder(folder) as temporary:
        write_pictures(temporary, paths, blocks)


def write_pictures(folder: Path, paths: Sequence[Path], blocks: Iterable[Picture]) -> None:
    """Write pictures into a folder, each with its relative path."""
    for path, image in zip(paths, (image for block in blocks for image in block), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / path)
