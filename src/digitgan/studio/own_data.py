"""Image sets of the user's own in the studio: folders that the server was started with, and uploaded archives."""

from __future__ import annotations

import re
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final, final

from digitgan.data import ReadOptions, class_sheet, load_image_set, splits_of
from digitgan.errors import DigitganError, OutputError, UsageError, nearest, why_not_written
from digitgan.images import encode_png
from digitgan.session.forecast import verify_source
from digitgan.studio.errors import BusyError, NotThereError

UPLOADED: Final = "upload"
"""The first part of the names of uploaded archives."""

MAX_UPLOADS: Final = 100
MAX_LISTED: Final = 500
"""Largest number of entries of a folder that are offered."""

NAME: Final = re.compile(r"[\w][\w .()+-]{0,79}\.zip", re.IGNORECASE)
"""Pattern of the names of uploaded files."""


@final
class OwnData:
    """The image sets of the user's own that the studio offers.

    An entry of a folder ROOT of `digitgan serve --data-root` has the name ROOT/ENTRY, the folder itself the name ROOT. An
    uploaded archive has the name upload/FILE.

    Args:
        roots: the folders of `--data-root`.
        uploads: the folder of uploaded archives.

    Raises:
        UsageError: if a root is not a folder, or two of them have the same name.
    """

    def __init__(self, roots: Sequence[Path], uploads: Path) -> None:
        self._uploads = uploads
        self._roots: dict[str, Path] = {}
        self._receiving = 0
        for root in roots:
            if not root.is_dir():
                raise UsageError(f"--data-root {root}: is not a folder; name an existing one")
            name = root.resolve().name
            if name in (*self._roots, UPLOADED):
                raise UsageError(f"--data-root {root}: another folder is named {name!r} too; rename one of them")
            self._roots[name] = root.resolve()

    def names(self) -> list[str]:
        """Return the names of all image sets. Those of the folders are not read, so that some may be no image set."""
        found = []
        for name, root in self._roots.items():
            found.append(name)
            found += [f"{name}/{entry.name}" for entry in _entries(root)]
        return [*found, *(f"{UPLOADED}/{entry.name}" for entry in _entries(self._uploads))]

    def path(self, name: str) -> Path:
        """Return the path of an image set.

        Raises:
            NotThereError: if there is none of this name.
        """
        root, slash, entry = name.partition("/")
        folder = self._uploads if root == UPLOADED else self._roots.get(root)
        if folder is not None and not slash and root != UPLOADED:
            return folder
        if folder is not None and entry in [each.name for each in _entries(folder)]:
            return folder / entry
        raise NotThereError(f"data {name!r}: unknown name; {nearest(name, self.names())}")

    async def receive(self, name: str, content: AsyncIterator[bytes]) -> str:
        """Store an uploaded archive and check that it holds pictures.

        Args:
            name: the name of the file.
            content: its content, piece by piece.

        Returns:
            The name of the image set.

        Raises:
            UsageError: if the name is not allowed, exists, or there are too many uploads.
            DataError: if the file is no ZIP archive of pictures.
            OutputError: if it cannot be written.
        """
        if not NAME.fullmatch(name):
            raise UsageError(f"file name {name[:100]!r}: must end in .zip, with letters, digits and spaces before it")
        path = self._uploads / name
        if path.exists():
            raise UsageError(f"{name}: was uploaded before; remove that one first, or rename the file")
        if len(_entries(self._uploads)) >= MAX_UPLOADS:
            raise UsageError(f"there are {MAX_UPLOADS} uploads; remove some first")
        if self._receiving:
            raise BusyError("another upload is in progress; retry when it has ended")
        part = path.with_name(f".{name}.part")
        self._receiving += 1
        try:
            self._uploads.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                async for piece in content:
                    file.write(piece)
            if not zipfile.is_zipfile(part):
                raise UsageError(f"{name}: is not a ZIP archive; pack the folder of the pictures as ZIP")
            part.replace(path)
        except OSError as problem:
            raise OutputError(f"{name}: cannot be stored ({why_not_written(problem, part)})") from problem
        finally:
            self._receiving -= 1
            part.unlink(missing_ok=True)
        try:
            splits_of(str(path))
        except DigitganError:
            path.unlink(missing_ok=True)
            raise
        return f"{UPLOADED}/{name}"

    def remove(self, name: str) -> None:
        """Remove an uploaded archive.

        Raises:
            NotThereError: if there is none of this name.
            UsageError: if it is an entry of a folder of `--data-root`, which are never changed.
        """
        path = self.path(name)
        if not name.startswith(f"{UPLOADED}/"):
            raise UsageError(f"data {name!r}: is not an upload; folders of --data-root are never changed")
        path.unlink(missing_ok=True)

    def summary(self, name: str, read: ReadOptions) -> dict[str, Any]:
        """Return what is understood of an image set, and what a training on it would do, as `digitgan data verify` does.

        Raises:
            DigitganError: if it cannot be read.
        """
        lines: list[str] = []
        found = verify_source(str(self.path(name)), None, None, read, "auto", lines.append)
        return {
            "name": name,
            "splits": found.splits,
            "notes": [note for facts in found.splits.values() for note in facts["notes"]],
            "warnings": list(found.warnings),
            "training": {**found.forecast.facts(), "lines": found.forecast.lines()},
        }

    def sheet(self, name: str, read: ReadOptions) -> bytes:
        """Return a picture of every class as PNG, as `digitgan data show` draws it."""
        return encode_png(class_sheet(load_image_set(str(self.path(name)), read=read)))


def _entries(folder: Path) -> list[Path]:
    """Return the visible entries of a folder in the order of their names; those of a missing folder are none."""
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))[:MAX_LISTED]
