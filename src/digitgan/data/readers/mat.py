"""MATLAB files (.mat) of version 7 or older, such as those of SVHN."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan.data.conversion.arrays import CHANNELS, images_of_array
from digitgan.data.conversion.labels import class_labels
from digitgan.data.image_set import SPLITS, UNLABELLED, ImageSet, Split
from digitgan.data.notes import listed
from digitgan.data.readers.array_names import LABEL_NAMES, array_pairs
from digitgan.data.readers.base import ARRAY_OPTIONS, DataSource, Reading
from digitgan.data.readers.splits import part_of
from digitgan.data.safe_reading import check_is_file, check_unpacked
from digitgan.errors import DataError

SVHN: Final = re.compile(r"(train|test|extra)_32x32\.mat")
"""The names of the files of SVHN, whose label 10 stands for the digit 0."""

DAMAGED: Final = (Exception,)
"""The exceptions of SciPy for a damaged file. It states none; among them are those of zlib and of its C code."""

UNREAD: Final = ("cell", "struct", "object", "function", "opaque", "sparse")
"""The kinds of variables that are not read."""

BYTES_OF: Final = {"double": 8, "single": 4, "int64": 8, "uint64": 8, "int32": 4, "uint32": 4, "int16": 2, "uint16": 2}
"""The bytes of a value by MATLAB's type. The others have one."""


@final
@dataclass(frozen=True)
class _Source:
    """The variables of the images and of the labels of a split, and their file."""

    path: Path
    images: str
    labels: str | None

    @property
    def names(self) -> list[str]:
        return [self.images] if self.labels is None else [self.images, self.labels]


def mat_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a MATLAB file, or the folder of SVHN's files, as a data source; None if the path is neither.

    Raises:
        DataError: if a file is damaged, of version 7.3 (HDF5), or has no variable of images.
    """
    if not path.is_dir():
        if path.suffix.lower() != ".mat":
            return None
        found = _sources(path, reading)
        needs = "a MATLAB file has a test split if it has variables such as Xtest and ytest; or name the folder of both files"
    else:
        files = {split: file for split in SPLITS if (file := path / f"{split}_32x32.mat").is_file()}
        if not files:
            return None
        found = {split: _sources(file, reading)[split] for split, file in files.items()}
        needs = "SVHN's test images are in test_32x32.mat"
        if (path / "extra_32x32.mat").is_file():
            reading.notes.add("ignored extra_32x32.mat; to train on it, name that file")
    return DataSource(tuple(found), lambda split: _read(found, split, reading), needs, ARRAY_OPTIONS)


def _sources(path: Path, reading: Reading) -> dict[Split, _Source]:
    """Return the variables of each split of a file. The name of the file may state its only split."""
    check_is_file(path)
    pairs = array_pairs(_variables(path, reading), reading.label_column, path, reading.notes)
    if list(pairs) == ["train"] and part_of(re.split(r"[-_. ]", path.stem)[0]) == "test":
        pairs = {"test": pairs["train"]}
    return {split: _Source(path, *pair) for split, pair in pairs.items()}


def _read(sources: Mapping[Split, _Source], split: Split, reading: Reading) -> ImageSet:
    """Read the images and the labels of a split.

    The images are (height, width, channels, n), (height, width, n), (n, values), (values, n), or an array that
    `images_of_array` converts. Flat images are read in the order of MATLAB, column by column.
    """
    arrays = {part: _load(source.path, source.names) for part, source in sources.items()}
    labels = {part: _flat(arrays[part][source.labels]) for part, source in sources.items() if source.labels is not None}
    images = {
        part: _images_first(arrays[part][source.images], len(labels[part]) if part in labels else None, reading)
        for part, source in sources.items()
    }
    own = sources[split]
    others = [array for part, array in images.items() if part != split]
    name = f"{own.path}: {own.images}"
    pixels = images_of_array(images[split], reading.conversion, reading.image_shape, reading.notes, name, others)
    if split not in labels:
        reading.notes.add(f"{own.path.name} has no labels: one class")
        return ImageSet(pixels, np.zeros(len(pixels), dtype=np.int64), (UNLABELLED,), own.path.name)
    for part, source in sources.items():
        of_part = labels.get(part)
        if of_part is not None and SVHN.fullmatch(source.path.name) and of_part.max(initial=0) == 10 and of_part.min() >= 0:
            reading.notes.add("label 10 stands for the digit 0, as SVHN states")
            labels[part] = np.where(of_part == 10, 0, of_part)
    found, class_names = class_labels(labels, None, reading.notes, f"{own.path}: {own.labels}")
    return ImageSet(pixels, found[split], class_names, own.path.name)


def _flat(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a row or a column of labels as one dimension; one-hot rows as they are."""
    return labels.reshape(-1) if labels.ndim < 2 or 1 in labels.shape else labels


def _images_first(array: npt.NDArray[Any], count: int | None, reading: Reading) -> npt.NDArray[Any]:
    """Move the number of images to the first place."""
    if (
        array.ndim == 4
        and array.shape[2] in CHANNELS
        and (count == array.shape[3] or (count is None and array.shape[0] > array.shape[2]))
    ):
        reading.notes.add(
            "images are stored as (height, width, channels, n): moved to (n, height, width, channels)", asked=True
        )
        return np.moveaxis(array, 3, 0)
    last = array.shape[-1]
    if array.ndim == 3 and (last > max(array.shape[:2]) if count is None else count == last != array.shape[0]):
        reading.notes.add("images are stored as (height, width, n): moved to (n, height, width)", asked=True)
        return np.moveaxis(array, 2, 0)
    if array.ndim == 2:
        if count is not None and count == array.shape[1] != array.shape[0]:
            array = array.T
        if reading.image_shape is None:
            side = round(array.shape[1] ** 0.5)
            if side * side == array.shape[1]:
                reading.notes.add(
                    f"flat images of {array.shape[1]} values are read as {side}x{side}, column by column as in MATLAB; if they "
                    f"lie on their side, add --image-shape {side}x{side} to read them row by row"
                )
                return array.reshape(len(array), side, side).transpose(0, 2, 1)
    return array


def _variables(path: Path, reading: Reading) -> list[str]:
    """Return the names of the numeric variables, and check that they can be held. The others are noted."""
    from scipy.io import whosmat

    with path.open("rb") as file:
        if file.read(128).startswith(b"MATLAB 7.3") or _is_hdf5(path):
            raise DataError(f"{path}: is of MATLAB's version 7.3 (HDF5), which is not read; save it with: save(file, '-v7')")
    try:
        found = whosmat(str(path))
    except DAMAGED as error:
        raise DataError(f"{path}: is not a MATLAB file or is damaged ({error}); download or copy it again") from error
    size = path.stat().st_size
    variables, unread = [], {}
    for name, shape, kind in found:
        if kind in UNREAD:
            unread[name] = kind
            continue
        check_unpacked(int(np.prod(shape, dtype=object)) * BYTES_OF.get(kind, 1), size, str(path))
        variables.append(name)
    if not variables:
        kinds = ", ".join(sorted(set(unread.values()))) or "nothing"
        raise DataError(f"{path}: holds {kinds} and no numeric array; save the images as an array X and their labels as y")
    if labels := [name for name in unread if name.lower() in LABEL_NAMES or name == reading.label_column]:
        raise DataError(
            f"{path}: its variable {labels[0]} is of the kind {unread[labels[0]]}, which is not read; save the labels as "
            f"numbers, or as an array of characters with {labels[0]} = char({labels[0]})"
        )
    if unread:
        reading.notes.add(f"ignored the variables {listed([f'{name} ({kind})' for name, kind in unread.items()])}")
    return variables


def _load(path: Path, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    from scipy.io import loadmat

    try:
        loaded = loadmat(str(path), variable_names=names)
        return {name: np.asarray(loaded[name]) for name in names}
    except DAMAGED as error:
        raise DataError(f"{path}: is damaged ({error}); download or copy it again") from error


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"
