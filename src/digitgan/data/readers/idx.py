"""IDX, the format of MNIST: two zero bytes, a type byte, the number of dimensions, their sizes, then the values.

Sizes are 32-bit big-endian. Files are plain, gzipped or compressed by xz; the first bytes decide which.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from digitgan.data import safe_reading
from digitgan.data.conversion.labels import class_labels
from digitgan.data.image_set import SPLITS, ImageSet, Pixels, Split, check_split
from digitgan.data.notes import listed
from digitgan.data.readers import emnist
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.manifests import stated_class_names
from digitgan.data.readers.splits import Part, as_splits, part_of
from digitgan.data.safe_reading import Content, check_unpacked, open_content, read_at_most
from digitgan.errors import DataError, OutputError
from digitgan.files import placed

UINT8 = 0x08

TYPES = ((0x08, "uint8"), (0x09, "int8"), (0x0B, "int16"), (0x0C, "int32"), (0x0D, "float32"), (0x0E, "float64"))

FILE_NAME: Final = re.compile(
    r"(?P<set>.*?)(?P<part>train|training|t10k|test|val|validation)[-_](?P<what>images|labels)[-.]idx[13][-.]ubyte(\.gz|\.xz)?",
    re.I,
)
"""The names of IDX files: a set or nothing, the split, and whether they hold images or labels."""

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
        if math.prod(shape) == content.at_most - begin >= safe_reading.MAPPED_FROM and content.packed is None:
            return safe_reading.mapped(path, begin, shape)
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
    if content.packed is not None and promised <= content.at_most:
        check_unpacked(promised, content.packed, name)
    room = content.at_most - len(_header(shape))
    values = read_at_most(content.stream, promised + 1) if promised <= room else None
    described = f"{' x '.join(map(str, shape))} = {promised} bytes"
    if values is None:
        held = "holds only" if content.packed is None else "cannot hold more than"
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


@final
@dataclass(frozen=True)
class IdxSet:
    """The IDX files of one set in a folder.

    Attributes:
        folder: the folder.
        name: what precedes the split in the names of the files, such as "emnist-letters-", or "".
        parts: the image file and the label file of each split; None for one that is missing.
    """

    folder: Path
    name: str
    parts: Mapping[Part, tuple[Path | None, Path | None]]

    @property
    def is_emnist(self) -> bool:
        """True if the files have the names of EMNIST, whose images are stored with rows and columns exchanged."""
        return self.name.startswith("emnist")


def idx_sets(folder: Path, preferred: Path | None = None) -> list[IdxSet]:
    """Return the sets of IDX files in a folder, by the names of their files.

    Such names are "train-images-idx3-ubyte", "t10k-labels.idx1-ubyte" and "emnist-letters-test-images-idx3-ubyte.gz".

    Args:
        folder: the folder.
        preferred: the file that is taken if there is the same one with another ending, such as ".gz". Default: the first.
    """
    found: dict[str, dict[Part, dict[str, Path]]] = {}
    for file in sorted((each for each in folder.iterdir() if each.is_file()), key=lambda each: (each != preferred, each)):
        if (match := FILE_NAME.fullmatch(file.name)) is not None:
            part: Part | None = "test" if match["part"].lower() == "t10k" else part_of(match["part"])
            if part is not None:
                found.setdefault(match["set"].lower(), {}).setdefault(part, {}).setdefault(match["what"].lower(), file)
    return [
        IdxSet(folder, name, {part: (pair.get("images"), pair.get("labels")) for part, pair in parts.items()})
        for name, parts in found.items()
    ]


def idx_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a folder of IDX files, or one of its image files, as a data source; None if the path is neither.

    A folder may hold the files in the folder `raw`, or in a folder with `raw` in it, where torchvision keeps them.

    Raises:
        DataError: if a folder holds several sets.
    """
    if not path.is_dir():
        if FILE_NAME.fullmatch(path.name) is None:
            return None
        own = next((each for each in idx_sets(path.parent, path) if any(path in pair for pair in each.parts.values())), None)
        return None if own is None else _source(own, reading)
    for pattern in ("", "raw", "*/raw"):
        sets = [
            each for folder in sorted(path.glob(pattern) if pattern else [path]) if folder.is_dir() for each in idx_sets(folder)
        ]
        if len(sets) > 1:
            images = [str(file) for each in sets for file, _ in each.parts.values() if file is not None]
            raise DataError(f"{path}: holds {len(sets)} sets of IDX files; name one of their image files: {listed(images)}")
        if sets:
            if sets[0].folder != path:
                reading.notes.add(f"read from the folder {sets[0].folder.relative_to(path)} within it", asked=True)
            return _source(sets[0], reading)
    return None


def _source(files: IdxSet, reading: Reading) -> DataSource:
    whole = {part: pair for part, pair in files.parts.items() if None not in pair}
    splits = tuple(as_splits(whole, reading.notes))
    stems = "; ".join(f"{split} needs {' and '.join(idx_stems(split))}" for split in SPLITS)
    missing = [
        f"{name.name} has no file of {'labels' if place == 0 else 'images'} beside it"
        for pair in files.parts.values()
        for place, name in enumerate(pair)
        if name is not None and pair[1 - place] is None
    ]
    return DataSource(splits, lambda split: _load(files, split, reading), "; ".join(missing) or stems, ())


def _load(files: IdxSet, split: Split, reading: Reading) -> ImageSet:
    pairs = as_splits({part: pair for part, pair in files.parts.items() if None not in pair})
    image_file, label_file = pairs[split]
    if image_file is None or label_file is None:
        raise DataError(f"{files.folder}: lacks a file of its {split} split")
    images = read_idx_images(image_file)
    stored = {part: read_idx_part(labels, 1) for part, (_, labels) in pairs.items() if labels is not None}
    name = f"{files.folder.resolve().name} ({split})"
    class_names = stated_class_names(files.folder)
    if files.is_emnist:
        images = emnist.turned_upright(images, reading.notes)
        characters = emnist.characters_of(files.folder, files.name.rstrip("-"))
        if characters is not None:
            labels, names = emnist.character_labels(stored, characters, str(files.folder))
            return ImageSet(images, labels[split], names, name)
    labels, names = class_labels(stored, class_names, reading.notes, str(files.folder))
    return ImageSet(images, labels[split], names, name)


def read_idx_set(folder: Path | str, split: Split, reading: Reading | None = None) -> ImageSet:
    """Read one split of a folder of IDX files, compressed or not, as an image set.

    The classes are the labels of all splits, so that all splits have the same classes.

    Raises:
        DataError: if a file is missing or damaged, if images and labels are swapped, or if they differ in number.
    """
    folder = Path(folder)
    source = idx_reader(folder, reading or Reading())
    if source is None or check_split(split) not in source.splits:
        raise DataError(
            f"{folder}: has no {split} split of IDX files: {' and '.join(idx_stems(split))}; copy them to this folder"
        )
    return source.load(split)


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


def read_idx_images(path: Path) -> Pixels:
    """Read an IDX file of images: (n, height, width), or (n, height, width, channels) with 1 or 3 channels."""
    array = read_idx(path)
    return array if array.ndim == 4 else _checked_part(array, path, 3)


def read_idx_part(path: Path, dimensions: int) -> Pixels:
    """Read an IDX file of images (3 dimensions) or of labels (1 dimension), see `read_idx`.

    Raises:
        DataError: if it has another number of dimensions, as when images and labels are swapped.
    """
    return _checked_part(read_idx(path), path, dimensions)


def _checked_part(array: Pixels, path: Path, dimensions: int) -> Pixels:
    if array.ndim != dimensions:
        wanted = "images must be idx3 (count x height x width)" if dimensions == 3 else "labels must be idx1 (count)"
        swapped = ": are the image and the label file swapped?" if {array.ndim, dimensions} == {1, 3} else ""
        raise DataError(f"{path}: holds idx{array.ndim}, {wanted}{swapped}")
    return array
