"""The exceptions of the package.

Every error that a user can cause is a subclass of `DigitganError`. The command line prints the message without a traceback and
exits with the `exit_code` of the class. The Python API raises the exception itself.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path


class DigitganError(Exception):
    """Base class of the errors that a user can correct; the message names the cause and the remedy.

    Attributes:
        exit_code: exit code of the command line.
    """

    exit_code = 2


class UsageError(DigitganError):
    """An invalid option or argument: an unknown name, a count of zero, a label that does not exist."""


class RecipeError(DigitganError):
    """A recipe with an unknown key, a value out of range, or incompatible parts."""


class SizeError(RecipeError):
    """An image size that a family of networks cannot make."""


class DataError(DigitganError):
    """A data source that is missing, damaged, or of another content than its name states."""


class DownloadError(DataError):
    """A data set that could not be downloaded intact from any mirror."""


class ModelFileError(DigitganError):
    """A model file that is truncated, altered, or not written by digitgan."""


class CheckpointError(DigitganError):
    """A checkpoint that is missing or does not match its manifest."""


class DivergenceError(DigitganError):
    """A training that diverged or collapsed repeatedly; the last healthy checkpoint is kept."""

    exit_code = 3


class OutOfMemoryError(DigitganError):
    """A command that needs more memory than there is; files that are saved are complete."""

    exit_code = 5


class StoppedError(DigitganError):
    """An interrupted operation that can be resumed."""

    exit_code = 130


class RankError(DigitganError):
    """A lost process of a distributed training or sampling; the saved files are complete."""

    exit_code = 4


class OutputError(DigitganError):
    """An output path that already exists or cannot be written."""


class RunError(DigitganError):
    """A folder that is not a run, a damaged run, or a run that was started with another recipe, data set or seed."""


class RenamedWarning(DeprecationWarning):
    """A former name of a recipe or a setting. The message states the present name; the command line prints it."""


OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|cannot allocate memory", re.IGNORECASE)
"""The words with which PyTorch, NumPy and the system report a lack of memory, on a CPU, CUDA and MPS."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception reports a lack of memory."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and bool(OUT_OF_MEMORY.search(str(error)))


@contextlib.contextmanager
def naming_out_of_memory(what: str, cure: str) -> Iterator[None]:
    """Turn exceptions that report a lack of memory into an `OutOfMemoryError`.

    Args:
        what: what needs the memory.
        cure: what the user can do.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        reason = next(iter(str(error).splitlines()), "")[:200]
        raise OutOfMemoryError(f"{what}: the memory is full; {cure} ({type(error).__name__}: {reason})") from error


def why_not_written(problem: OSError, path: Path, needed: int = 0) -> str:
    """Return the reason why a file cannot be written, with the free space if the disk is full.

    Args:
        problem: the exception of the failed write.
        path: the file.
        needed: size of the file in bytes; 0 if it is unknown.

    Returns:
        For example `"No space left on device: 5,120,000 bytes are needed, 204,800 are free"`.
    """
    said = problem.strerror or str(problem)
    if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
        return said
    free = None
    for folder in path.parents:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(folder).free
            break
    facts = [f"{needed:,} bytes are needed"] if needed else []
    facts += [f"{free:,} {'are' if facts else 'bytes are'} free"] if free is not None else []
    return f"{said}: {', '.join(facts)}" if facts else said


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the suggestion for an error message about an unknown name.

    Args:
        name: the name that the user wrote.
        known: all valid names.

    Returns:
        `"did you mean 'fast'? (known: fast, slow)"`, or only `"known: fast, slow"` if no name is similar.
    """
    names = list(known)
    listed = f"known: {', '.join(names)}" if names else "none are known"
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? ({listed})" if near else listed
