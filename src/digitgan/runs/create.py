"""The creation, the lookup and the lock of run folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from digitgan.errors import DigitganError, OutputError, RunError, nearest
from digitgan.files import check_output_name
from digitgan.recipes import to_toml
from digitgan.runs.folder import RunFolder


def new_run(path: Path, *, overwrite: bool) -> RunFolder:
    """Create an empty folder for a new run.

    Raises:
        OutputError: if the path exists and is not a run, or is a run and `overwrite` is false, or cannot be created.
    """
    check_out(path, overwrite=overwrite)
    run = RunFolder(path)
    with creation_errors(path):
        if run.record.exists() or run.recipe.exists():
            _remove(run)
        remove_temporary_files(run)
        path.mkdir(parents=True, exist_ok=True)
    return run


def check_out(path: Path, *, overwrite: bool) -> None:
    """Check that a folder is available for a new run, without changing it.

    Raises:
        OutputError: if the path exists and is not a run, or is a run and `overwrite` is false.
        UsageError: if the name of a new folder has the ending of a file.
    """
    run = RunFolder(path)
    if path.is_dir() and not _is_free(run):
        if not _is_ours(run):
            raise OutputError(f"{path}: contains files that are not part of a run and is left unchanged; choose another --out")
        if not overwrite:
            raise OutputError(
                f"{path}: already contains a run; use --resume to continue it, --overwrite to replace it, or another --out"
            )
    elif not path.exists():
        check_output_name(path, "")
    elif not path.is_dir():
        raise OutputError(f"{path}: is a file; --out must name a folder")


def remove_temporary_files(run: RunFolder) -> None:
    """Remove the temporary files of interrupted writes; the caller must hold the lock of the run (see `locked`)."""
    for path in run.cut_off_files():
        path.unlink(missing_ok=True)


def open_run(path: Path) -> RunFolder:
    """Open the run in a folder.

    Raises:
        RunError: if the folder does not exist or is not a run.
    """
    run = RunFolder(path)
    if not path.exists():
        beside = [each.parent.name for each in path.absolute().parent.glob(f"*/{run.record.name}")]
        near = f" ({nearest(path.name, beside)})" if beside else ""
        raise RunError(f"{path}: the folder does not exist{near}; create a run with `digitgan train --out {path}`")
    if not run.record.is_file():
        raise RunError(f"{path}: not a run folder, because it has no {run.record.name}; name the --out of a training run")
    return run


def free_run_path(folder: Path, recipe: str, data: str) -> Path:
    """Return the first unused path of the form `folder/fast-mnist-001`."""
    number = 1
    while (path := folder / f"{recipe}-{data}-{number:03d}").exists():
        number += 1
    return path


@contextlib.contextmanager
def creation_errors(path: Path) -> Iterator[None]:
    """Convert an `OSError` during the creation of a folder to an `OutputError` with its reason."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(f"{path}: cannot be created ({reason}); choose a writable --out") from problem


def _is_free(run: RunFolder) -> bool:
    """Return whether the folder is empty, or contains only the files of a run that was killed before it wrote its record.

    Such a run can leave a recipe in exactly the form that `to_toml` writes. A recipe in another form belongs to the user.
    """
    there = set(run.path.iterdir()).difference(run.cut_off_files())
    if there != {run.recipe}:
        return not there
    try:
        return run.recipe.read_text(encoding="utf-8") == to_toml(run.read_recipe())
    except (OSError, UnicodeDecodeError, DigitganError):
        return False


def _is_ours(run: RunFolder) -> bool:
    """Return whether digitgan wrote the record of the folder; the name of the file alone is not sufficient."""
    try:
        return "digitgan" in run.read_record()["versions"]
    except (RunError, KeyError, TypeError):
        return False


def _remove(run: RunFolder) -> None:
    """Remove the files of a run and keep all other files in its folder."""
    for path in (run.previews, run.checkpoints, run.snapshots, run.tensorboard, run.lab.path):
        if path.is_dir():
            shutil.rmtree(path)
    for path in (*run.report, *run.training_files):
        path.unlink(missing_ok=True)


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
