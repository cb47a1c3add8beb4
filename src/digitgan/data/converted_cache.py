"""A cache of converted image sets, so that images that took long to read are there at once the next time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from digitgan.data.image_set import ImageSet, Split
from digitgan.data.named.loading import cache_folder
from digitgan.data.notes import Notes
from digitgan.data.read_options import ReadOptions
from digitgan.data.readers.file_tree import FolderTree
from digitgan.data.readers.npz import read_arrays
from digitgan.data.readers.registry import READERS
from digitgan.data.safe_reading import local_path
from digitgan.errors import DataError
from digitgan.files import replacing
from digitgan.version import __version__

MIN_SECONDS: Final = 3.0
"""Duration of reading from which a set is stored."""

MAX_BYTES: Final = 4 << 30
"""Largest size of the cache. The sets that were not used for the longest time are removed first."""

FORMAT: Final = 4
"""A change of what readers or conversions do with the same files must change this number."""


BESIDE: Final = ("", ".bin", ".csv", ".gz", ".xz", ".txt", ".idx3-ubyte", ".idx1-ubyte")
"""Extensions of files of which several may be one image set."""


class ConvertedCache:
    """The cache of one split of a source, read with certain options.

    A set is found again if the names, sizes and times of all its files are the same. The time of the last change of a file's
    state (ctime) is one of them: programs cannot set it, so that changed content is never taken for the earlier one.

    Args:
        source: the source, the path of a file or a folder.
        split: the split.
        read: the options.
    """

    def __init__(self, source: str, split: Split, read: ReadOptions) -> None:
        self._source = local_path(source)
        self._asked = [FORMAT, __version__, list(READERS), str(self._source.resolve()), split, read.record()]
        self._path = cache_folder() / "converted" / f"{self._key()}.npz"

    def _key(self) -> str:
        digest = hashlib.sha256(json.dumps(self._asked).encode())
        for line in _states(self._source):
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()[:40]

    def load(self, notes: Notes) -> ImageSet | None:
        """Return the stored set and add its notes; None if there is none or it is damaged."""
        try:
            # The arrays as they were stored: `read_npz` would convert them again.
            stored = read_arrays(self._path, ("images", "labels", "class_names"))
            facts = json.loads(self._path.with_suffix(".json").read_text(encoding="utf-8"))
            name, lines, unasked = str(facts["name"]), list(facts["notes"]), list(facts["unasked"])
            images = ImageSet(stored["images"], stored["labels"], tuple(map(str, stored["class_names"])), name)
        except (DataError, OSError, ValueError, LookupError, TypeError):
            return None
        for line in lines:
            notes.add(line, asked=line not in unasked)
        with contextlib.suppress(OSError):
            os.utime(self._path)  # used now
        return images

    def store(self, images: ImageSet, notes: Notes, seconds: float) -> None:
        """Store a set if reading it took long, and no file of the source has changed since. A full disk is no problem."""
        if seconds < MIN_SECONDS or images.images.nbytes > MAX_BYTES // 4 or self._path.stem != self._key():
            return
        facts = {"name": images.name, "notes": notes.lines, "unasked": notes.unasked}
        with contextlib.suppress(Exception):  # only the speed of the next reading depends on it
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path.with_suffix(".json")) as file:
                file.write(json.dumps(facts).encode())
            with replacing(self._path) as file:
                arrays: dict[str, Any] = {"images": images.images, "labels": images.labels}
                np.savez(file, **arrays, class_names=np.array(images.class_names))
            _prune(self._path.parent)


def _states(path: Path) -> Iterator[str]:
    """Yield a line for each file below a path: its name, size and times."""
    if not path.is_dir():
        # Readers of IDX files, of CIFAR's and of EMNIST's CSV files look for further files of the set beside a file.
        beside = [file for file in path.parent.iterdir() if file.suffix in BESIDE] if path.suffix.lower() in BESIDE else [path]
        for file in sorted({path, *beside}):
            with contextlib.suppress(OSError):
                yield _state(file, file.stat())
        return
    for name in FolderTree(path).files:  # it ends at links that lead back
        with contextlib.suppress(OSError):
            yield _state(Path(name), (path / name).stat())


def _state(path: Path, state: os.stat_result) -> str:
    return f"{path}\n{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}\n"


def _prune(folder: Path) -> None:
    """Remove the sets that were not used for the longest time, until the others fit."""
    sets = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in sets:
        total += path.stat().st_size
        if total > MAX_BYTES:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
    for leftover in folder.glob(".*.part"):
        if time.time() - leftover.stat().st_mtime > 3600:
            leftover.unlink(missing_ok=True)
