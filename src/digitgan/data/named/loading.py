"""The data sets with a name on disk: the folders that hold them, their download, and reading them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from digitgan.data.image_set import SPLITS, ImageSet, Split
from digitgan.data.named.datasets import PACKAGED, Dataset
from digitgan.data.named.download import fetch, remedy
from digitgan.data.named.remote import ContentError
from digitgan.data.progress import ProgressFn
from digitgan.errors import DataError


def data_folder(data_dir: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of downloaded data sets: `data_dir`, else $DIGITGAN_DATA, else the user's cache folder."""
    if data_dir is not None:
        return data_dir.expanduser()
    if named := environment.get("DIGITGAN_DATA"):
        return Path(named).expanduser()
    return cache_folder(environment)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the user's cache folder for digitgan: $XDG_CACHE_HOME/digitgan, else ~/.cache/digitgan.

    Raises:
        OSError: if the user's folder is unknown.
    """
    cache = environment.get("XDG_CACHE_HOME")
    try:
        return (Path(cache) if cache else Path.home() / ".cache") / "digitgan"
    except RuntimeError as error:
        raise OSError("the user's folder is unknown; set HOME or XDG_CACHE_HOME") from error


def splits_on_disk(dataset: Dataset, data_dir: Path | None) -> tuple[Split, ...]:
    """Return the splits of a data set that are on disk.

    Raises:
        DataError: if there are none. The message names the files and the folder.
    """
    splits = tuple(split for split in SPLITS if _folder_with(split, dataset, data_dir) is not None)
    if not splits:
        raise _absent(dataset, data_dir)
    return splits


def load_dataset(dataset: Dataset, split: Split, data_dir: Path | None, allow_download: bool, notify: ProgressFn) -> ImageSet:
    """Load one split of a data set, and download its files first if they are missing.

    Args:
        dataset: the data set.
        split: the split.
        data_dir: the folder of downloaded data sets, see `data_folder`.
        allow_download: download missing files.
        notify: a function that receives lines of progress.

    Raises:
        DataError: if a file is damaged or has another content, or if files are missing and may not be downloaded.
        DownloadError: if no mirror delivers a missing file.
    """
    if dataset.packaged:
        try:
            return _read(dataset, split, PACKAGED / dataset.name)
        except DataError as error:
            raise DataError(f"{error}. {dataset.name} is part of digitgan: install digitgan again") from error
    folder = _folder_with(split, dataset, data_dir)
    if folder is None:
        if not allow_download:
            raise _absent(dataset, data_dir)
        folder = data_folder(data_dir) / dataset.folder
        fetch(dataset, folder, notify=notify)
    try:
        return _read(dataset, split, folder)
    except ContentError as error:
        raise DataError(f"{error}. {remedy(dataset, folder)}") from error


def _read(dataset: Dataset, split: Split, folder: Path) -> ImageSet:
    files = dataset.layout.of_split(dataset.files, split)
    paths = [path for file in files if (path := file.find(folder)) is not None]
    if len(paths) < len(files):
        missing = [file.name for file in files if file.find(folder) is None]
        raise DataError(f"{folder}: lacks {', '.join(missing)}")
    return dataset.layout.read(paths, files, split, dataset.name)


def _folder_with(split: Split, dataset: Dataset, data_dir: Path | None) -> Path | None:
    if dataset.packaged:
        return PACKAGED / dataset.name
    files, kept = dataset.layout.of_split(dataset.files, split), data_folder(data_dir)
    folders = (kept / dataset.folder, kept)
    return next((folder for folder in folders if files and all(file.find(folder) for file in files)), None)


def _absent(dataset: Dataset, data_dir: Path | None) -> DataError:
    files = ", ".join(file.name for file in dataset.files)
    return DataError(
        f"{dataset.name} is not in {data_folder(data_dir) / dataset.folder}, and this command does not download it; run "
        f"`digitgan data verify {dataset.name} --download`, copy {files} there, name another folder with --data-dir or "
        "DIGITGAN_DATA, or use --data mnist, which is part of digitgan"
    )
