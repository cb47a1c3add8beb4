"""Pictures in ZIP and TAR archives. They are read from the archive and never unpacked to the disk."""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, final

from digitgan.data.conversion.collection import Encoded, EncodedPictures
from digitgan.data.conversion.pictures import PICTURE_ENDINGS
from digitgan.data.notes import listed
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.file_tree import FileTree
from digitgan.data.readers.picture_layout import picture_source
from digitgan.data.safe_reading import DEFLATE_LIMIT, FREE_BYTES, LZMA_LIMIT, check_unpacked
from digitgan.errors import DataError

ZIP_ENDINGS: Final = (".zip",)
TAR_ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVE_ENDINGS: Final = (*ZIP_ENDINGS, *TAR_ENDINGS, ".7z", ".rar")

MAX_MEMBER_BYTES: Final = 256 << 20
"""Largest size of a picture in an archive: 256 MiB."""

MAX_MEMBERS: Final = 5_000_000

ZIP_UTF8: Final = 0x800
"""The bit of a member of a ZIP archive that states that its name is in UTF-8."""

HEAD_BYTES: Final = 64 << 10
MAX_HEADS_BYTES: Final = 256 << 20
"""Of each file in a TAR archive that is no picture by its name, this much is kept in memory, up to this much in all. It may be
a table of labels, and each further look at it would need another pass over the archive."""

DAMAGED: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    LookupError,
)
"""The exceptions for a damaged, encrypted (RuntimeError) or unsupported archive."""


def archive_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a ZIP or TAR archive of pictures as a data source; None for other paths.

    Raises:
        DataError: if the archive is damaged or hostile, or holds no pictures.
    """
    name = path.name.lower()
    if path.is_dir() or not name.endswith(ARCHIVE_ENDINGS):
        return None
    if name.endswith((".7z", ".rar")):
        raise DataError(f"{path}: archives of this kind are not read; unpack it, and name the folder, or pack it as ZIP or TAR")
    tree: FileTree = ZipTree(path) if name.endswith(ZIP_ENDINGS) else TarTree(path)
    if isinstance(tree, ZipTree) and tree.doubtful:
        reading.notes.add(
            f"names in the archive are not in UTF-8 and may look wrong: {listed(tree.doubtful)}; if they are names of classes, "
            "pack it with another program"
        )
    source = picture_source(tree, reading)
    if source is None:
        inner = [file for file in tree.files if file.lower().endswith(ARCHIVE_ENDINGS)]
        advice = (
            f"it holds the archive {inner[0]}; unpack that one" if inner else "unpack it, and name the file or folder within it"
        )
        raise DataError(f"{path}: holds no pictures in a format that is read; {advice}")
    return source


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        reason = "it is encrypted" if "password" in str(error) else str(error) or type(error).__name__
        raise DataError(
            f"{path}: is not an archive that can be read or is damaged ({reason}); download or copy it again"
        ) from error


def _checked_name(name: str, path: Path) -> str:
    """Return the name of a member without "./" in front.

    Raises:
        DataError: if it leads out of the archive.
    """
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or ".." in parts or re.match("[A-Za-z]:", plain):
        raise DataError(f"{path}: its member {name!r} leads out of the archive; do not trust this file")
    return "/".join(part for part in parts if part != ".")


@final
class ZipTree(FileTree):
    """The files in a ZIP archive.

    Args:
        path: the archive.

    Raises:
        DataError: if it is damaged, has too many members, or a member leads out of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        with _damage_named(path), zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        size = path.stat().st_size
        if len(entries) > MAX_MEMBERS:
            raise DataError(f"{path}: has {len(entries):,} members, more than {MAX_MEMBERS:,}")
        self._members: dict[str, zipfile.ZipInfo] = {}
        folders = []
        self.doubtful: list[str] = []
        for entry in entries:
            name = _checked_name(self._decoded(entry), path)
            if entry.filename.endswith("/"):
                folders.append(name)
            elif entry.external_attr >> 28 == 0o12:
                raise DataError(f"{path}: its member {entry.filename!r} is a link; pack the files themselves")
            elif name:
                self._members[name] = entry
            else:
                raise DataError(f"{path}: has a member without a name; pack it again")
        stated = sum(entry.file_size for entry in entries)
        check_unpacked(stated, size, str(path))
        self.files = list(self._members)
        self.folders = _with_parents(self.files, folders)

    def _decoded(self, entry: zipfile.ZipInfo) -> str:
        """Return the name of a member. Python takes names without the mark of UTF-8 as those of IBM's code page 437."""
        if entry.flag_bits & ZIP_UTF8 or entry.filename.isascii():
            return entry.filename
        try:
            return entry.filename.encode("cp437").decode("utf-8")  # programs of macOS leave the mark out
        except UnicodeError:
            self.doubtful.append(entry.filename)
            return entry.filename

    def shown(self, path: str) -> str:
        """See `FileTree.shown`."""
        return f"{self._path}: {path}"

    def read(self, path: str, at_most: int) -> bytes:
        """See `FileTree.read`."""
        with _damage_named(self._path), zipfile.ZipFile(self._path) as archive, archive.open(self._members[path]) as stream:
            return stream.read(at_most + 1)

    def pictures(self, paths: Sequence[str]) -> EncodedPictures:
        """See `FileTree.pictures`."""
        return _ZipPictures(self._path, [self._members[path] for path in paths])


@final
class _ZipPictures(EncodedPictures):
    """Pictures in a ZIP archive."""

    def __init__(self, path: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
        self._path, self._entries = path, entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Encoded]:
        with _damage_named(self._path), zipfile.ZipFile(self._path) as archive:
            in_place = sorted(range(len(self._entries)), key=lambda index: self._entries[index].header_offset)
            for index in in_place:
                entry = self._entries[index]
                yield Encoded(index, f"{self._path}: {entry.filename}", self._content(archive, entry))

    def _content(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
        """Return the content of a member; None if it is damaged."""
        if entry.flag_bits & 1:
            raise DataError(f"{self._path}: is encrypted; unpack it, and name the folder")
        if entry.file_size > MAX_MEMBER_BYTES or entry.file_size > DEFLATE_LIMIT * max(1, entry.compress_size):
            return None
        try:
            with archive.open(entry) as stream:
                content = stream.read(MAX_MEMBER_BYTES + 1)
            return content if len(content) <= MAX_MEMBER_BYTES else None
        except DAMAGED:
            return None


@final
class TarTree(FileTree):
    """The files in a TAR archive, compressed or not.

    Args:
        path: the archive.

    Raises:
        DataError: if it is damaged, has too many members, a member leads out of it, or it unpacks to too many bytes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        self._places: dict[str, int] = {}  # of the last member with this name: `tar -r` adds newer ones behind older ones
        folders: list[str] = []
        limit = max(FREE_BYTES, LZMA_LIMIT // 100 * path.stat().st_size)
        total = kept = 0
        self._heads: dict[str, bytes] = {}
        with _damage_named(path), tarfile.open(path, "r|*") as archive:
            for place, member in enumerate(archive):
                name = _checked_name(member.name, path)
                if member.issym() or member.islnk() or member.isdev():
                    raise DataError(f"{path}: its member {member.name!r} is a link or a device; pack the files themselves")
                total += member.size
                if total > limit or len(self._places) > MAX_MEMBERS:
                    check_unpacked(total, path.stat().st_size, str(path))
                    raise DataError(f"{path}: has more than {MAX_MEMBERS:,} members")
                if member.isfile() and name:
                    self._places[name] = place
                    self._heads.pop(name, None)
                    stream = None if name.lower().endswith(PICTURE_ENDINGS) else archive.extractfile(member)
                    if stream is not None and kept < MAX_HEADS_BYTES:
                        self._heads[name] = stream.read(HEAD_BYTES + 1)
                        kept += len(self._heads[name])
                elif member.isdir():
                    folders.append(name)
        self.files = list(self._places)
        self.folders = _with_parents(self.files, folders)

    def shown(self, path: str) -> str:
        """See `FileTree.shown`."""
        return f"{self._path}: {path}"

    def read(self, path: str, at_most: int) -> bytes:
        """See `FileTree.read`."""
        head = self._heads.get(path)
        if head is not None and (at_most < HEAD_BYTES or len(head) <= HEAD_BYTES):
            return head[: at_most + 1]
        with _damage_named(self._path), tarfile.open(self._path, "r|*") as archive:
            for place, member in enumerate(archive):
                if place == self._places[path] and _checked_name(member.name, self._path) == path:
                    stream = archive.extractfile(member)
                    return b"" if stream is None else stream.read(at_most + 1)
        raise DataError(f"{self._path}: lacks {path}; it was changed while it was read")

    def pictures(self, paths: Sequence[str]) -> EncodedPictures:
        """See `FileTree.pictures`."""
        return _TarPictures(self._path, {path: self._places[path] for path in paths})


@final
class _TarPictures(EncodedPictures):
    """Pictures in a TAR archive, in the order of the archive: a compressed one can only be read from its beginning."""

    def __init__(self, path: Path, places: Mapping[str, int]) -> None:
        self._path = path
        self._names = list(places)
        self._index = {place: index for index, place in enumerate(places.values())}

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[Encoded]:
        seen = 0
        with _damage_named(self._path), tarfile.open(self._path, "r|*") as archive:
            for place, member in enumerate(archive):
                index = self._index.get(place)
                if index is None:
                    continue
                name = _checked_name(member.name, self._path)
                if not member.isfile() or name != self._names[index]:
                    break
                seen += 1
                stream = archive.extractfile(member) if member.size <= MAX_MEMBER_BYTES else None
                yield Encoded(index, f"{self._path}: {name}", None if stream is None else stream.read())
        if seen < len(self._index):
            raise DataError(f"{self._path}: lacks files that it had before; it was changed while it was read")


def _with_parents(files: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return the folders, and those in the paths of the files."""
    found = dict.fromkeys(folders)
    for file in files:
        for parent in PurePosixPath(file).parents:
            if (name := parent.as_posix()) != ".":
                found[name] = None
    return [folder for folder in found if folder]
