"""Download of a data set: each file from the first mirror that delivers it intact, or none of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from digitgan.data.datasets import Dataset, RemoteFile
from digitgan.data.files import ProgressFn, content_sha256, placed, silent
from digitgan.data.idx import find_idx
from digitgan.data.mirrors import MirrorError, pieces_from
from digitgan.errors import DataError, DownloadError

TIMEOUT = 5.0
"""Seconds of silence after which a server is given up."""

NO_NETWORK_SECONDS = 9.0
"""On a machine without network whose name look-ups are swallowed rather than refused, every mirror takes its full time
to fail. They share this much, so that the user learns of it within ten seconds."""

DEADLINE_BASE = 20.0
MIN_SPEED = 200_000
"""Unpacked bytes a second: about 40 kB/s on the wire for MNIST's images. With the base, seconds in which a file must
have come from one mirror: a server that trickles is given up, a slow line is not."""

GZIP_OVERHEAD = 4096
"""What gzip may add to content it cannot pack: 5 bytes in each 16 KiB, a header with a name in it, and a trailer."""

SECONDS_BETWEEN_REPORTS = 0.5

MEGABYTE = 1_000_000


def fetch(
    dataset: Dataset,
    folder: Path,
    mirrors: Sequence[str] | None = None,
    timeout: float = TIMEOUT,
    deadline: float | None = None,
    notify: ProgressFn = silent,
) -> None:
    """Bring the files of a data set that a folder lacks.

    Each file is tried at the mirrors in turn, checked by the SHA-256 of its unpacked content, and placed whole or not
    at all. A file that is there is checked too; what is not the data set's is left as it is, and is an error.

    Args:
        dataset: what to fetch.
        folder: where to; made if it is missing.
        mirrors: addresses of folders that hold the files; left out: the data set's own.
        timeout: seconds of silence after which a server is given up. Its first answer may have less: all mirrors
            together get 9 seconds for that.
        deadline: seconds for one file from one mirror; left out: 20, and one for each 200 kB of content.
        notify: takes a line now and then about the bytes that have come.

    Raises:
        DownloadError: if no mirror delivered a file; it lists each with its reason.
        DataError: if the folder can't be written to, or holds another file under the name of one of these.
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
    try:
        for file in missing:
            working = _fetch_file(dataset, file, folder, addresses, timeout, deadline, notify)
            # The next file starts where this one was had, instead of waiting again for those that do not answer.
            addresses.remove(working)
            addresses.insert(0, working)
    except BaseException:
        with suppress(OSError):  # it is not empty: earlier files arrived
            for each in new_folders:
                each.rmdir()
        raise


def is_there(dataset: Dataset, file: RemoteFile, folder: Path) -> bool:
    """Whether a folder holds a file of a data set, gzipped or not, with the right content.

    Raises:
        DataError: if a file of that name is there, and damaged or another one.
    """
    path = find_idx(folder, file.stem)
    if path is None:
        return False
    if content_sha256(path, file.size) != file.sha256:
        raise DataError(
            f"{path}: is not {dataset.name}'s {file.stem}: its content has another SHA-256. "
            f"Remove it, and it will be fetched; or, if it is data of your own, use it as such: --data {folder}"
        )
    return True


def _fetch_file(
    dataset: Dataset,
    file: RemoteFile,
    folder: Path,
    mirrors: Sequence[str],
    timeout: float,
    deadline: float | None,
    notify: ProgressFn,
) -> str:
    """Place one file, and say which mirror it came from."""
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
            raise _unwritable(folder, error) from error
        else:
            return mirror
    files = ", ".join(each.name for each in dataset.files)
    raise DownloadError(
        "\n".join(
            [
                f"{dataset.name}: no mirror delivered {file.name}:",
                *(failures or ["  there are no mirrors"]),
                f"Where there is no network, put {files} into {folder},",
                "or name the folder that holds them with --data-dir or DIGITGAN_DATA,",
                "or use the embedded digits: --data digits",
            ]
        )
    )


def _fetch_from(address: str, file: RemoteFile, target: Path, seconds: tuple[float, float, float], notify: ProgressFn) -> None:
    received = 0
    begin = b""
    reported = time.monotonic()
    with placed(target) as output:
        for piece, announced in pieces_from(address, *seconds, most=file.size + file.size // 1000 + GZIP_OVERHEAD):
            begin = begin or piece[:64]
            output.write(piece)
            received += len(piece)
            if time.monotonic() - reported >= SECONDS_BETWEEN_REPORTS:
                reported = time.monotonic()
                notify(f"{file.name}: {_megabytes(received)}{f' of {_megabytes(announced)}' if announced else ''}")
        output.flush()
        _check(Path(output.name), file, received, begin)
    notify(f"{file.name}: {_megabytes(received)} from {address}")


def _check(path: Path, file: RemoteFile, received: int, begin: bytes) -> None:
    if received == 0:
        raise MirrorError("sent an empty file")
    if begin.lstrip().startswith(b"<"):
        raise MirrorError("sent a web page instead of the file")
    try:
        found = content_sha256(path, file.size)
    except DataError:
        raise MirrorError(f"sent a damaged gzip file ({received} bytes)") from None
    if found != file.sha256:
        raise MirrorError(f"sent another content: SHA-256 {found[:12]}… instead of {file.sha256[:12]}…")


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:.1f} MB"


def _unwritable(folder: Path, error: OSError) -> DownloadError:
    return DownloadError(
        f"{folder}: cannot be written to ({error.strerror or error}), and the data set isn't there; "
        "name another folder with --data-dir or DIGITGAN_DATA"
    )
