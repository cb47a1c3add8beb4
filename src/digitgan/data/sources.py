"""The data sources that `--data` accepts: loading, verifying and showing them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypedDict, final

import numpy as np

from digitgan.data.conversion.image_sets import converted, note_dark
from digitgan.data.conversion.labels import natural_order
from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.converted_cache import ConvertedCache
from digitgan.data.datasets import DATASETS
from digitgan.data.digits import embedded_digits
from digitgan.data.image_set import SPLITS, ImageSet, Split, check_split
from digitgan.data.named import load_dataset, splits_on_disk
from digitgan.data.notes import Notes, listed
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.read_options import ReadOptions
from digitgan.data.readers.archives import ARCHIVE_ENDINGS
from digitgan.data.readers.base import READING_OPTIONS, DataSource, Reading
from digitgan.data.readers.registry import READERS, reader_of
from digitgan.data.safe_reading import local_path
from digitgan.errors import DataError, UsageError, nearest

DEFAULT_SOURCE: Final = "mnist"

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


@final
@dataclass(frozen=True)
class DataRequest:
    """The images that a user requests: sources, and how many of their training images are used.

    Attributes:
        source: the data source, see `load_image_set`.
        data_dir: the folder of downloaded data sets, see `load_image_set`.
        per_class_limit: the number of training images of each class, the first ones; None for all.
        read: how the images are read and converted.
        joined: further sources, whose images follow.
    """

    source: str
    data_dir: Path | None = None
    per_class_limit: int | None = None
    read: ReadOptions = field(default_factory=ReadOptions)
    joined: tuple[str, ...] = ()

    @classmethod
    def requested(
        cls,
        sources: Sequence[str],
        data_dir: Path | None,
        per_class_limit: int | None,
        record: Mapping[str, Any] | None = None,
        read: ReadOptions | None = None,
    ) -> DataRequest:
        """Return the request of the options of a command.

        Args:
            sources: the options `--data`. Without one, the sources of the record, or MNIST.
            data_dir: the option `--data-dir`.
            per_class_limit: the option `--per-class-limit`. If None and the sources are those of the record, the limit is too.
            record: the entry `data` of the record of a run or of the card of a model, see `record`.
            read: the options of reading. Those left at their defaults are those of the record if the sources are.
        """
        before = record if isinstance(record, Mapping) else {}  # a model file may hold anything
        further = before.get("joined")
        recorded = [str(before.get("source") or DEFAULT_SOURCE), *(map(str, further) if isinstance(further, list) else ())]
        source, *joined = sources or recorded
        places = [each if each in DATASETS else str(local_path(each).resolve()) for each in (source, *joined)]
        if len(set(places)) < len(places):
            twice = next(each for place, each in zip(places, (source, *joined), strict=True) if places.count(place) > 1)
            raise UsageError(f"--data {twice}: is named twice, and its images would be used twice; name it once")
        if [source, *joined] == recorded and before.get("source"):
            limit = before.get("per_class_limit")
            if per_class_limit is None:
                per_class_limit = limit if isinstance(limit, int) else None
            earlier = before.get("read")
            if isinstance(earlier, Mapping):
                read = ReadOptions.of_record(earlier) if read is None else read.completed(ReadOptions.of_record(earlier))
        return cls(source, data_dir, per_class_limit, read or ReadOptions(), tuple(joined))

    @property
    def name(self) -> str:
        """The sources, for messages."""
        return " and ".join((self.source, *self.joined))

    def record(self) -> dict[str, Any]:
        """Return the request as JSON values, without the folder, which differs between machines."""
        record = {"source": self.source, "per_class_limit": self.per_class_limit, "read": self.read.record()}
        return {**record, "joined": list(self.joined)} if self.joined else record

    def resolved(self, training: ImageSet) -> DataRequest:
        """Return the request with the size and the number of channels of its training images.

        It then reads the other split, and the same images at another time, in the same form.
        """
        return replace(self, read=self.read.resolved(training))

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that at least one of the sources has."""
        found = {split for source in (self.source, *self.joined) for split in splits_of(source, self.read)}
        return tuple(split for split in SPLITS if split in found)

    def load(self, split: Split = "train", notify: ProgressFn = silent) -> ImageSet:
        """Load one split of the sources, see `load_image_set`.

        Raises:
            DataError: see `load_image_set`; also if the sources differ in the size or the number of channels of their images.
        """
        limit = self.per_class_limit
        if not self.joined:
            return load_image_set(self.source, split, self.data_dir, notify=notify, per_class_limit=limit, read=self.read)
        own = replace(self.read, classes=None)  # a source may lack some of the classes
        having = [source for source in (self.source, *self.joined) if split in splits_of(source, own)]
        parts = [load_image_set(source, split, self.data_dir, notify=notify, read=own) for source in having]
        if not parts:
            raise DataError(f"{self.name}: have no {split} split")
        notes = Notes()
        images = self.read.selected(joined(parts), notes)
        for line in notes.lines:
            notify(f"{images.name}: {line}")
        return images if limit is None or split == "test" else images.limited(limit)


def joined(sets: Sequence[ImageSet]) -> ImageSet:
    """Return the images of several sets, one set after the other. Classes of one name are one class.

    Args:
        sets: sets of images of one size and number of channels. The classes are those of the first set if all have the same,
            else all of them in natural order.

    Raises:
        DataError: if the sets differ in the size or the number of channels of their images.
    """
    first = sets[0]
    for other in sets[1:]:
        if other.shape != first.shape:
            forms = first.shape, other.shape
            sizes = [f"{width}x{height} {'grey' if channels == 1 else 'RGB'}" for channels, height, width in forms]
            raise DataError(
                f"{first.name} has images of {sizes[0]}, {other.name} of {sizes[1]}; bring them to one form "
                "with --size and --colour"
            )
    alike = all(set(other.class_names) == set(first.class_names) for other in sets)
    names = first.class_names if alike else tuple(natural_order({name for each in sets for name in each.class_names}))
    place = {name: label for label, name in enumerate(names)}
    flat = [each.images.reshape(len(each), *first.shape[1:], first.shape[0]) for each in sets]
    images = np.concatenate(flat)
    return ImageSet(
        images[..., 0] if first.shape[0] == 1 else images,
        np.concatenate([np.array([place[name] for name in each.class_names])[each.labels] for each in sets]),
        names,
        " and ".join(each.name for each in sets),
        tuple(f"{each.name}: {note}" for each in sets for note in each.notes),
    )


def with_filled_classes(request: DataRequest, training: ImageSet, notify: ProgressFn) -> tuple[DataRequest, ImageSet]:
    """Return a request in the form of its training images, without classes that have none of them.

    A generator would learn nothing about such a class, and would draw noise.

    Args:
        request: the request.
        training: its training images.
        notify: a function that receives a line about the classes left out.

    Raises:
        DataError: if the request does not allow notes.
    """
    filled = tuple(name for name, count in zip(training.class_names, training.counts, strict=True) if count)
    if len(filled) == len(training.class_names):
        return request.resolved(training), training
    empty = [name for name in training.class_names if name not in filled]
    notes = Notes()
    notes.add(f"classes without training images are left out: {listed(empty)}")
    if request.read.strict:
        notes.check_strict(training.name)
    notify(f"{training.name}: {notes.lines[0]}")
    read = replace(request.read, classes=filled)
    kept = read.selected(training, Notes())
    return replace(request, read=read).resolved(kept), replace(kept, notes=(*training.notes, *notes.lines))


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
    reading = Reading.with_options(read, notify)
    named = source in DATASETS or source == DIGITS
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
        return DataSource(SPLITS, embedded_digits, "", ())
    path = local_path(source)
    if source and path.exists():
        if (found := reader_of(path, reading)) is not None:
            return found
        raise DataError(f"{source}: {_advice(path)}; a data source is {', '.join(READERS)}")
    known = [*DATASETS, DIGITS]
    if "/" in source or "\\" in source or path.suffix:
        raise DataError(f"{source}: does not exist; correct the path, or name a data set: {', '.join(known)}")
    raise DataError(f"unknown data source {source!r}: {nearest(source, known)}; or give the path of {', '.join(READERS)}")


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
