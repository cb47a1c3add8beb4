"""From what the user calls the data (`--data`) to an image set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, final

from digitgan.data.datasets import DATASETS, Dataset
from digitgan.data.digits import embedded_digits
from digitgan.data.download import fetch
from digitgan.data.files import ProgressFn, silent
from digitgan.data.folders import class_folders, read_folder, sorted_classes
from digitgan.data.idx import find_idx, idx_sha256, idx_splits, idx_stems, read_idx_pair, read_idx_set
from digitgan.data.image_set import ImageSet
from digitgan.data.npz import npz_splits, read_npz
from digitgan.data.splits import SPLITS, Split, check_split
from digitgan.errors import DataError, nearest

DIGITS = "digits"
"""The name of the embedded digits."""


class SplitFacts(TypedDict):
    """What one split of a data source holds: see `verify`."""

    images: int
    shape: tuple[int, int, int]
    counts: dict[str, int]
    content_hash: str


def load_image_set(
    source: str,
    split: Split = "train",
    data_dir: Path | None = None,
    allow_download: bool = True,
    notify: ProgressFn = silent,
) -> ImageSet:
    """Load one split of a data source.

    Args:
        source: "mnist"; "digits", the embedded ones; a folder; or an NPZ file. A folder holds files in MNIST's layout,
            or `train` and `test` with class folders in them, or class folders, which are all for training, as is an NPZ
            file but for one that Keras keeps (x_train, …). A folder that has the name of a data set is meant by "./mnist".
        split: "train" or "test".
        data_dir: where downloaded data sets are kept, each in a folder of its name (files that lie in `data_dir` itself
            are found too); left out: $DIGITGAN_DATA, and without that the user's cache folder.
        allow_download: whether a data set that is not there may be fetched.
        notify: takes a line now and then while something is fetched.

    Raises:
        DataError: if the source is unknown, missing or damaged, is not what it claims to be, or lacks that split.
        DownloadError: if it had to be fetched, and no mirror delivered it.
        UsageError: for a split that is neither "train" nor "test".
    """
    check_split(split)
    try:
        if source in DATASETS:
            return _load_dataset(DATASETS[source], split, data_dir, allow_download, notify)
        found = _find(source)
        if split not in found.splits:
            parts = " or ".join(found.splits)
            raise DataError(f"{source}: has no {split} part{f', only {parts}' if parts else ''}; {found.needs}")
        return found.load(split)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error})") from error


def splits_of(source: str) -> tuple[Split, ...]:
    """The splits that a data source has, or can be fetched with.

    Raises:
        DataError: if it is unknown.
    """
    return SPLITS if source in DATASETS else _find(source).splits


def verify(source: str, data_dir: Path | None = None) -> dict[Split, SplitFacts]:
    """Read every split of a data source that is there, check it, and tell what it holds. Nothing is fetched.

    Returns:
        For each split: the number of images, the (channels, height, width) of one, the number of each class by its
        name, and the SHA-256 of the whole content.

    Raises:
        DataError: if anything is missing (but for a whole split), damaged, or not what it claims to be.
    """
    if source in DATASETS:
        dataset = DATASETS[source]
        splits = tuple(split for split in SPLITS if _folder_with(split, dataset, data_dir) is not None)
        if not splits:
            raise _absent(dataset, data_dir)
    else:
        splits = _find(source).splits
    sets = {split: load_image_set(source, split, data_dir, allow_download=False) for split in splits}
    return {
        split: SplitFacts(
            images=len(image_set),
            shape=image_set.shape,
            counts=dict(zip(image_set.class_names, image_set.counts, strict=True)),
            content_hash=image_set.content_hash,
        )
        for split, image_set in sets.items()
    }


def data_folder(data_dir: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Where downloaded data sets are kept: `data_dir`, else $DIGITGAN_DATA, else the user's cache folder."""
    if data_dir is not None:
        return data_dir.expanduser()
    if named := environment.get("DIGITGAN_DATA"):
        return Path(named).expanduser()
    return cache_folder(environment)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where what can be had again is kept: the user's cache folder."""
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "digitgan"


def _folder_with(split: Split, dataset: Dataset, data_dir: Path | None) -> Path | None:
    kept = data_folder(data_dir)
    return next((folder for folder in (kept / dataset.name, kept) if split in idx_splits(folder)), None)


def _absent(dataset: Dataset, data_dir: Path | None) -> DataError:
    files = ", ".join(file.name for file in dataset.files)
    return DataError(
        f"{dataset.name} is not in {data_folder(data_dir)}, and nothing was fetched; put {files} there, "
        "name the folder that holds them with --data-dir or DIGITGAN_DATA, or use the embedded digits: --data digits"
    )


def _load_dataset(dataset: Dataset, split: Split, data_dir: Path | None, allow_download: bool, notify: ProgressFn) -> ImageSet:
    folder = _folder_with(split, dataset, data_dir)
    if folder is None:
        if not allow_download:
            raise _absent(dataset, data_dir)
        folder = data_folder(data_dir) / dataset.name
        fetch(dataset, folder, notify=notify)
    images, labels = read_idx_pair(folder, split)
    hashes = {file.stem: file.sha256 for file in dataset.files}
    for stem, array in zip(idx_stems(split), (images, labels.astype("uint8")), strict=True):
        if idx_sha256(array) != hashes[stem]:
            raise DataError(
                f"{find_idx(folder, stem)}: is not {dataset.name}'s {stem}: its content has another SHA-256. "
                f"Remove it, and it will be fetched; or, if it is data of your own, use it as such: --data {folder}"
            )
    return ImageSet(images, labels, dataset.class_names, f"{dataset.name} ({split})")


@final
@dataclass(frozen=True)
class _Source:
    """A data source that is there: the splits it has, how to load one, and what it would take to have the others."""

    splits: tuple[Split, ...]
    load: Callable[[Split], ImageSet]
    needs: str


def _find(source: str) -> _Source:
    if source == DIGITS:
        return _Source(SPLITS, embedded_digits, "")
    path = Path(source).expanduser()
    if source and path.is_dir():
        return _find_in_folder(path)
    if path.suffix.lower() == ".npz" and path.exists():
        needs = "an NPZ file is all for training, but for one with x_train, y_train, x_test and y_test as Keras keeps them"
        return _Source(npz_splits(path), lambda split: read_npz(path, split), needs)
    if source and path.exists():
        raise DataError(f"{source}: is no data source; a folder or an NPZ file is right (for IDX files, their folder)")
    known = [*DATASETS, DIGITS]
    raise DataError(f"no data source {source!r}: {nearest(source, known)}; a folder or FILE.npz would have to exist")


def _find_in_folder(path: Path) -> _Source:
    if any(find_idx(path, stem) for split in SPLITS for stem in idx_stems(split)):
        files = "; ".join(f"{split} takes {' and '.join(idx_stems(split))}" for split in SPLITS)
        return _Source(idx_splits(path), lambda split: read_idx_set(path, split), files)
    folders = class_folders(path)
    parts = tuple(split for split in SPLITS if split in folders)
    if not parts:
        needs = "class folders without a 'test' folder around them are all for training"
        return _Source(("train",), lambda _: read_folder(path), needs)
    # Both parts number their classes alike, also where one of them lacks a class.
    classes = sorted_classes({each for part in parts for each in class_folders(path / part)})
    name = path.resolve().name
    return _Source(
        parts,
        lambda split: read_folder(path / split, classes, f"{name} ({split})"),
        "a folder of that name, with class folders in it, is right",
    )
