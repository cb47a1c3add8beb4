"""The images that a user requests: sources, limits and options, as a run records them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from digitgan.data.conversion.labels import natural_order
from digitgan.data.image_set import SPLITS, ImageSet, Split
from digitgan.data.named.datasets import DATASETS
from digitgan.data.notes import Notes, listed
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.read_options import ReadOptions
from digitgan.data.safe_reading import local_path
from digitgan.data.sources import load_image_set, splits_of
from digitgan.errors import DataError, UsageError

DEFAULT_SOURCE: Final = "mnist"


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
        notes, images = Notes(), joined(parts)
        # The sources with a test split may lack classes of the others.
        wanted = self.read.classes
        there = None if wanted is None else tuple(name for name in wanted if split == "train" or name in images.class_names)
        if there == ():
            raise DataError(f"{self.name}: no source with a {split} split has the classes {', '.join(wanted or ())}")
        images = replace(self.read, classes=there).selected(images, notes)
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
