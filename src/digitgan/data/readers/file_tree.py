"""The files below a folder, or in an archive, by their relative paths."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import final

from digitgan.data.conversion.collection import EncodedPictures, PictureFiles
from digitgan.errors import DataError


class FileTree(ABC):
    """The files below a folder, or in an archive.

    Attributes:
        name: the name of the folder or the archive, in messages.
        files: the paths of all regular files relative to it, with "/" between folders.
        folders: the paths of all folders.
        tables_above: the tables in the folder around, which are not read; they may name the pictures.
    """

    name: str
    files: Sequence[str]
    folders: Sequence[str]
    tables_above: Sequence[str] = ()

    @abstractmethod
    def shown(self, path: str) -> str:
        """Return the name of a file in messages."""

    @abstractmethod
    def read(self, path: str, at_most: int) -> bytes:
        """Return the content of a file, but not more than `at_most` + 1 bytes.

        Raises:
            DataError: if the file cannot be read.
        """

    @abstractmethod
    def pictures(self, paths: Sequence[str]) -> EncodedPictures:
        """Return files as encoded pictures, in this order."""


@final
class FolderTree(FileTree):
    """The files below a folder. Links are followed, except for those that lead back to a folder above.

    Args:
        path: the folder.

    Raises:
        DataError: if the path is missing or not a folder, or if a folder cannot be listed.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(f"{path}: {'is not a folder' if path.exists() else 'does not exist'}")
        self._path = path
        self.name = path.resolve().name
        files: list[str] = []
        folders: list[str] = []
        self._list("", files, folders, ())
        with contextlib.suppress(OSError):
            beside = sorted(file.name for file in path.resolve().parent.iterdir())
            self.tables_above = [name for name in beside if name.lower().endswith((".csv", ".tsv", ".jsonl"))]
        self.files, self.folders = files, folders

    def shown(self, path: str) -> str:
        """See `FileTree.shown`."""
        return str(self._path / path)

    def read(self, path: str, at_most: int) -> bytes:
        """See `FileTree.read`."""
        try:
            with (self._path / path).open("rb") as file:
                return file.read(at_most + 1)
        except OSError as error:
            raise DataError(f"{self.shown(path)}: cannot be read ({error.strerror or error})") from error

    def pictures(self, paths: Sequence[str]) -> EncodedPictures:
        """See `FileTree.pictures`."""
        return PictureFiles(tuple(self._path / path for path in paths))

    def _list(self, inner: str, files: list[str], folders: list[str], above: tuple[tuple[int, int], ...]) -> None:
        here = self._path / inner
        try:
            state = here.stat()
            if (place := (state.st_dev, state.st_ino)) in above:
                return
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{here}: cannot be listed ({error.strerror or error})") from error
        for entry in found:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_dir():
                folders.append(path)
                self._list(path, files, folders, (*above, place))
            else:
                files.append(path)
