"""The lock of a run folder, which allows one training process at a time."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from digitgan.errors import RunError
from digitgan.runs.create import creation_errors
from digitgan.runs.folder import RunFolder


@contextlib.contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Lock a run folder for training inside the context; create the folder if it does not exist.

    The lock is on the folder itself, so it leaves no file behind. It ends with its process. Windows and some network drives
    do not support such locks. There, the function locks nothing.

    Raises:
        RunError: if another process holds the lock.
        OutputError: if the folder cannot be created.
    """
    with creation_errors(run.path):
        run.path.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    folder = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise RunError(
            f"{run.path}: another process is training in this folder; wait for it, stop it, or choose another --out"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(folder)


def is_locked(run: RunFolder) -> bool:
    """Return whether a process is training in a run folder; False if the system does not support locks (see `locked`)."""
    if sys.platform == "win32" or not run.path.is_dir():
        return False
    import fcntl

    folder = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(folder)
    return False
