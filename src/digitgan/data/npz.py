"""NPZ, NumPy's zip of arrays: `images` uint8 (n, h, w[, c]), `labels` integers (n,) and, if present, `class_names`.

Nothing is unpickled, and nothing is allocated that the file could not hold: a zip and the arrays in it both state
sizes, and both statements are checked against the file's own size before either is believed.
"""

from __future__ import annotations

import contextlib
import math
import struct
import tokenize
import types
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from digitgan.data import files
from digitgan.data.files import DEFLATE_LIMIT, check_is_file
from digitgan.data.image_set import UNLABELLED, ImageSet, Labels, Pixels
from digitgan.data.splits import SPLITS, Split
from digitgan.errors import DataError, nearest

MAX_BYTES = 8 << 30
"""8 GiB unpacked: ten million 28×28 images. Packed arrays are unpacked into memory; those of `np.savez` stay in the file."""

MAX_UNNAMED_CLASSES = 10_000
"""Without class names one is made up for every label up to the highest; a higher one than this is no class but some
other number, and would make up names until the memory is full."""

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError)
"""What `zipfile` raises for a damaged, encrypted (RuntimeError) or exotic file."""

DAMAGED_HEADER = (ValueError, TypeError, LookupError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
"""What NumPy's reading of an array's header raises for one that is damaged or made with intent: it is a Python
literal."""


KERAS: Final[Mapping[Split, tuple[str, str]]] = types.MappingProxyType(
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
)
"""The arrays of a file as Keras keeps its data sets (`~/.keras/datasets/mnist.npz`)."""


def npz_splits(path: Path) -> tuple[Split, ...]:
    """The parts that an NPZ file has: those of Keras' layout, or all for training, as of one that can't be read."""
    with contextlib.suppress(*DAMAGED, OSError), zipfile.ZipFile(path) as archive:
        there = set(archive.namelist())
        found = tuple(split for split in SPLITS if {f"{name}.npy" for name in KERAS[split]} <= there)
        return found or ("train",)
    return ("train",)


def read_npz(path: Path | str, split: Split = "train") -> ImageSet:
    """Read an image set from an NPZ file; of one in Keras' layout that part.

    Without `class_names` the classes are "0", "1", … up to the highest label. An archive of images alone is an unlabelled set:
    one class, `UNLABELLED`.

    Raises:
        DataError: if the file is missing, no zip or damaged; if an array is missing, holds objects, is of another type,
            or is larger than the file can hold; or if images and labels do not go together.
    """
    path = Path(path)
    check_is_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive, path)
            names = ("images", "labels")
            if "images.npy" not in archive.namelist() and f"{KERAS[split][0]}.npy" in archive.namelist():
                names = KERAS[split]
            images = _images(archive, path, names[0])
            if archive.namelist() == ["images.npy"]:
                return ImageSet(images, np.zeros(len(images), dtype=np.int64), (UNLABELLED,), path.name)
            labels = _labels(archive, path, names[1])
            class_names = _class_names(archive, path, labels)
    except DAMAGED as error:
        raise DataError(f"{path}: is not an NPZ file, or a damaged one ({error}); np.savez writes them") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return ImageSet(images, labels, class_names, path.name)


def _images(archive: zipfile.ZipFile, path: Path, name: str) -> Pixels:
    images = _read_array(archive, name, path)
    if images.dtype != np.uint8:
        scaled = "; if they are in 0 to 1, save (images * 255).round().astype('uint8')" if images.dtype.kind == "f" else ""
        raise DataError(f"{path}: images are {images.dtype}, they must be uint8 (0 to 255){scaled}")
    return np.ascontiguousarray(images)


def _labels(archive: zipfile.ZipFile, path: Path, name: str) -> Labels:
    labels = _read_array(archive, name, path)
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: labels are {labels.dtype}, they must be integers: the index of each image's class")
    if labels.ndim != 1:
        raise DataError(f"{path}: labels have shape {labels.shape}; (n,) is right: one class index for each image")
    if labels.size and int(labels.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{path}: label {labels.max()} is no class index")
    return labels.astype(np.int64)


def _class_names(archive: zipfile.ZipFile, path: Path, labels: Labels) -> tuple[str, ...]:
    if "class_names.npy" not in archive.namelist():
        highest = int(labels.max(initial=-1))
        if highest >= MAX_UNNAMED_CLASSES:
            raise DataError(
                f"{path}: label {highest} is too high for a class without a name (at most {MAX_UNNAMED_CLASSES - 1}); "
                "number the classes from 0, or add class_names"
            )
        return tuple(map(str, range(highest + 1)))
    names = _read_array(archive, "class_names", path)
    if names.dtype.kind != "U" or names.ndim != 1:
        raise DataError(f"{path}: class_names are {names.dtype} {names.shape}; a list of texts (np.array(names, str)) is right")
    return tuple(map(str, names))


def _check_size(archive: zipfile.ZipFile, path: Path) -> None:
    """Believe the zip's table of contents only as far as the file's own size bears it out."""
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_BYTES:
        raise DataError(f"{path}: unpacks to {unpacked} bytes; at most {MAX_BYTES} (8 GiB) are read")
    size = path.stat().st_size
    for entry in archive.infolist():
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{path}: {entry.filename} is packed in a way NumPy does not write; np.savez or savez_compressed is"
            )
        growth = 1 if entry.compress_type == zipfile.ZIP_STORED else DEFLATE_LIMIT
        if entry.compress_size > size or entry.file_size > growth * entry.compress_size:
            raise DataError(f"{path}: damaged: {entry.filename} claims {entry.file_size} bytes, more than the file can hold")


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> npt.NDArray[np.generic]:
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        present = [other.removesuffix(".npy") for other in archive.namelist()]
        raise DataError(f"{path}: has no array {name!r}; {nearest(name, present)}") from None
    try:
        # A header that only a filter for Python 2 can read draws a warning; it is read all the same.
        with warnings.catch_warnings(action="ignore"), archive.open(entry) as stream:
            version = np.lib.format.read_magic(stream)
            if version == (1, 0):
                shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
            elif version == (2, 0):
                shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
            else:
                raise ValueError(f"format {version} is for arrays of records")
            header = stream.tell()
            promised = header + math.prod(shape) * dtype.itemsize
    except DAMAGED_HEADER as error:
        raise DataError(f"{path}: {name} is no array, or a damaged one ({error})") from error
    if dtype.hasobject:
        raise DataError(f"{path}: {name} holds Python objects, which are never unpickled; save an array of numbers or of texts")
    # Items of no size would let a header claim any number of them.
    if promised != entry.file_size or min(shape, default=0) < 0 or dtype.itemsize == 0:
        raise DataError(f"{path}: damaged: {name} claims shape {shape} of {dtype}, but has {entry.file_size} bytes")
    # Zips are stamped with their sum of every array, which reading to the end compares: a mapped one is read for that alone.
    if entry.compress_type == zipfile.ZIP_STORED and promised >= files.MAPPED_FROM and dtype == np.uint8 and not by_column:
        with archive.open(entry) as stream:
            while stream.read(files.CHUNK):
                pass
        return files.mapped(path, _place_of(entry, path) + header, shape)
    try:
        with warnings.catch_warnings(action="ignore"), archive.open(entry) as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
    except DAMAGED_HEADER as error:
        raise DataError(f"{path}: {name} is damaged ({error})") from error


def _place_of(entry: zipfile.ZipInfo, path: Path) -> int:
    """Where the bytes of an array that is stored unpacked begin in its file: behind a header of two variable lengths."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + int(name) + int(extra)
