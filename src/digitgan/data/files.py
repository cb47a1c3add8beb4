"""Reading files that may be gzipped, damaged or lying, and writing files whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
import numpy.typing as npt

from digitgan.errors import DataError

ProgressFn = Callable[[str], None]
"""What takes the short plain lines that tell how something long is getting on."""

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"

MAPPED_FROM = 64 << 20
"""Bytes from which an array that lies unpacked in its file is mapped into memory instead of read into it."""

DEFLATE_LIMIT = 1032
"""Deflate's best: two bits for a copy of 258 bytes. No file can hold more than this many times its own size."""


def silent(line: str) -> None:
    """The report nobody listens to."""


@final
@dataclass(frozen=True)
class Content:
    """What a file holds, unpacked.

    Attributes:
        stream: the unpacked bytes, to be read from the front.
        at_most: no more bytes than this can come of a file of this size. So a header that promises more is wrong, and
            that is known before anything is allocated for it.
        gzipped: whether the file is packed.
    """

    stream: BufferedIOBase
    at_most: int
    gzipped: bool


def check_is_file(path: Path) -> None:
    """Turn away, each with its reason, what is no regular file.

    Raises:
        DataError: if the path is missing, a folder, or a device or pipe (from which reading might never end).
    """
    try:
        if path.is_file():
            return
        exists = path.exists()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not exists:
        raise DataError(f"{path}: there is no such file")
    raise DataError(f"{path}: is a {'folder' if path.is_dir() else 'device or pipe'}; a file is wanted here")


@contextmanager
def open_content(path: Path) -> Iterator[Content]:
    """Open a file for reading, unpacking it if it is gzipped, which its first bytes decide and not its name.

    Raises:
        DataError: if the file is missing, empty, no regular file, unreadable, or a damaged gzip; the last may show
            itself only while the stream is read.
    """
    check_is_file(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise DataError(f"{path}: is empty; download or copy it again")
            if file.peek(2)[:2] != GZIP_MAGIC:
                yield Content(file, size, gzipped=False)
                return
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield Content(unpacked, size * DEFLATE_LIMIT, gzipped=True)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path}: is a damaged gzip file ({error}); download or copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_at_most(stream: BufferedIOBase, count: int) -> bytearray:
    """The next `count` bytes, or fewer if the stream ends; memory grows with what comes, not with what was promised."""
    content = bytearray()
    while len(content) < count and (piece := stream.read(min(CHUNK, count - len(content)))):
        content += piece
    return content


def content_sha256(path: Path, size: int) -> str:
    """SHA-256 of a file's unpacked content, of which no more than `size` + 1 bytes are looked at.

    A longer content than `size` hence has another hash than any content of that size, without being unpacked to its
    end.

    Raises:
        DataError: as `open_content`.
    """
    digest = hashlib.sha256()
    left = size + 1
    with open_content(path) as content:
        while left > 0 and (piece := content.stream.read(min(CHUNK, left))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def mapped(path: Path, offset: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Bytes of a file as an array that can't be written to: pages come from the disk when they are looked at.

    The memory is the system's to take back at any time, so that a set may be larger than what is free.
    """
    return np.asarray(np.memmap(path, np.uint8, "r", offset, shape))


@contextmanager
def placed(path: Path) -> Iterator[BinaryIO]:
    """A new file that appears at `path` whole, or not at all.

    It is written beside under a hidden name, flushed to the disk and renamed when the block ends; if the block raises,
    it is removed and what was at `path` stays.

    Raises:
        OSError: if the folder cannot be written to, or is full.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
