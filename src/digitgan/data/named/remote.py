"""A file of a downloadable data set, and the check that a file on disk is that file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import final

from digitgan.data.readers.idx import find_idx
from digitgan.data.safe_reading import check_is_file, content_sha256
from digitgan.errors import DataError


class ContentError(DataError):
    """A file of a data set that has another content than the data set states."""


@final
@dataclass(frozen=True)
class DatasetFile:
    """A file of a data set, with the hash by which it is known. One of the two hashes is given.

    Attributes:
        name: the name on the mirrors and on disk, such as "train-images-idx3-ubyte.gz".
        size: the size in bytes: with `sha256` of the unpacked content, with `md5` of the file as delivered.
        sha256: the SHA-256 of the unpacked content in hexadecimal, for files that mirrors compress differently.
        md5: the MD5 of the file as delivered in hexadecimal, where the publisher states it. It detects damage, not malice.
    """

    name: str
    size: int
    sha256: str = ""
    md5: str = ""

    @property
    def stem(self) -> str:
        """The name without ".gz"."""
        return self.name.removesuffix(".gz")

    def find(self, folder: Path) -> Path | None:
        """Return the path of the file in a folder, or None. A file that is known by its content may be compressed or not."""
        if self.sha256:
            return find_idx(folder, self.stem)
        return folder / self.name if (folder / self.name).is_file() else None

    def difference(self, path: Path) -> str:
        """Return how the hash of a file differs from the expected one, such as "SHA-256 12ab… instead of 34cd…"; "" if equal.

        Raises:
            DataError: if the file is missing, or its compression is damaged.
        """
        kind, expected = ("SHA-256", self.sha256) if self.sha256 else ("MD5", self.md5)
        found = content_sha256(path, self.size) if self.sha256 else _md5(path)
        return "" if found == expected else f"{kind} {found[:12]}… instead of {expected[:12]}…"

    def check(self, path: Path, owner: str) -> None:
        """Check that a file is the expected one.

        Args:
            path: the file.
            owner: the name of the data set, for the message.

        Raises:
            ContentError: if it has another hash.
            DataError: if it is missing, or its compression is damaged.
        """
        if difference := self.difference(path):
            raise ContentError(self.complaint(path, owner, difference))

    def complaint(self, path: Path, owner: str, difference: str) -> str:
        """Return the message about a file with another hash."""
        return f"{path}: is not {owner}'s {self.name if self.md5 else self.stem}: it has {difference}"


def _md5(path: Path) -> str:
    check_is_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
