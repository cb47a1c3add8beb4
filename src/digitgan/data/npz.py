"""NPZ, NumPy's zip of arrays: `images` uint8 (n, h, w[, c]), `labels` integers (n,) and optional `class_names`.

Pickled objects are never loaded. The sizes stated by the zip and by its arrays are checked against the size of the file before
memory is allocated.
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
from digitgan.data.image_set import SPLITS, UNLABELLED, ImageSet, Labels, Pixels, Split
from digitgan.errors import DataError, nearest

MAX_UNPACKED_BYTES = 8 << 30
"""Largest unpacked size: 8 GiB, or ten million 28×28 images. Compressed arrays are unpacked into memory; those of `np.savez`
are memory-mapped."""

MAX_UNNAMED_CLASSES = 10_000
"""Largest number of classes without class names. Each label up to the highest gets a name, so that a label that is not a class
index would fill the memory."""

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError)
"""The exceptions that `zipfile` raises for a damaged, encrypted (RuntimeError) or unsupported file."""

DAMAGED_HEADER = (ValueError, TypeError, LookupError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
"""The exceptions that NumPy raises for a damaged or malicious array header, which is a Python literal."""


KERAS: Final[Mapping[Split, tuple[str, str]]] = types.MappingProxyType(
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
)
"""The image and label arrays of each split in Keras' layout (`~/.keras/datasets/mnist.npz`)."""


def npz_splits(path: Path) -> tuple[Split, ...]:
    """Return the splits of an NPZ file: those of Keras' layout, else "train", also for an unreadable file."""
    with contextlib.suppress(*DAMAGED, OSError), zipfile.ZipFile(path) as archive:
        there = set(archive.namelist())
        found = tuple(split for split in SPLITS if {f"{name}.npy" for name in KERAS[split]} <= there)
        return found or ("train",)
    return ("train",)


def read_npz(path: Path | str, split: Split = "train") -> ImageSet:
    """Read an image set from an NPZ file, which may have the arrays of Keras' layout.

    Without `class_names` the classes are "0", "1", … up to the highest label. A file with images alone is an unlabelled image
    set with the single class `UNLABELLED`.

    Args:
        path: the file.
        split: the split to read from a file in Keras' layout. Other files hold one image set.

    Raises:
        DataError: if the file is missing, not a zip, or damaged; if an array is missing, holds objects, has the wrong type, or
            is larger than the file can hold; or if images and labels do not match.
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
        raise DataError(f"{path}: is not an NPZ file or is damaged ({error}); write it with np.savez") from error
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
        raise DataError(f"{path}: labels are {labels.dtype}, they must be integers: the class index of each image")
    if labels.ndim != 1:
        raise DataError(
            f"{path}: labels have shape {labels.shape}; it must be (n,): one class index for each image. "
            "Save labels.ravel() instead of a column"
        )
    if labels.size and int(labels.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{path}: label {labels.max()} is not a class index")
    return labels.astype(np.int64)


def _class_names(archive: zipfile.ZipFile, path: Path, labels: Labels) -> tuple[str, ...]:
    if "class_names.npy" not in archive.namelist():
        highest = int(labels.max(initial=-1))
        if highest >= MAX_UNNAMED_CLASSES:
            raise DataError(
                f"{path}: label {highest} is too high without class_names (at most {MAX_UNNAMED_CLASSES - 1}); "
                "number the classes from 0, or add class_names"
            )
        return tuple(map(str, range(highest + 1)))
    names = _read_array(archive, "class_names", path)
    if names.dtype.kind != "U" or names.ndim != 1:
        raise DataError(f"{path}: class_names are {names.dtype} {names.shape}; they must be text (np.array(names, str))")
    return tuple(map(str, names))


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


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> npt.NDArray[np.generic]:
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        present = [other.removesuffix(".npy") for other in archive.namelist()]
        raise DataError(f"{path}: has no array {name!r}; {nearest(name, present)}") from None
    try:
        # NumPy warns about headers written by Python 2 and reads them.
        with warnings.catch_warnings(action="ignore"), archive.open(entry) as stream:
            version = np.lib.format.read_magic(stream)
            if version == (1, 0):
                shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
            elif version == (2, 0):
                shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
            else:
                raise ValueError(f"format {version} is for structured arrays")
            header = stream.tell()
            promised = header + math.prod(shape) * dtype.itemsize
    except DAMAGED_HEADER as error:
        raise DataError(f"{path}: {name} is not an array or is damaged ({error})") from error
    if dtype.hasobject:
        raise DataError(f"{path}: {name} holds Python objects, which are never unpickled; save an array of numbers or text")
    # With items of size 0, a header could claim any number of them.
    if promised != entry.file_size or min(shape, default=0) < 0 or dtype.itemsize == 0:
        raise DataError(f"{path}: damaged: {name} claims shape {shape} of {dtype}, but has {entry.file_size} bytes")
    # zipfile compares the checksum when it reads to the end. A memory-mapped array is read once for this check.
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
    """Return the position of an uncompressed array in its file, behind a local header of variable length."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + int(name) + int(extra)
