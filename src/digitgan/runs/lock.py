"""One process at a time trains in a run's folder."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from digitgan.errors import RunError
from digitgan.runs.create import made
from digitgan.runs.folder import RunFolder


@contextlib.contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """While it lasts, no other process may train in this run's folder, which is made if it isn't there.

    It is the folder itself that is locked, so that nothing is left in it; the lock dies with its process. Where the system
    has no such locks (Windows), or the file system none (some network drives), nothing is locked.

    Raises:
        RunError: if another process holds it.
        OutputError: if it can't be made.
    """
    with made(run.path):
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
            f"{run.path}: another process is training in it; wait for its end, stop it, or choose another --out"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(folder)


def is_locked(run: RunFolder) -> bool:
    """Whether a process is training in this run's folder just now; False where the system has no such locks (see `locked`)."""
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
