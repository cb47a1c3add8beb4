"""NPZ, NumPy's zip of arrays, NPY, a single array, and a folder of NPY files.

Pickled objects are never loaded. The sizes stated by the zip and by its arrays are checked against the size of the file before
memory is allocated.
"""

from __future__ import annotations

import contextlib
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from digitgan.data import safe_reading
from digitgan.data.conversion.arrays import images_of_array
from digitgan.data.conversion.labels import MANY_CLASSES, class_labels
from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.image_set import UNLABELLED, ImageSet, Split
from digitgan.data.notes import listed
from digitgan.data.readers.array_names import CLASS_NAMES, array_pairs
from digitgan.data.readers.base import ARRAY_OPTIONS, DataSource, Reading
from digitgan.data.safe_reading import DEFLATE_LIMIT, check_is_file, check_unpacked
from digitgan.errors import DataError, nearest

MAX_UNPACKED_BYTES = 8 << 30
"""Largest unpacked size: 8 GiB, or ten million 28×28 images. Compressed arrays are unpacked into memory; those of `np.savez`
are memory-mapped."""

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError)
"""The exceptions that `zipfile` raises for a damaged, encrypted (RuntimeError) or unsupported file."""

DAMAGED_HEADER = (ValueError, TypeError, LookupError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
"""The exceptions that NumPy raises for a damaged or malicious array header, which is a Python literal."""


MAX_NPY_FILES: Final = 12
"""Largest number of NPY files of a folder that are arrays of images and labels, and not images."""


def npz_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return an NPZ or NPY file, or a folder of NPY files, as a data source; None if the path is none of them."""
    if path.is_dir():
        return _folder_source(path, reading)
    if path.suffix.lower() not in (".npz", ".npy"):
        return None
    needs = "an NPZ file has a test split if it has arrays such as x_test and y_test"
    options = ARRAY_OPTIONS if path.suffix.lower() == ".npz" else ("image_shape",)
    return DataSource(npz_splits(path, reading.label_column), lambda split: read_npz(path, split, reading), needs, options)


def npz_splits(path: Path, label_name: str | None = None) -> tuple[Split, ...]:
    """Return the splits of an NPZ file; "train" for other files and for an unreadable one."""
    with contextlib.suppress(*DAMAGED, OSError, DataError), zipfile.ZipFile(path) as archive:
        return tuple(array_pairs(_names_in(archive), label_name, path)) or ("train",)
    return ("train",)


def read_npz(path: Path | str, split: Split = "train", reading: Reading | None = None) -> ImageSet:
    """Read an image set from an NPZ or NPY file.

    The arrays have usual names, such as `images` and `labels`, `x_train`, `y_train`, `x_test` and `y_test`, or `train_images`
    and `train_labels`; or they are the only array of images and the only array of labels. `class_names` is optional. Their
    forms are those of `images_of_array` and `class_labels`. A file with images alone is an unlabelled image set with the single
    class `UNLABELLED`.

    Args:
        path: the file.
        split: the split to read. A file without names of splits is a training split.
        reading: how the arrays are read and converted.

    Raises:
        DataError: if the file is missing, not a zip, or damaged; if an array is missing, holds objects, has a form that is not
            plain, or is larger than the file can hold; or if images and labels do not match.
    """
    path, reading = Path(path), reading or Reading()
    check_is_file(path)
    if path.suffix.lower() == ".npy":
        return _read_npy(path, reading)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive, path)
            return _read_pair(_names_in(archive), lambda name: _read_array(archive, name, path), path, split, reading)
    except DAMAGED as error:
        raise DataError(f"{path}: is not an NPZ file or is damaged ({error}); write it with np.savez") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return arrays of an NPZ file as they are stored.

    Raises:
        DataError: if the file is missing or damaged, or lacks an array.
    """
    check_is_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive, path)
            return {name: _read_array(archive, name, path) for name in names}
    except (*DAMAGED, OSError) as error:
        raise DataError(f"{path}: is not an NPZ file or is damaged ({error}); write it with np.savez") from error


def _read_pair(
    names: Sequence[str], array: Callable[[str], npt.NDArray[np.generic]], path: Path, split: Split, reading: Reading
) -> ImageSet:
    """Read the images and the labels of a split.

    Args:
        names: the names of the arrays.
        array: a function that returns the array of a name.
        path: the file or folder, for messages.
        split: the split.
        reading: the request to read.
    """
    pairs = array_pairs(names, reading.label_column, path, reading.notes)
    if split not in pairs:
        raise DataError(f"{path}: has no {split} split; its arrays are {listed(list(names))}")
    pair = pairs[split]
    name = f"{path}: {pair.images}" if pair.images != "images" else str(path)
    others = [array(other.images) for part, other in pairs.items() if part != split]
    images = images_of_array(array(pair.images), reading.conversion, reading.image_shape, reading.notes, name, others)
    if pair.labels is None:
        return ImageSet(images, np.zeros(len(images), dtype=np.int64), (UNLABELLED,), path.name)
    parts = {part: array(each.labels) for part, each in pairs.items() if each.labels is not None}
    stated = next((name for name in names if name.lower() in CLASS_NAMES), None)
    class_names = None if stated is None else _class_names(array(stated), path)
    if class_names is not None and _name_images(class_names, [len(labels) for labels in parts.values()]):
        reading.notes.add(f"ignored the array {stated!r}, which names images and not classes")
        class_names = None
    labels, class_names = class_labels(parts, class_names, reading.notes, str(path))
    return ImageSet(images, labels[split], class_names, path.name)


def _folder_source(path: Path, reading: Reading) -> DataSource | None:
    """Return a folder of NPY files, such as X.npy and Y.npy, as a data source; None for other folders."""
    found = {file.stem: file for file in sorted(path.glob("*.npy")) if file.is_file()}
    if not found or any(file.suffix.lower() in PICTURE_ENDINGS for file in path.rglob("*")):
        return None
    if len(found) > MAX_NPY_FILES:
        raise DataError(
            f"{path}: holds {len(found):,} NPY files; if each is an image, save them as one array, for example with "
            "np.save('images.npy', np.stack(images)), and their labels as labels.npy"
        )
    names = list(found)

    def load(split: Split) -> ImageSet:
        return _read_pair(names, lambda name: _npy_array(found[name]), path, split, reading)

    splits = tuple(array_pairs(names, reading.label_column, path))
    return DataSource(splits, load, "a folder of NPY files has a test split if it has files such as x_test.npy", ARRAY_OPTIONS)


def _names_in(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _name_images(names: Sequence[str], counts: Sequence[int]) -> bool:
    """Return whether there is a name for each image, and so many that they are the names of files."""
    return len(names) > MANY_CLASSES and len(names) in (*counts, sum(counts))


def _class_names(names: npt.NDArray[np.generic], path: Path) -> tuple[str, ...]:
    if names.dtype.kind != "U" or names.ndim != 1:
        raise DataError(f"{path}: class_names are {names.dtype} {names.shape}; they must be text (np.array(names, str))")
    return tuple(map(str, names))


def _read_npy(path: Path, reading: Reading) -> ImageSet:
    """Read a single array of images."""
    images = images_of_array(_npy_array(path), reading.conversion, reading.image_shape, reading.notes, str(path))
    reading.notes.add("an NPY file has no labels: one class")
    return ImageSet(images, np.zeros(len(images), dtype=np.int64), (UNLABELLED,), path.name)


def _npy_array(path: Path) -> npt.NDArray[np.generic]:
    """Return the array of an NPY file."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = _header(stream, path.name, path)
        if header.promised != size:
            raise DataError(f"{path}: damaged: it claims shape {header.shape} of {header.dtype}, but has {size} bytes")
    try:
        array: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (*DAMAGED_HEADER, OSError) as error:
        raise DataError(f"{path}: is damaged ({error})") from error


def _check_size(archive: zipfile.ZipFile, path: Path) -> None:
    """Check the sizes in the zip's directory against the size of the file."""
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES:
        raise DataError(
            f"{path}: unpacks to {unpacked} bytes, more than {MAX_UNPACKED_BYTES} (8 GiB); split it into smaller files"
        )
    size = path.stat().st_size
    for entry in archive.infolist():
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{path}: {entry.filename} has an unsupported compression; write it with np.savez or np.savez_compressed"
            )
        growth = 1 if entry.compress_type == zipfile.ZIP_STORED else DEFLATE_LIMIT
        if entry.compress_size > size or entry.file_size > growth * entry.compress_size:
            raise DataError(f"{path}: damaged: {entry.filename} claims {entry.file_size} bytes, more than the file can hold")
    check_unpacked(unpacked, size, str(path))


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> npt.NDArray[np.generic]:
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        present = [other.removesuffix(".npy") for other in archive.namelist()]
        raise DataError(f"{path}: has no array {name!r}; {nearest(name, present)}") from None
    with archive.open(entry) as stream:
        found = _header(stream, name, path)
    header, promised, shape, by_column, dtype = found
    if promised != entry.file_size:
        raise DataError(f"{path}: damaged: {name} claims shape {shape} of {dtype}, but has {entry.file_size} bytes")
    # zipfile compares the checksum when it reads to the end. A memory-mapped array is read once for this check.
    if (
        entry.compress_type == zipfile.ZIP_STORED
        and promised >= safe_reading.MAPPED_FROM
        and dtype == np.uint8
        and not by_column
    ):
        with archive.open(entry) as stream:
            while stream.read(safe_reading.CHUNK):
                pass
        return safe_reading.mapped(path, _place_of(entry, path) + header, shape)
    try:
        with warnings.catch_warnings(action="ignore"), archive.open(entry) as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
    except DAMAGED_HEADER as error:
        raise DataError(f"{path}: {name} is damaged ({error})") from error


class _Header(NamedTuple):
    """The header of an array: its length and that of the whole content in bytes, and what it states."""

    length: int
    promised: int
    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]


def _header(stream: IO[bytes], name: str, path: Path) -> _Header:
    """Read the header of an array."""
    try:
        # NumPy warns about headers written by Python 2 and reads them.
        with warnings.catch_warnings(action="ignore"):
            version = np.lib.format.read_magic(stream)
            if version == (1, 0):
                shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
            elif version == (2, 0):
                shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
            else:
                raise ValueError(f"format {version} is for structured arrays")
            length = stream.tell()
            promised = length + math.prod(shape) * dtype.itemsize
    except DAMAGED_HEADER as error:
        raise DataError(f"{path}: {name} is not an array or is damaged ({error})") from error
    if dtype.hasobject:
        raise DataError(f"{path}: {name} holds Python objects, which are never unpickled; save an array of numbers or text")
    if min(shape, default=0) < 0 or dtype.itemsize == 0:
        raise DataError(f"{path}: damaged: {name} claims shape {shape} of {dtype}")
    return _Header(length, promised, shape, by_column, dtype)


def _place_of(entry: zipfile.ZipInfo, path: Path) -> int:
    """Return the position of an uncompressed array in its file, behind a local header of variable length."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + int(name) + int(extra)
