"""Download of a data set. Each file comes from the first mirror that delivers it intact."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from digitgan.data.named.datasets import Dataset
from digitgan.data.named.mirrors import MirrorError, pieces_from
from digitgan.data.named.remote import ContentError, DatasetFile
from digitgan.data.progress import ProgressFn, ProgressLines, in_megabytes, silent
from digitgan.errors import DataError, DownloadError, why_not_written
from digitgan.files import placed

TIMEOUT = 5.0
"""Seconds without data after which a mirror is abandoned."""

NO_NETWORK_SECONDS = 9.0
"""Seconds that all mirrors together have for a first answer. On a machine without a network, name look-ups may time out
instead of failing, so that every mirror takes its full time. The limit makes the download fail within ten seconds."""

DEADLINE_BASE = 20.0
MIN_SPEED = 40_000
"""Least speed in bytes per second, by the size that a file is known by, packed or unpacked. A mirror has `DEADLINE_BASE`
seconds plus the time at this speed for a file. A server that trickles is abandoned; a slow connection is not."""

LEFTOVER_SECONDS = 600.0
"""Age from which an unfinished download is one of a process that was killed."""

GZIP_OVERHEAD = 4096
"""Bytes that gzip may add to incompressible content: 5 in each 16 KiB, a header with a file name, and a trailer."""


def fetch(
    dataset: Dataset,
    folder: Path,
    mirrors: Sequence[str] | None = None,
    timeout: float = TIMEOUT,
    deadline: float | None = None,
    notify: ProgressFn = silent,
) -> None:
    """Download the files of a data set that are missing from a folder.

    Each file is requested from the mirrors in turn and checked by its hash. It appears in the folder completely or not at all.
    Existing files are checked too. A file with another content is kept and raises an error.

    Args:
        dataset: the data set.
        folder: the folder for the files. It is created if it is missing.
        mirrors: the addresses of folders that hold the files. Default: those of the data set.
        timeout: seconds without data after which a mirror is abandoned. All mirrors together have 9 seconds for their first
            answer.
        deadline: seconds for one file from one mirror. Default: 20, plus one for each 200 kB of content.
        notify: a function that receives lines of progress.

    Raises:
        DownloadError: if no mirror delivers a file. The message lists each mirror with its error.
        DataError: if the folder is not writable, or holds another file under the name of one of the data set's.
    """
    addresses = list(dataset.mirrors if mirrors is None else mirrors)
    missing = [file for file in dataset.files if not is_there(dataset, file, folder)]
    if not missing:
        return
    new_folders = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    size = in_megabytes(sum(file.size for file in missing))
    notify(f"{dataset.name}: downloading {size} to {folder} ({dataset.credit})")
    try:
        for file in missing:
            _remove_leftovers(file, folder)
            working = _fetch_file(dataset, file, folder, addresses, timeout, deadline, notify)
            # The next file starts with this mirror, so that mirrors that do not answer cost their timeout once.
            addresses.remove(working)
            addresses.insert(0, working)
    except BaseException:
        with suppress(OSError):  # fails if earlier files arrived
            for each in new_folders:
                each.rmdir()
        raise


def is_there(dataset: Dataset, file: DatasetFile, folder: Path) -> bool:
    """Return whether a folder holds a file of a data set.

    Raises:
        DataError: if the file exists but is damaged or has another content.
    """
    path = file.find(folder)
    if path is None:
        return False
    try:
        file.check(path, dataset.name)
    except ContentError as error:
        raise DataError(f"{error}. {remedy(dataset, folder)}") from error
    return True


def remedy(dataset: Dataset, folder: Path) -> str:
    """Return the remedy for a file in a folder that is not that of the data set."""
    own = f", or use it as your own data with --data {folder}" if dataset.layout.own_data else ""
    return f"Remove it to download it again, name another folder with --data-dir{own}"


def _fetch_file(
    dataset: Dataset,
    file: DatasetFile,
    folder: Path,
    mirrors: Sequence[str],
    timeout: float,
    deadline: float | None,
    notify: ProgressFn,
) -> str:
    """Download one file and return the mirror that delivered it."""
    first_timeout = min(timeout, NO_NETWORK_SECONDS / max(1, len(mirrors)))
    allowed = DEADLINE_BASE + file.size / MIN_SPEED if deadline is None else deadline
    failures = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{file.name}"
        try:
            _fetch_from(address, file, folder / file.name, (first_timeout, timeout, allowed), notify)
        except MirrorError as error:
            failures.append(f"  {address}: {error}")
            notify(f"{address}: {error}")
        except OSError as error:
            raise _unwritable(folder, error, file.size) from error
        else:
            return mirror
    files = ", ".join(each.name for each in dataset.files)
    raise DownloadError(
        "\n".join(
            [
                f"{dataset.name}: no mirror delivered {file.name}:",
                *(failures or ["  no mirrors are known"]),
                f"Without a network, copy {files} to {folder},",
                "or name the folder that holds them with --data-dir or DIGITGAN_DATA,",
                "or use --data mnist, which is part of digitgan",
            ]
        )
    )


def _fetch_from(address: str, file: DatasetFile, target: Path, seconds: tuple[float, float, float], notify: ProgressFn) -> None:
    received = 0
    begin = b""
    progress = ProgressLines(notify, file.name, in_megabytes)
    with placed(target) as output:
        for piece, announced in pieces_from(address, *seconds, most=file.size + file.size // 1000 + GZIP_OVERHEAD):
            begin = begin or piece[:64]
            output.write(piece)
            received += len(piece)
            progress.report(received, announced)
        output.flush()
        _check(Path(output.name), file, received, begin)
    notify(f"{file.name}: {in_megabytes(received)} from {address} in {progress.seconds:.0f} s")


def _check(path: Path, file: DatasetFile, received: int, begin: bytes) -> None:
    if received == 0:
        raise MirrorError("sent an empty file")
    if begin.lstrip().startswith(b"<"):
        raise MirrorError("sent a web page instead of the file")
    try:
        difference = file.difference(path)
    except DataError:
        raise MirrorError(f"sent a damaged gzip file ({received} bytes)") from None
    if difference:
        raise MirrorError(f"sent another file: {received} bytes with {difference}")


def _remove_leftovers(file: DatasetFile, folder: Path) -> None:
    """Remove the unfinished downloads of a file by processes that were killed.

    A download in progress, such as that of another process, writes to its file every few seconds.
    """
    for part in folder.glob(f".{file.name}.*.part"):
        with suppress(OSError):  # another process removed it
            if time.time() - part.stat().st_mtime > LEFTOVER_SECONDS:
                part.unlink()


def _unwritable(folder: Path, error: OSError, size: int = 0) -> DownloadError:
    reason = why_not_written(error, folder / "file", size)
    return DownloadError(
        f"{folder}: cannot be written to ({reason}), and it lacks files of the data set; "
        "name another folder with --data-dir or DIGITGAN_DATA"
    )
