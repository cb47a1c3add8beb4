"""Atomic writes of files and folders, checks of output paths, and SHA-256 hashes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from digitgan.errors import OutputError, UsageError, why_not_written

PICTURES: Final = (".gif", ".jpeg", ".jpg", ".pdf", ".png")
ARRAYS: Final = (".csv", ".gz", ".json", ".npy", ".npz", ".parquet", ".zip")
MODELS: Final = (".h5", ".keras", ".onnx", ".pt", ".pt2", ".safetensors")
TEXTS: Final = (".html", ".toml", ".txt")
FILE_ENDINGS: Final = (*PICTURES, *ARRAYS, *MODELS, *TEXTS)
"""Endings that the name of a folder must not have, because it would pass for a file."""


def check_output_name(
    path: Path,
    ending: str,
    *,
    format_name: str = "",
    endings: Mapping[str, str] | None = None,
    remedy: str = "",
    option: str = "--out",
) -> None:
    """Check that the name of an output says what the output is.

    Args:
        path: the output path.
        ending: the ending that a file must have, such as ".png"; "" for a folder.
        format_name: the value of --format that determines the output; "" without such an option.
        endings: the ending of each format of the command, "" for a folder.
        remedy: what else the user can do, such as "remove --repeat".
        option: the option that sets the path, for the error message.

    Raises:
        UsageError: if the name of a file has another ending, or the name of a folder has the ending of a file.
    """

    def has(end: str) -> bool:
        return bool(end) and len(path.name) > len(end) and path.name.lower().endswith(end)

    if has(ending):
        return
    owner = next((name for name, other in (endings or {}).items() if has(other)), "")
    wrong = next((end for end in [*(endings or {}).values(), *FILE_ENDINGS] if has(end)), "")
    if not ending and not wrong:
        return
    output = f"--format {format_name} writes" if format_name else "the output is"
    kind = f"a file whose name ends in {ending}; choose such a name" if ending else f"a folder; choose a name without {wrong}"
    others = "".join(f", or {other}" for other in (remedy, owner and f"use --format {owner}") if other)
    raise UsageError(f"{option} {path}: {output} {kind}{others}")


def claim_output(
    path: Path,
    ending: str,
    *,
    overwrite: bool,
    format_name: str = "",
    endings: Mapping[str, str] | None = None,
    remedy: str = "",
    option: str = "--out",
    any_name: bool = False,
) -> None:
    """Check, before any computation, that the name of an output fits, and that writing it destroys no data.

    Args:
        path: the output path.
        ending: the ending that a file must have; "" for a folder.
        overwrite: whether existing output may be replaced.
        format_name: see `check_output_name`, as the arguments below.
        endings: the ending of each format of the command.
        remedy: what else the user can do.
        option: the option that sets the path.
        any_name: accept any name.

    Raises:
        UsageError: if the name does not fit.
        OutputError: if the path exists and `overwrite` is false, or if the path is of a kind that is never replaced.
    """
    if not any_name:
        check_output_name(path, ending, format_name=format_name, endings=endings, remedy=remedy, option=option)
    folder = not ending
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists; replace it with --overwrite, or choose another {option}")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OutputError(f"{path}: not a regular file or folder, and never replaced; choose another {option}")
    if path.is_dir() != folder and path.exists():
        kinds = ("file", "folder") if folder else ("folder", "file")
        raise OutputError(f"{path}: is a {kinds[0]}, but this format writes a {kinds[1]}; choose another {option}")
    if path.is_dir() and any(path.iterdir()) and not (path / FOLDER_MARK).exists():
        raise OutputError(f"{path}: the folder contains files that digitgan did not write; choose another {option}")


def free_path(path: Path) -> Path:
    """Return the path itself or, if it exists, the first unused path of `name-2.png`, `name-3.png` and so on."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())


FOLDER_MARK: Final = ".made-by-digitgan"
"""The name of the file that marks a folder as written by a command; only marked folders may be overwritten."""


def mark(folder: Path) -> None:
    """Mark a folder as written by a command."""
    (folder / FOLDER_MARK).write_text("Written by digitgan; --overwrite replaces this folder.\n", encoding="utf-8")


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a marked temporary folder that replaces `path` on success; `path` stays unchanged on failure.

    Raises:
        OutputError: if the folder cannot be written.
    """
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
        raise OutputError(f"{path}: cannot be written ({reason}); choose a writable path with enough free space") from problem
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that appears at `path` completely or not at all.

    The file is written under a hidden name in the same folder, flushed to the disk and renamed when the block ends. If the
    block raises, the file is removed and an existing file at `path` stays.

    Raises:
        OSError: if the folder is not writable, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{secrets.randbits(32)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file as `placed` does, in a folder that is created if needed.

    Raises:
        OutputError: if the folder or the file cannot be written.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: cannot be written: not a regular file; choose another path")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with placed(path) as file:
            yield file
    except OSError as problem:
        reason = why_not_written(problem, path)
        raise OutputError(f"{path}: cannot be written ({reason}); choose a writable path with enough free space") from problem


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
