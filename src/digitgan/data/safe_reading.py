"""Reading of files that may be compressed, damaged or malicious."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from digitgan.errors import DataError

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"

MAPPED_FROM = 64 << 20
"""Size in bytes from which an uncompressed array is memory-mapped instead of read."""

DEFLATE_LIMIT = 1032
"""Largest ratio of unpacked to packed size in deflate: two bits for a copy of 258 bytes."""

FREE_BYTES = 256 << 20
"""Unpacked size up to which any ratio of unpacked to packed size is accepted."""

MAX_RATIO = 100
"""Largest ratio of unpacked to packed size of larger content. That of images is below 20; more is a decompression bomb, or an
array of one value."""

LZMA_LIMIT = 10_000
"""Upper bound of the ratio of unpacked to packed size in xz: a copy of 273 bytes takes about a quarter of a bit."""


@final
@dataclass(frozen=True)
class Content:
    """The unpacked content of a file.

    Attributes:
        stream: the unpacked bytes.
        at_most: the upper limit of the unpacked size, from the size of the file. A header that promises more is wrong, which
            is known before memory is allocated.
        packed: the size of the file if it is compressed; None otherwise.
    """

    stream: BufferedIOBase
    at_most: int
    packed: int | None = None


def local_path(source: str) -> Path:
    """Return a source as a path, with "~" as the user's folder; "~name" of an unknown user stays as it is."""
    try:
        return Path(source).expanduser()
    except RuntimeError:
        return Path(source)


def check_is_file(path: Path) -> None:
    """Check that a path is a regular file.

    Raises:
        DataError: if the path is missing, or is a folder, a device or a pipe (which reading might never end).
    """
    try:
        if path.is_file():
            return
        exists = path.exists()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not exists:
        raise DataError(f"{path}: does not exist")
    raise DataError(f"{path}: is a {'folder' if path.is_dir() else 'device or pipe'}; name a regular file")


@contextmanager
def open_content(path: Path) -> Iterator[Content]:
    """Open a file for reading and unpack it if its first bytes are those of gzip or xz.

    Raises:
        DataError: if the file is missing, empty, unreadable, not a regular file, or damaged. Damage may appear only while the
            stream is read.
    """
    check_is_file(path)
    kind = "file"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise DataError(f"{path}: is empty; download or copy it again")
            begin = file.peek(len(XZ_MAGIC))
            if begin.startswith(GZIP_MAGIC):
                kind = "gzip file"
                with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                    yield Content(unpacked, size * DEFLATE_LIMIT, size)
            elif begin.startswith(XZ_MAGIC):
                kind = "xz file"
                with lzma.LZMAFile(file, format=lzma.FORMAT_XZ) as unpacked_xz:
                    yield Content(unpacked_xz, size * LZMA_LIMIT, size)
            else:
                yield Content(file, size)
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"{path}: is a damaged {kind} ({error}); download or copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def check_unpacked(unpacked: int, packed: int, name: str) -> None:
    """Check a stated unpacked size before memory is allocated for it.

    Args:
        unpacked: the size that a file states for its content, in bytes.
        packed: the size of the file, in bytes.
        name: the name of the file in messages.

    Raises:
        DataError: if the content is larger than `FREE_BYTES` and more than `MAX_RATIO` times the size of the file.
    """
    if unpacked > FREE_BYTES and unpacked > MAX_RATIO * packed:
        raise DataError(
            f"{name}: would unpack from {packed:,} to {unpacked:,} bytes, more than {MAX_RATIO} times its size; images do not "
            "pack so well. If it is no decompression bomb, store it uncompressed"
        )


def read_at_most(stream: BufferedIOBase, count: int) -> bytearray:
    """Read `count` bytes, or fewer if the stream ends. Memory grows with the bytes read, not with `count`."""
    content = bytearray()
    while len(content) < count and (piece := stream.read(min(CHUNK, count - len(content)))):
        content += piece
    return content


def content_sha256(path: Path, size: int) -> str:
    """Return the SHA-256 of the first `size` + 1 bytes of a file's unpacked content.

    One byte more than `size` is read at most. A longer content therefore has another hash than any content of that size.

    Raises:
        DataError: see `open_content`.
    """
    digest = hashlib.sha256()
    left = size + 1
    with open_content(path) as content:
        while left > 0 and (piece := content.stream.read(min(CHUNK, left))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def mapped(path: Path, offset: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return bytes of a file as a read-only memory-mapped array.

    The system reads pages on demand and may drop them at any time, so that an image set may exceed the free memory.

    Args:
        path: the file.
        offset: the position of the first byte.
        shape: the shape of the array.
    """
    return np.asarray(np.memmap(path, np.uint8, "r", offset, shape))
