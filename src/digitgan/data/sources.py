"""The data sources that `--data` accepts: loading, verifying and showing them."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypedDict

from digitgan.data.conversion.image_sets import converted, note_dark
from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.converted_cache import ConvertedCache
from digitgan.data.image_set import SPLITS, ImageSet, Split, check_split
from digitgan.data.named.datasets import DATASETS
from digitgan.data.named.loading import load_dataset, splits_on_disk
from digitgan.data.named.sklearn_digits import sklearn_digits
from digitgan.data.notes import listed
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.read_options import ReadOptions
from digitgan.data.readers.archives import ARCHIVE_ENDINGS
from digitgan.data.readers.base import READING_OPTIONS, DataSource, Reading
from digitgan.data.readers.manifests import stated_form
from digitgan.data.readers.registry import READERS, reader_of
from digitgan.data.safe_reading import local_path
from digitgan.errors import DataError, UsageError, nearest

HDF5_ENDINGS: Final = (".h5", ".hdf5", ".hdf", ".he5")

DIGITS: Final = "digits"
"""The name of the digits that come with scikit-learn, as a data source."""


class SplitFacts(TypedDict):
    """The content of one split of a data source.

    Attributes:
        images: the number of images.
        shape: the shape of an image: (channels, height, width).
        counts: the number of images of each class, by its name.
        content_hash: the SHA-256 of the content, see `ImageSet.content_hash`.
        notes: the notes of the image set.
    """

    images: int
    shape: tuple[int, int, int]
    counts: dict[str, int]
    content_hash: str
    notes: list[str]


def load_image_set(
    source: str,
    split: Split = "train",
    data_dir: Path | None = None,
    allow_download: bool = True,
    notify: ProgressFn = silent,
    per_class_limit: int | None = None,
    read: ReadOptions | None = None,
) -> ImageSet:
    """Load one split of a data source.

    The notes of the image set state what was ignored, guessed or converted. `notify` receives them too.

    Args:
        source: "mnist", another name in `DATASETS`, "digits", or the path of what a reader in `READERS` reads, such as a folder
            of pictures, an archive, or an NPZ, Parquet, CSV or MATLAB file. A source that names no splits is training data.
            Write "./mnist" for a folder with the name of a data set.
        split: "train" or "test".
        data_dir: the folder of downloaded data sets, each in a folder of its name. Files directly in `data_dir` are found too.
            Default: $DIGITGAN_DATA, else the user's cache folder.
        allow_download: download a data set that is missing.
        notify: a function that receives lines of progress.
        per_class_limit: the number of training images of each class to keep, the first ones. It does not apply to test images.
        read: how the images are read and converted.

    Raises:
        DataError: if the source is unknown, missing or damaged, has another content than its name states, or lacks the split;
            if a class has fewer training images than the limit; or if there are notes and `read.strict` is set.
        DownloadError: if no mirror delivers a missing data set.
        UsageError: if the split is neither "train" nor "test", or the limit is below 1.
    """
    check_split(split)
    if per_class_limit is not None and per_class_limit < 1:
        raise UsageError(f"--per-class-limit {per_class_limit}: must be 1 or more")
    read = read or ReadOptions()
    named = source in DATASETS or source == DIGITS
    if not named and _exists(source) and (form := stated_form(local_path(source))) is not None:
        read = read.completed(replace(ReadOptions(), conversion=form))
    reading = Reading.with_options(read, notify)
    cache = None if named or not _exists(source) else ConvertedCache(source, split, read)
    image_set = None if cache is None else cache.load(reading.notes)
    if image_set is None:
        started = time.monotonic()
        try:
            found = _load(source, split, data_dir, allow_download, reading)
        except OSError as error:
            raise DataError(f"{source}: cannot be read ({error})") from error
        image_set = read.selected(converted(found, reading.conversion, reading.notes), reading.notes)
        note_dark(image_set, reading.notes)
        if cache is not None:
            cache.store(image_set, reading.notes, time.monotonic() - started)
    if read.strict:
        reading.notes.check_strict(image_set.name)
    for line in reading.notes.lines:
        notify(f"{image_set.name}: {line}")
    if reading.notes.lines:
        image_set = replace(image_set, notes=tuple(reading.notes.lines))
    return image_set if per_class_limit is None or split == "test" else image_set.limited(per_class_limit)


def _exists(source: str) -> bool:
    return bool(source) and "\0" not in source and local_path(source).exists()


def _load(source: str, split: Split, data_dir: Path | None, allow_download: bool, reading: Reading) -> ImageSet:
    if source in DATASETS:
        _check_options(source, (), reading)
        return load_dataset(DATASETS[source], split, data_dir, allow_download, reading.notify)
    found = _find(source, reading)
    _check_options(source, found.options, reading)
    if split not in found.splits:
        parts = " or ".join(found.splits)
        raise DataError(f"{source}: has no {split} split{f', only {parts}' if parts else ''}; {found.needs}")
    return found.load(split)


def _check_options(source: str, having_effect: Sequence[str], reading: Reading) -> None:
    """Raise `UsageError` for an option that has no effect on a source."""
    for name in READING_OPTIONS:
        if name not in having_effect and getattr(reading, name) != getattr(Reading(), name):
            raise UsageError(f"--{name.replace('_', '-')} has no effect on {source}; leave it out")


def with_effect(sources: Sequence[str], read: ReadOptions) -> ReadOptions:
    """Return the options of reading without those of `READING_OPTIONS` that have no effect on any of the sources.

    Args:
        sources: see `load_image_set`.
        read: the options.

    Raises:
        DataError: if a source is unknown.
    """
    default = ReadOptions()
    if all(getattr(read, name) == getattr(default, name) for name in READING_OPTIONS):
        return read
    options = {
        name for source in sources if source not in DATASETS for name in _find(source, Reading.with_options(read)).options
    }
    return replace(read, **{name: getattr(default, name) for name in READING_OPTIONS if name not in options})


def splits_of(source: str, read: ReadOptions | None = None) -> tuple[Split, ...]:
    """Return the splits of a data source, including those that a download would add.

    Args:
        source: see `load_image_set`.
        read: see `load_image_set`.

    Raises:
        DataError: if the source is unknown.
    """
    return SPLITS if source in DATASETS else _find(source, Reading.with_options(read or ReadOptions())).splits


def load_splits(
    source: str,
    data_dir: Path | None = None,
    per_class_limit: int | None = None,
    notify: ProgressFn = silent,
    *,
    allow_download: bool = False,
    read: ReadOptions | None = None,
) -> dict[Split, ImageSet]:
    """Load and check every split of a data source that exists.

    Args:
        source: see `load_image_set`.
        data_dir: see `load_image_set`.
        per_class_limit: see `load_image_set`.
        notify: a function that receives lines of progress.
        allow_download: download a data set that is missing, and check both splits.
        read: see `load_image_set`. The test split is read in the form of the training split.

    Raises:
        DataError: if a file of a split is missing or damaged, or has another content than its name states; or if a class has
            fewer training images than the limit.
    """
    on_disk_only = source in DATASETS and not allow_download
    splits = splits_on_disk(DATASETS[source], data_dir) if on_disk_only else splits_of(source, read)
    read = read or ReadOptions()
    sets: dict[Split, ImageSet] = {}
    for split in splits or SPLITS[:1]:  # without any split, the error says what is missing
        sets[split] = load_image_set(source, split, data_dir, allow_download, notify, per_class_limit, read)
        read = read.resolved(sets[split])
    return sets


def split_facts(images: ImageSet) -> SplitFacts:
    """Return the content of a split in short."""
    return SplitFacts(
        images=len(images),
        shape=images.shape,
        counts=dict(zip(images.class_names, images.counts, strict=True)),
        content_hash=images.content_hash,
        notes=list(images.notes),
    )


def _find(source: str, reading: Reading) -> DataSource:
    if source == DIGITS:
        return DataSource(SPLITS, sklearn_digits, "", ())
    path = local_path(source)
    if source and path.exists():
        if (found := reader_of(path, reading)) is not None:
            return found
        raise DataError(f"{source}: {_advice(path)}; a data source is {', '.join(READERS)}")
    known = [*DATASETS, DIGITS]
    if "/" in source or "\\" in source or path.suffix:
        raise DataError(f"{source}: does not exist{_near(path)}; correct the path, or name a data set: {', '.join(known)}")
    raise DataError(
        f"unknown data source {source!r}: no such file or folder{_near(path)}, and no such data set: {nearest(source, known)}. "
        f"Give the path of {', '.join(READERS)}"
    )


def _near(path: Path) -> str:
    """Return a suggestion of an existing path of a similar name, or an empty text."""
    if not path.name:
        return ""
    try:
        there = [file.name for file in path.parent.iterdir()]
    except OSError:
        return ""
    by_case = {name.lower(): name for name in there} | {name.lower().split(".")[0]: name for name in there}
    found = difflib.get_close_matches(path.name.lower(), by_case, n=1, cutoff=0.7)
    return f" (did you mean {str(path.with_name(by_case[found[0]]))!r}?)" if found else ""


def _advice(path: Path) -> str:
    """Return what to do with a path that no reader reads."""
    ending = path.suffix.lower()
    if path.is_dir():
        inside = sorted(path.iterdir())
        if archives := [entry.name for entry in inside if entry.name.lower().endswith(ARCHIVE_ENDINGS)]:
            return f"holds no images that are read, but {listed(archives)}; name that file"
        return "holds no images that are read" if inside else "is empty"
    if ending in PICTURE_ENDINGS:
        return f"is a single picture; name its folder, {path.parent}"
    if ending in HDF5_ENDINGS:
        return "is an HDF5 file, which is not read; save its arrays with np.savez('images.npz', images=images, labels=labels)"
    return "is of a kind that is not read"
