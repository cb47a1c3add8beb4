"""The layouts in which publishers deliver data sets: MNIST's four files, EMNIST's ZIP archive and CIFAR's binary archives.

Members of archives are read into memory by their names. Nothing is unpacked to the disk.
"""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, ClassVar, Final, final

import numpy as np

from digitgan.data.image_set import ImageSet, Labels, Pixels, Split
from digitgan.data.named.remote import ContentError, DatasetFile
from digitgan.data.readers.cifar import decode_records
from digitgan.data.readers.emnist import mapping_of
from digitgan.data.readers.idx import idx_sha256, idx_stems, read_idx_content, read_idx_part
from digitgan.data.safe_reading import DEFLATE_LIMIT, Content
from digitgan.errors import DataError

MAX_TEXT_BYTES: Final = 1 << 16
"""Largest size of a text file in an archive. The list of the 100 classes of CIFAR-100 has about a kilobyte."""


class Layout(ABC):
    """The layout of the files of a data set.

    Attributes:
        own_data: whether `--data FOLDER` reads files of this layout, so that other files of these names can be used.
    """

    own_data: ClassVar[bool] = False

    @abstractmethod
    def of_split(self, files: Sequence[DatasetFile], split: Split) -> Sequence[DatasetFile]:
        """Return those of the files of a data set that hold a split."""

    @abstractmethod
    def read(self, paths: Sequence[Path], files: Sequence[DatasetFile], split: Split, owner: str) -> ImageSet:
        """Read one split, and check the hashes of its files.

        Args:
            paths: the files of the split on disk.
            files: the same files in the table of data sets.
            split: the split.
            owner: the name of the data set.

        Raises:
            ContentError: if a file has another hash.
            DataError: if a file is damaged, or lacks a part.
        """


@final
@dataclass(frozen=True)
class IdxFiles(Layout):
    """MNIST's layout: an image file and a label file for each split.

    Attributes:
        class_names: the class names in the order of the labels.
    """

    class_names: tuple[str, ...]
    own_data: ClassVar[bool] = True

    def of_split(self, files: Sequence[DatasetFile], split: Split) -> Sequence[DatasetFile]:
        """See `Layout.of_split`. The image file precedes the label file."""
        return [file for stem in idx_stems(split) for file in files if file.stem == stem]

    def read(self, paths: Sequence[Path], files: Sequence[DatasetFile], split: Split, owner: str) -> ImageSet:
        """See `Layout.read`."""
        for path, file in zip(paths, files, strict=True):
            if file.md5:
                file.check(path, owner)
        images, labels = read_idx_part(paths[0], 3), read_idx_part(paths[1], 1)
        for path, file, array in zip(paths, files, (images, labels), strict=True):
            # From the arrays, so that the files are unpacked once.
            if file.sha256 and (found := idx_sha256(array)) != file.sha256:
                difference = f"SHA-256 {found[:12]}… instead of {file.sha256[:12]}…"
                raise ContentError(file.complaint(path, owner, difference))
        return ImageSet(images, labels.astype(np.int64), self.class_names, f"{owner} ({split})")


class Archive(Layout):
    """A layout with a single file, an archive that holds both splits."""

    def of_split(self, files: Sequence[DatasetFile], split: Split) -> Sequence[DatasetFile]:
        """See `Layout.of_split`."""
        return files

    def read(self, paths: Sequence[Path], files: Sequence[DatasetFile], split: Split, owner: str) -> ImageSet:
        """See `Layout.read`."""
        files[0].check(paths[0], owner)
        with _damage_named(paths[0]):
            images, labels, class_names = self.unpack(paths[0], split)
        return ImageSet(images, labels, class_names, f"{owner} ({split})")

    @abstractmethod
    def unpack(self, path: Path, split: Split) -> tuple[Pixels, Labels, tuple[str, ...]]:
        """Return the images, the labels and the class names of a split."""


@final
@dataclass(frozen=True)
class EmnistArchive(Archive):
    """The ZIP archive of EMNIST: gzipped IDX files of several parts, and a text file of each with the character of each label.

    The images are stored with rows and columns exchanged. The labels of a part may start at 1.
    (G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters", 2017.)

    Attributes:
        part: the name of the part, such as "letters".
    """

    part: str

    def unpack(self, path: Path, split: Split) -> tuple[Pixels, Labels, tuple[str, ...]]:
        """See `Archive.unpack`."""
        with zipfile.ZipFile(path) as archive:
            images = self._idx(archive, f"{split}-images-idx3-ubyte.gz", path)
            stored = self._idx(archive, f"{split}-labels-idx1-ubyte.gz", path)
            with self._member(archive, "mapping.txt", path) as (stream, name, _):
                characters = mapping_of(_text(stream, name), name)
        if images.ndim != 3 or stored.ndim != 1:
            raise DataError(
                f"{path}: its images are idx{images.ndim} and its labels idx{stored.ndim}; they must be idx3 and idx1"
            )
        index = np.full(256, -1, dtype=np.int64)
        for label, stored_label in enumerate(characters):
            index[stored_label] = label
        return np.ascontiguousarray(images.transpose(0, 2, 1)), index[stored], tuple(characters.values())

    def _idx(self, archive: zipfile.ZipFile, ending: str, path: Path) -> Pixels:
        with (
            self._member(archive, ending, path) as (stream, name, size),
            gzip.GzipFile(fileobj=stream, mode="rb") as unpacked,
        ):
            return read_idx_content(Content(unpacked, size * DEFLATE_LIMIT, size), name)

    @contextmanager
    def _member(self, archive: zipfile.ZipFile, ending: str, path: Path) -> Iterator[tuple[IO[bytes], str, int]]:
        """Open the file of this part with an ending, and yield its content, its name for messages and its size."""
        file_name = f"emnist-{self.part}-{ending}"
        for entry in archive.infolist():
            if PurePosixPath(entry.filename).name == file_name:
                with archive.open(entry) as stream:
                    yield stream, f"{path}: {entry.filename}", entry.file_size
                return
        raise _without(path, file_name)


@final
@dataclass(frozen=True)
class CifarArchive(Archive):
    """A gzipped tar archive of CIFAR's binary files: for each image one or two labels and its three colour planes.

    (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.)

    Attributes:
        train: the names of the files of training images.
        test: the names of the files of test images.
        names: the name of the text file of class names, one a line.
        label_bytes: the number of labels of an image, of which the last one is used.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    label_bytes: int = 1

    def unpack(self, path: Path, split: Split) -> tuple[Pixels, Labels, tuple[str, ...]]:
        """See `Archive.unpack`."""
        wanted = self.train if split == "train" else self.test
        members = _tar_members(path, {*wanted, self.names})
        found = [decode_records(members[name], self.label_bytes, f"{path}: {name}") for name in wanted]
        class_names = tuple(line.strip() for line in _decoded(members[self.names], f"{path}: {self.names}").splitlines())
        images = np.concatenate([images for images, _ in found])
        labels = np.concatenate([labels[:, -1] for _, labels in found]).astype(np.int64)
        return images, labels, tuple(filter(None, class_names))


def _tar_members(path: Path, wanted: set[str]) -> dict[str, bytes]:
    """Return the content of regular files in a gzipped tar archive, by the last part of their names."""
    found: dict[str, bytes] = {}
    # As a stream, because a search for each name would unpack the archive once for each.
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in wanted and member.isfile() and (stream := archive.extractfile(member)) is not None:
                found[name] = stream.read()
            if len(found) == len(wanted):
                return found
    raise _without(path, min(wanted - set(found)))


def _text(stream: IO[bytes], name: str) -> str:
    return _decoded(stream.read(MAX_TEXT_BYTES), name)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content[:MAX_TEXT_BYTES].decode("ascii")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not a text file ({error}); download it again") from error


def _without(path: Path, name: str) -> DataError:
    return DataError(f"{path}: has no file {name}; download it again")


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn the exceptions for a damaged archive into a `DataError` that names it."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: is a damaged archive ({error}); download it again") from error
