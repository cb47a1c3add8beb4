"""Files and folders: written whole or not at all, never over what is there, and known by their SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from digitgan.errors import OutputError, why_not_written


def claim_output(path: Path, *, overwrite: bool, folder: bool = False, option: str = "--out") -> None:
    """Make sure that writing to `path` destroys nothing, before anything is computed.

    Args:
        path: where output is to go.
        overwrite: whether what is there may be replaced.
        folder: whether the output is a folder.
        option: by which another place is chosen.

    Raises:
        OutputError: if something is there and `overwrite` is not given, or it is of a kind that is never replaced.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; replace it with --overwrite, or choose another {option}")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OutputError(f"{path}: is a device or the like, which is never replaced; choose another {option}")
    if path.is_dir() != folder and path.exists():
        kinds = ("file", "folder") if folder else ("folder", "file")
        raise OutputError(f"{path}: is a {kinds[0]}, and this format makes a {kinds[1]}; choose another {option}")
    if path.is_dir() and any(path.iterdir()) and not (path / FOLDER_MARK).exists():
        raise OutputError(f"{path}: is a folder that holds other things than what digitgan makes; it is left as it is")


def free_path(path: Path) -> Path:
    """The path itself, or the first of `name-2.png`, `name-3.png`, … that does not exist."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())


FOLDER_MARK: Final = ".made-by-digitgan"
"""Tells a folder that a command made, which may be overwritten when asked, from any other, which never is."""


def mark(folder: Path) -> None:
    """Say of a folder that a command made it."""
    (folder / FOLDER_MARK).write_text("made by digitgan, and replaced with --overwrite\n", encoding="utf-8")


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A marked folder to write into, which takes the place of `path` at the end; on any failure `path` stays as it was."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        temporary.mkdir(parents=True)
        mark(temporary)
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as problem:
        reason = why_not_written(problem, path)
        raise OutputError(f"{path}: cannot be written ({reason}); choose a place with room that you may write to") from problem
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` to write to, which takes its place at the end; on any failure `path` stays as it was.

    Raises:
        OutputError: if the folder or file can't be written.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.part"
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: cannot be written: it is no ordinary file; choose another place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        reason = why_not_written(problem, path)
        raise OutputError(f"{path}: cannot be written ({reason}); choose a place with room that you may write to") from problem
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
