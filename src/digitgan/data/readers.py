"""The readers of files and folders of the user's own, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from digitgan.data.folders import class_folders, read_folder, sorted_classes
from digitgan.data.idx import find_idx, idx_splits, idx_stems, read_idx_set
from digitgan.data.image_set import SPLITS, ImageSet, Split
from digitgan.data.npz import npz_splits, read_npz
from digitgan.data.parquet import read_parquet
from digitgan.data.parquet_layout import parquet_files
from digitgan.data.progress import ProgressFn
from digitgan.lookup import Registry


@final
@dataclass(frozen=True)
class DataSource:
    """A data source that exists.

    Attributes:
        splits: the splits that it has.
        load: a function that loads one of them. It may report lines of progress.
        needs: how to provide the other splits, for the error message.
    """

    splits: tuple[Split, ...]
    load: Callable[[Split, ProgressFn], ImageSet]
    needs: str


def reader_of(path: Path) -> DataSource | None:
    """Return the data source of an existing path; None if no reader reads it."""
    for reader in reversed(list(READERS.values())):
        if (found := reader(path)) is not None:
            return found
    return None


def _npz_file(path: Path) -> DataSource | None:
    if path.is_dir() or path.suffix.lower() != ".npz":
        return None
    needs = "an NPZ file is training data unless it has x_train, y_train, x_test and y_test, as in Keras' layout"
    return DataSource(npz_splits(path), lambda split, _: read_npz(path, split), needs)


def _idx_folder(path: Path) -> DataSource | None:
    if not path.is_dir() or not any(find_idx(path, stem) for split in SPLITS for stem in idx_stems(split)):
        return None
    files = "; ".join(f"{split} needs {' and '.join(idx_stems(split))}" for split in SPLITS)
    return DataSource(idx_splits(path), lambda split, _: read_idx_set(path, split), files)


def _class_folders(path: Path) -> DataSource | None:
    if not path.is_dir():
        return None
    folders = class_folders(path)
    parts = tuple(split for split in SPLITS if split in folders)
    if not parts:
        needs = "class folders are training data unless they are in folders named train and test"
        return DataSource(("train",), lambda *_: read_folder(path), needs)
    # Both splits share the class indices, even if one of them lacks a class.
    classes = sorted_classes({each for part in parts for each in class_folders(path / part)})
    name = path.resolve().name
    return DataSource(
        parts,
        lambda split, _: read_folder(path / split, classes, f"{name} ({split})"),
        "add a folder of that name with class folders in it",
    )


def _parquet_files(path: Path) -> DataSource | None:
    files = parquet_files(path)
    if not files:
        return None
    needs = "a Parquet file is training data; in a folder, names such as test-00000-of-00001.parquet state the splits"
    return DataSource(tuple(files), lambda split, notify: read_parquet(path, split, notify), needs)


READERS: Final = Registry[Callable[[Path], DataSource | None]](
    "reader",
    {
        "a folder of class folders": _class_folders,
        "a folder of IDX files": _idx_folder,
        "an NPZ file": _npz_file,
        "a Parquet file or a folder of them": _parquet_files,
    },
)
"""The readers of files and folders. Each returns None for a path that it does not read. The last reader is tried first, so that
registered readers precede those of the package."""
