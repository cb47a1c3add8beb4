"""Folders for new runs, and those of runs there are."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from digitgan.errors import DigitganError, OutputError, RunError, nearest
from digitgan.recipes import to_toml
from digitgan.runs.folder import RunFolder


def new_run(path: Path, *, overwrite: bool) -> RunFolder:
    """An empty folder for a new run.

    Raises:
        OutputError: if something is there already and `overwrite` is not given or it is not a run; or it can't be made.
    """
    check_out(path, overwrite=overwrite)
    run = RunFolder(path)
    with made(path):
        if run.record.exists() or run.recipe.exists():
            _remove(run)
        sweep_run(run)
        path.mkdir(parents=True, exist_ok=True)
    return run


def check_out(path: Path, *, overwrite: bool) -> None:
    """Make sure that a new run may have this folder; nothing is changed.

    Raises:
        OutputError: if something is there already and `overwrite` is not given or it is not a run; or it can't be made.
    """
    run = RunFolder(path)
    if path.is_dir() and not _is_free(run):
        if not _is_ours(run):
            raise OutputError(f"{path}: holds other things than a run; it is left as it is. Choose another --out")
        if not overwrite:
            raise OutputError(
                f"{path}: holds a run already; go on with --resume, replace it with --overwrite, or choose another --out"
            )
    elif path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file; --out must name a folder")


def sweep_run(run: RunFolder) -> None:
    """Remove what writes that were cut off left behind; while the run is held (see `locked`)."""
    for path in run.cut_off_files():
        path.unlink(missing_ok=True)


def open_run(path: Path) -> RunFolder:
    """The run in a folder.

    Raises:
        RunError: if there is none.
    """
    run = RunFolder(path)
    if not path.exists():
        beside = [each.parent.name for each in path.absolute().parent.glob(f"*/{run.record.name}")]
        near = f" ({nearest(path.name, beside)})" if beside else ""
        raise RunError(f"{path}: there is no such folder{near}; `digitgan train --out {path}` makes a run there")
    if not run.record.is_file():
        raise RunError(f"{path}: not a run's folder (it has no {run.record.name})")
    return run


def free_run_path(folder: Path, recipe: str, data: str) -> Path:
    """The first path of the form `folder/fast-mnist-001` that does not exist."""
    number = 1
    while (path := folder / f"{recipe}-{data}-{number:03d}").exists():
        number += 1
    return path


@contextlib.contextmanager
def made(path: Path) -> Iterator[None]:
    """Say of a folder that can't be made why."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(f"{path}: cannot be made ({reason}); choose an --out you may write to") from problem


def _is_free(run: RunFolder) -> bool:
    """Whether nothing lies in the folder, or only what a run leaves that was killed before its record was there.

    That may be a recipe, to the last letter as it is written here; one that somebody wrote is left as it is.
    """
    there = set(run.path.iterdir()).difference(run.cut_off_files())
    if there != {run.recipe}:
        return not there
    try:
        return run.recipe.read_text(encoding="utf-8") == to_toml(run.read_recipe())
    except (OSError, UnicodeDecodeError, DigitganError):
        return False


def _is_ours(run: RunFolder) -> bool:
    """Whether a folder's record is one that this program wrote: a file of that name alone proves nothing."""
    try:
        return "digitgan" in run.read_record()["versions"]
    except (RunError, KeyError, TypeError):
        return False


def _remove(run: RunFolder) -> None:
    """Remove what a run consists of; whatever else lies in its folder stays."""
    for path in (run.previews, run.checkpoints, run.snapshots, run.tensorboard):
        if path.is_dir():
            shutil.rmtree(path)
    for path in (*run.report, *run.training_files):
        path.unlink(missing_ok=True)
