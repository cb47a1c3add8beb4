"""A run's folder: its layout, in one place.

recipe.toml  run.json  history.jsonl  previews/00012800.png …  checkpoints/…  snapshots/00012800.safetensors …
model.safetensors  losses.png  training.gif; scores.jsonl  best.safetensors (with --evaluate-every);
report.json  report.html (by `digitgan evaluate`)
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from digitgan.errors import OutputError, RunError
from digitgan.images import replacing
from digitgan.recipes import BLANK, Recipe, from_toml, to_toml

_CHECKSUM: Final = "crc32"


@final
@dataclass(frozen=True)
class RunFolder:
    """The paths of a run.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe, every value explicit."""
        return self.path / "recipe.toml"

    @property
    def record(self) -> Path:
        """What else defines the run and what became of it: seed, data, device, status, seconds, versions."""
        return self.path / "run.json"

    @property
    def history(self) -> Path:
        """Losses and scores, a JSON object a line (see `history_line`)."""
        return self.path / "history.jsonl"

    @property
    def previews(self) -> Path:
        """The sample grids."""
        return self.path / "previews"

    @property
    def preview_latents(self) -> Path:
        """The latents of the sample grids, float32 (n, latent)."""
        return self.previews / "latents.npy"

    @property
    def preview_labels(self) -> Path:
        """The labels of the sample grids, int64 (n,)."""
        return self.previews / "labels.npy"

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints lie."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The model with the best score so far, where the training was told to look."""
        return self.path / "best.safetensors"

    @property
    def scores(self) -> Path:
        """Those scores, a JSON object a line."""
        return self.path / "scores.jsonl"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files, where they were asked for."""
        return self.path / "tensorboard"

    @property
    def report(self) -> tuple[Path, Path]:
        """What an evaluation of its model found: as JSON, and as a page."""
        return self.path / "report.json", self.path / "report.html"

    @property
    def snapshots(self) -> Path:
        """Where the numbered models lie."""
        return self.path / "snapshots"

    @property
    def model(self) -> Path:
        """The model file."""
        return self.path / "model.safetensors"

    @property
    def curves(self) -> Path:
        """The picture of the losses."""
        return self.path / "losses.png"

    @property
    def animation(self) -> Path:
        """The previews as a GIF."""
        return self.path / "training.gif"

    @property
    def rows_animation(self) -> Path:
        """Digits being written row by row, as a GIF."""
        return self.path / "rows.gif"

    def preview(self, images_seen: int) -> Path:
        """The sample grid made at that count of images."""
        return self.previews / f"{images_seen:08d}.png"

    def snapshot(self, images_seen: int) -> Path:
        """The numbered model made at that count of images."""
        return self.snapshots / f"{images_seen:08d}.safetensors"

    def preview_files(self) -> list[Path]:
        """The sample grids there are, oldest first."""
        return _numbered(self.previews, "*.png")

    def snapshot_files(self) -> list[Path]:
        """The numbered models there are, oldest first."""
        return _numbered(self.snapshots, "*.safetensors")

    def forget_after(self, images_seen: int) -> None:
        """Remove the previews and numbered models made after that count of images: the run has gone back behind them."""
        for path in (*self.preview_files(), *self.snapshot_files()):
            if int(path.stem) > images_seen:
                path.unlink(missing_ok=True)

    def read_history(self) -> Iterator[dict[str, Any]]:
        """The history's lines; one that is damaged, or was cut off while it was written, is left out."""
        return (line for line in map(_checked, self._history_texts()) if line is not None)

    def damaged_lines(self) -> list[int]:
        """The numbers, from 1, of the history's lines that are damaged; a last one that was cut off doesn't count."""
        return [number for number, text in enumerate(self._history_texts()[:-1], start=1) if _checked(text) is None]

    def _history_texts(self) -> list[str]:
        """The history's lines as they are; the last is what follows the last newline: nothing, or a line cut off."""
        if not self.history.is_file():
            return [""]
        return self.history.read_text(encoding="utf-8", errors="replace").split("\n")

    def read_recipe(self) -> Recipe:
        """The run's recipe.

        Raises:
            RunError: if it is missing or can't be read.
            RecipeError: if it is damaged.
        """
        return from_toml(_text(self.recipe), str(self.recipe), BLANK)

    def read_record(self) -> dict[str, Any]:
        """The run's record.

        Raises:
            RunError: if it is missing or damaged.
        """
        try:
            record = json.loads(_text(self.record))
        except ValueError as problem:
            raise RunError(f"{self.record}: damaged ({problem}); the run can't be read") from problem
        if not isinstance(record, dict):
            raise RunError(f"{self.record}: damaged (not a JSON object); the run can't be read")
        return record

    def check_is_there(self) -> None:
        """Make sure that nobody has removed the run while it trains: what is written next would make a part of it anew.

        Raises:
            OutputError: if it is gone.
        """
        if not self.record.is_file():
            raise OutputError(f"{self.path}: was removed or moved while it trained; the training has been ended")

    def write_recipe(self, recipe: Recipe) -> None:
        """Write the recipe, whole or not at all."""
        with replacing(self.recipe) as file:
            file.write(to_toml(recipe).encode())

    def write_record(self, record: dict[str, Any]) -> None:
        """Write the record, whole or not at all."""
        with replacing(self.record) as file:
            file.write((json.dumps(record, indent=1, sort_keys=True) + "\n").encode())


def history_line(line: dict[str, Any]) -> str:
    """A line of the history: the JSON object, with the CRC-32 of its text as its last value, and a newline."""
    return json.dumps({**line, _CHECKSUM: _checksum(line)}) + "\n"


def _checked(text: str) -> dict[str, Any] | None:
    """What `history_line` was given; None if the text is not what that gave."""
    try:
        line = json.loads(text)
        whole = isinstance(line, dict) and line.pop(_CHECKSUM) == _checksum(line) and isinstance(line["images_seen"], int)
    except (ValueError, RecursionError, KeyError):
        return None
    return line if whole else None


def _checksum(line: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(line).encode()):08x}"


@contextlib.contextmanager
def held(run: RunFolder) -> Iterator[None]:
    """While it lasts, no other process may train in this run's folder, which is made if it isn't there.

    It is the folder itself that is locked, so that nothing is left in it; the lock dies with its process. Where the system
    has no such locks (Windows), or the file system none (some network drives), nothing is locked.

    Raises:
        RunError: if another process holds it.
        OutputError: if it can't be made.
    """
    with _made(run.path):
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


def is_held(run: RunFolder) -> bool:
    """Whether a process is training in this run's folder just now; False where the system has no such locks (see `held`)."""
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


@contextlib.contextmanager
def _made(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(f"{path}: cannot be made ({reason}); choose an --out you may write to") from problem


def new_run(path: Path, *, overwrite: bool) -> RunFolder:
    """An empty folder for a new run.

    Raises:
        OutputError: if something is there already and `overwrite` is not given or it is not a run; or it can't be made.
    """
    check_out(path, overwrite=overwrite)
    run = RunFolder(path)
    with _made(path):
        if run.record.exists():
            _remove(run)
        path.mkdir(parents=True, exist_ok=True)
    return run


def check_out(path: Path, *, overwrite: bool) -> None:
    """Make sure that a new run may have this folder; nothing is changed.

    Raises:
        OutputError: if something is there already and `overwrite` is not given or it is not a run; or it can't be made.
    """
    if path.is_dir() and any(path.iterdir()):
        if not _is_ours(RunFolder(path)):
            raise OutputError(f"{path}: holds other things than a run; it is left as it is. Choose another --out")
        if not overwrite:
            raise OutputError(
                f"{path}: holds a run already; go on with --resume, replace it with --overwrite, or choose another --out"
            )
    elif path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file; --out must name a folder")


def open_run(path: Path) -> RunFolder:
    """The run in a folder.

    Raises:
        RunError: if there is none.
    """
    run = RunFolder(path)
    if not run.record.is_file():
        raise RunError(f"{path}: not a run's folder (it has no {run.record.name}); `digitgan train --out {path}` makes one")
    return run


def free_run_path(folder: Path, recipe: str, data: str) -> Path:
    """The first path of the form `folder/fast-mnist-001` that does not exist."""
    number = 1
    while (path := folder / f"{recipe}-{data}-{number:03d}").exists():
        number += 1
    return path


def _numbered(folder: Path, pattern: str) -> list[Path]:
    found = folder.glob(pattern) if folder.is_dir() else ()
    return sorted((path for path in found if path.stem.isdecimal()), key=lambda path: int(path.stem))


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
    files = (run.model, run.history, run.curves, run.animation, run.rows_animation, run.scores, run.best, *run.report)
    for path in (*files, run.recipe, run.record):
        path.unlink(missing_ok=True)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RunError(f"{path}: cannot be read ({problem})") from problem
