"""The data sources that `--data` accepts: loading, verifying and showing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict, final

from digitgan.data.datasets import DATASETS
from digitgan.data.digits import embedded_digits
from digitgan.data.image_set import SPLITS, ImageSet, Split, check_split
from digitgan.data.named import load_dataset, splits_on_disk
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.readers import READERS, DataSource, reader_of
from digitgan.errors import DataError, UsageError, nearest

DEFAULT_SOURCE: Final = "mnist"

DIGITS: Final = "digits"
"""The name of the digits that come with scikit-learn, as a data source."""


class SplitFacts(TypedDict):
    """The content of one split of a data source, see `verify`."""

    images: int
    shape: tuple[int, int, int]
    counts: dict[str, int]
    content_hash: str


@final
@dataclass(frozen=True)
class DataRequest:
    """The images that a user requests: a source, and how many of its training images are used.

    Attributes:
        source: the data source, see `load_image_set`.
        data_dir: the folder of downloaded data sets, see `load_image_set`.
        per_class_limit: the number of training images of each class, the first ones; None for all.
    """

    source: str
    data_dir: Path | None = None
    per_class_limit: int | None = None

    @classmethod
    def requested(
        cls, source: str | None, data_dir: Path | None, per_class_limit: int | None, record: Mapping[str, Any] | None = None
    ) -> DataRequest:
        """Return the request of the options of a command.

        Args:
            source: the option `--data`. If None, the source of the record, or MNIST.
            data_dir: the option `--data-dir`.
            per_class_limit: the option `--per-class-limit`. If None and the source is that of the record, the limit is too.
            record: the entry `data` of the record of a run or of the card of a model, see `record`.
        """
        before = record if isinstance(record, Mapping) else {}  # a model file may hold anything
        if source is None:
            source = str(before.get("source") or DEFAULT_SOURCE)
        if per_class_limit is None and source == before.get("source"):
            limit = before.get("per_class_limit")
            per_class_limit = limit if isinstance(limit, int) else None
        return cls(source, data_dir, per_class_limit)

    def record(self) -> dict[str, Any]:
        """Return the request as JSON values, without the folder, which differs between machines."""
        return {"source": self.source, "per_class_limit": self.per_class_limit}

    def load(self, split: Split = "train", notify: ProgressFn = silent) -> ImageSet:
        """Load one split, see `load_image_set`."""
        return load_image_set(self.source, split, self.data_dir, notify=notify, per_class_limit=self.per_class_limit)


def load_image_set(
    source: str,
    split: Split = "train",
    data_dir: Path | None = None,
    allow_download: bool = True,
    notify: ProgressFn = silent,
    per_class_limit: int | None = None,
) -> ImageSet:
    """Load one split of a data source.

    Args:
        source: "mnist", another name in `DATASETS`, "digits", a folder, or an NPZ or Parquet file. A folder holds files in
            MNIST's layout, Parquet files, class folders, or folders `train` and `test` of class folders. Class folders without
            `train` and `test` are training data, as are a Parquet file and an NPZ file without the arrays of Keras' layout
            (x_train, …). Write "./mnist" for a folder with the name of a data set.
        split: "train" or "test".
        data_dir: the folder of downloaded data sets, each in a folder of its name. Files directly in `data_dir` are found too.
            Default: $DIGITGAN_DATA, else the user's cache folder.
        allow_download: download a data set that is missing.
        notify: a function that receives lines of progress.
        per_class_limit: the number of training images of each class to keep, the first ones. It does not apply to test images.

    Raises:
        DataError: if the source is unknown, missing or damaged, has another content than its name states, or lacks the split;
            or if a class has fewer training images than the limit.
        DownloadError: if no mirror delivers a missing data set.
        UsageError: if the split is neither "train" nor "test", or the limit is below 1.
    """
    check_split(split)
    if per_class_limit is not None and per_class_limit < 1:
        raise UsageError(f"--per-class-limit {per_class_limit}: must be 1 or more")
    try:
        image_set = _load(source, split, data_dir, allow_download, notify)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error})") from error
    return image_set if per_class_limit is None or split == "test" else image_set.limited(per_class_limit)


def _load(source: str, split: Split, data_dir: Path | None, allow_download: bool, notify: ProgressFn) -> ImageSet:
    if source in DATASETS:
        return load_dataset(DATASETS[source], split, data_dir, allow_download, notify)
    found = _find(source)
    if split not in found.splits:
        parts = " or ".join(found.splits)
        raise DataError(f"{source}: has no {split} split{f', only {parts}' if parts else ''}; {found.needs}")
    return found.load(split, notify)


def splits_of(source: str) -> tuple[Split, ...]:
    """Return the splits of a data source, including those that a download would add.

    Raises:
        DataError: if the source is unknown.
    """
    return SPLITS if source in DATASETS else _find(source).splits


def verify(
    source: str,
    data_dir: Path | None = None,
    per_class_limit: int | None = None,
    notify: ProgressFn = silent,
    allow_download: bool = False,
) -> dict[Split, SplitFacts]:
    """Read and check every split of a data source that exists.

    Args:
        source: see `load_image_set`.
        data_dir: see `load_image_set`.
        per_class_limit: see `load_image_set`.
        notify: a function that receives lines of progress.
        allow_download: download a data set that is missing, and check both splits.

    Returns:
        For each split: the number of images, their shape (channels, height, width), the number of images by class name, and the
        SHA-256 of the content.

    Raises:
        DataError: if a file of a split is missing or damaged, or has another content than its name states; or if a class has
            fewer training images than the limit.
    """
    on_disk_only = source in DATASETS and not allow_download
    splits = splits_on_disk(DATASETS[source], data_dir) if on_disk_only else splits_of(source)
    limit = per_class_limit
    sets = {split: load_image_set(source, split, data_dir, allow_download, notify, limit) for split in splits}
    return {
        split: SplitFacts(
            images=len(image_set),
            shape=image_set.shape,
            counts=dict(zip(image_set.class_names, image_set.counts, strict=True)),
            content_hash=image_set.content_hash,
        )
        for split, image_set in sets.items()
    }


def _find(source: str) -> DataSource:
    if source == DIGITS:
        return DataSource(SPLITS, lambda split, _: embedded_digits(split), "")
    path = Path(source).expanduser()
    if source and path.exists():
        if (found := reader_of(path)) is not None:
            return found
        raise DataError(f"{source}: is not a data source; name {', '.join(READERS)}")
    known = [*DATASETS, DIGITS]
    raise DataError(f"unknown data source {source!r}: {nearest(source, known)}; or give the path of {', '.join(READERS)}")
