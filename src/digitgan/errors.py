"""What can go wrong, each with its cause and its cure.

Every error a user can cause derives from `DigitganError`. The command line prints its text, one clear message without a
traceback, and exits with its `exit_code`; in Python it is raised as it is.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import shutil
from collections.abc import Iterable
from pathlib import Path


class DigitganError(Exception):
    """Something the user can put right; the text says what is wrong and what would be right.

    Attributes:
        exit_code: the status the command line ends with.
    """

    exit_code = 2


class UsageError(DigitganError):
    """An option or argument that can't be meant: an unknown name, a count of zero, a label that doesn't exist."""


class RecipeError(DigitganError):
    """A recipe with an unknown key, a value out of range, or parts that do not go together."""


class DataError(DigitganError):
    """A data source that is missing, damaged, or not what it claims to be."""


class DownloadError(DataError):
    """A dataset that no mirror delivered intact."""


class ModelFileError(DigitganError):
    """A model file that is truncated, altered, or was not written by this program."""


class CheckpointError(DigitganError):
    """A checkpoint that is missing or does not match its manifest."""


class DivergenceError(DigitganError):
    """A training that went wrong for good: no numbers any more, or collapsed; what is kept is from before."""

    exit_code = 3


class StoppedError(DigitganError):
    """Something long that was told to stop, and can be gone on with."""

    exit_code = 130


class RankError(DigitganError):
    """A training or a drawing by several processes of which one has been lost; what was saved is whole."""

    exit_code = 4


class OutputError(DigitganError):
    """An output path that is in use, or cannot be written."""


class RunError(DigitganError):
    """A run's folder that is not one, is damaged, or was started with another recipe, data set or seed."""


def why_not_written(problem: OSError, path: Path, needed: int = 0) -> str:
    """What the system says of a file that can't be written; of a full disk also how much room there is.

    Args:
        problem: as it was raised.
        path: of the file.
        needed: bytes of it, where they are known.

    Returns:
        `"No space left on device: 5,120,000 bytes are needed, 204,800 are free"`.
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
    """The half-sentence that helps after an unknown name.

    Args:
        name: what the user wrote.
        known: every name that would have been right.

    Returns:
        `"did you mean 'fast'? (known: fast, slow)"`, or only `"known: fast, slow"` where nothing is near.
    """
    names = list(known)
    listed = f"known: {', '.join(names)}" if names else "none are known"
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? ({listed})" if near else listed
