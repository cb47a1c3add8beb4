"""IDX, the format of MNIST: two zero bytes, a type byte, the number of dimensions, their sizes, then the values.

Sizes are 32-bit big-endian. Files are plain, gzipped or compressed by xz; the first bytes decide which.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
from pathlib import Path

import numpy as np

from digitgan.data import files
from digitgan.data.files import Content, open_content, read_at_most
from digitgan.data.image_set import SPLITS, ImageSet, Labels, Pixels, Split, check_split
from digitgan.errors import DataError, OutputError
from digitgan.files import placed

UINT8 = 0x08

TYPES = ((0x08, "uint8"), (0x09, "int8"), (0x0B, "int16"), (0x0C, "int32"), (0x0D, "float32"), (0x0E, "float64"))

MAX_DIMENSIONS = 4
"""Largest number of dimensions: count, height, width and channels."""

GZIP_LEVEL = 6
"""Compression level. On MNIST the files are 2 % larger than at level 9, Python's default, and take a fifteenth of the time."""


def read_idx(path: Path | str) -> Pixels:
    """Read an IDX file of unsigned bytes, compressed (gzip, xz) or not.

    Returns:
        A uint8 array of the shape in the header, of 1 to 4 dimensions. It is writable, except that a large uncompressed file
        is memory-mapped read-only.

    Raises:
        DataError: if the file is missing, empty, not an IDX file, of another type than uint8, or shorter or longer than its
            header states; if a dimension is 0; or if its compression is damaged. A header that promises more than the file can
            hold raises before memory is allocated.
    """
    path = Path(path)
    with open_content(path) as content:
        shape = _read_shape(content, str(path))
        begin = len(_header(shape))
        if math.prod(shape) == content.at_most - begin >= files.MAPPED_FROM and not content.compressed:
            return files.mapped(path, begin, shape)
        return _read_values(content, shape, str(path))


def read_idx_content(content: Content, name: str) -> Pixels:
    """Read the content of an IDX file, for example from an archive, see `read_idx`.

    Args:
        content: the unpacked content.
        name: the name of the file in messages.
    """
    return _read_values(content, _read_shape(content, name), name)


def _read_values(content: Content, shape: tuple[int, ...], name: str) -> Pixels:
    """Read the values behind a header."""
    promised = math.prod(shape)
    room = content.at_most - len(_header(shape))
    values = read_at_most(content.stream, promised + 1) if promised <= room else None
    described = f"{' x '.join(map(str, shape))} = {promised} bytes"
    if values is None:
        held = "cannot hold more than" if content.compressed else "holds only"
        raise DataError(f"{name}: truncated: its header promises {described}, the file {held} {room}; download it again")
    if len(values) < promised:
        raise DataError(f"{name}: truncated: its header promises {described}, {len(values)} follow; download it again")
    if len(values) > promised:
        raise DataError(f"{name}: too long: its header promises {described}, but more follow; download it again")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def write_idx(path: Path | str, array: Pixels) -> None:
    """Write an IDX file of unsigned bytes, gzipped if the name ends in ".gz".

    The same array gives the same file. The file appears completely or not at all, and replaces an existing file.

    Args:
        path: the path of the file.
        array: uint8, 1 to 4 dimensions, none of them 0.

    Raises:
        DataError: if the array is of another type or shape.
        OutputError: if the file cannot be written.
    """
    path = Path(path)
    if array.dtype != np.uint8 or not 1 <= array.ndim <= MAX_DIMENSIONS or array.size == 0:
        raise DataError(
            f"{path}: an array of {array.dtype} {array.shape} cannot be written as IDX; "
            f"it must be uint8 with 1 to {MAX_DIMENSIONS} dimensions, none of them 0"
        )
    content = (_header(array.shape), np.ascontiguousarray(array).data)
    try:
        with placed(path) as file:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed:
                    packed.writelines(content)
            else:
                file.writelines(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def idx_sha256(array: Pixels) -> str:
    """Return the SHA-256 of the unpacked content of an IDX file with this array.

    Each array has exactly one valid encoding, so this is the hash of the file that `read_idx` read.
    """
    digest = hashlib.sha256(_header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def idx_stems(split: Split) -> tuple[str, str]:
    """Return the names, without ".gz" or ".xz", of the image and the label file of a split in MNIST's layout."""
    part = "train" if split == "train" else "t10k"
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def find_idx(folder: Path, stem: str) -> Path | None:
    """Return the file of that stem in a folder, compressed or not, with a dash or a dot before "idx"; None if there is none."""
    for name in (stem, stem.replace("-idx", ".idx")):
        for ending in ("", ".gz", ".xz"):
            if (folder / (name + ending)).is_file():
                return folder / (name + ending)
    return None


def idx_splits(folder: Path) -> tuple[Split, ...]:
    """Return the splits whose image and label files are both in a folder."""
    return tuple(split for split in SPLITS if all(find_idx(folder, stem) for stem in idx_stems(split)))


def read_idx_pair(folder: Path, split: Split) -> tuple[Pixels, Labels]:
    """Read one split of a folder in MNIST's layout.

    Returns:
        Images uint8 (n, height, width) and labels int64 (n,).

    Raises:
        DataError: if a file is missing or damaged, or if images and labels are swapped.
    """
    images_stem, labels_stem = idx_stems(check_split(split))
    return _read_part(folder, images_stem, 3), _read_part(folder, labels_stem, 1).astype(np.int64)


def read_idx_set(folder: Path | str, split: Split) -> ImageSet:
    """Read one split of a folder in MNIST's layout ("train-images-idx3-ubyte" etc.), compressed or not, as an image set.

    The classes are "0", "1", … up to the highest label of both splits, so that both splits have the same classes.

    Raises:
        DataError: if a file is missing or damaged, if images and labels are swapped, or if they differ in number.
    """
    folder = Path(folder)
    images, labels = read_idx_pair(folder, split)
    highest = int(labels.max(initial=0))
    for other in SPLITS:
        labels_stem = idx_stems(other)[1]
        if other != split and find_idx(folder, labels_stem):
            highest = max(highest, int(_read_part(folder, labels_stem, 1).max(initial=0)))
    return ImageSet(images, labels, tuple(map(str, range(highest + 1))), f"{folder.resolve().name} ({split})")


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, UINT8, len(shape), *shape)


def _read_shape(content: Content, name: str) -> tuple[int, ...]:
    magic = read_at_most(content.stream, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(f"{name}: is not an IDX file: it begins with {bytes(magic)!r}, not b'\\x00\\x00\\x08'")
    if magic[2] != UINT8:
        held = dict(TYPES).get(magic[2], "of an unknown type")
        raise DataError(f"{name}: its values are {held} (type byte 0x{magic[2]:02x}); they must be uint8 (0x08)")
    dimensions = magic[3]
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DataError(f"{name}: its header states {dimensions} dimensions; it must be 1 to {MAX_DIMENSIONS}")
    sizes = read_at_most(content.stream, 4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{name}: truncated: it ends within its header; download it again")
    shape = struct.unpack(f">{dimensions}I", sizes)
    if 0 in shape:
        raise DataError(f"{name}: is empty: its header states {' x '.join(map(str, shape))}")
    return shape


def _read_part(folder: Path, stem: str, dimensions: int) -> Pixels:
    path = find_idx(folder, stem)
    if path is None:
        raise DataError(f"{folder}: has no {stem} or {stem}.gz; copy the file to this folder")
    return read_idx_part(path, dimensions)


def read_idx_part(path: Path, dimensions: int) -> Pixels:
    """Read an IDX file of images (3 dimensions) or of labels (1 dimension), see `read_idx`.

    Raises:
        DataError: if it has another number of dimensions, as when images and labels are swapped.
    """
    array = read_idx(path)
    if array.ndim != dimensions:
        wanted = "images must be idx3 (count x height x width)" if dimensions == 3 else "labels must be idx1 (count)"
        swapped = ": are the image and the label file swapped?" if {array.ndim, dimensions} == {1, 3} else ""
        raise DataError(f"{path}: holds idx{array.ndim}, {wanted}{swapped}")
    return array
