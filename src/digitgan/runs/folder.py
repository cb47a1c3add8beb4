"""The layout of a run folder.

All runs: recipe.toml, run.json, history.jsonl, previews/00012800.png …, checkpoints/…, snapshots/00012800.safetensors …,
model.safetensors, losses.png, training.gif, lab/snapshot.npz. With --evaluate-every: scores.jsonl, best.safetensors. After
`digitgan evaluate`: report.json, report.html.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan.errors import OutputError, RecipeError, RunError
from digitgan.files import replacing
from digitgan.lookup import missing_origin
from digitgan.recipes import BLANK, Recipe, from_toml, to_toml
from digitgan.runs.lab import LabFolder


@final
@dataclass(frozen=True)
class RunFolder:
    """The paths of a run.

    Attributes:
        path: the run folder.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe, with every value explicit."""
        return self.path / "recipe.toml"

    @property
    def record(self) -> Path:
        """The record of the run: seed, data, device, status, seconds, versions."""
        return self.path / "run.json"

    @property
    def history(self) -> Path:
        """Losses and scores, one JSON object per line (see `history_line`)."""
        return self.path / "history.jsonl"

    @property
    def previews(self) -> Path:
        """The folder of the preview grids."""
        return self.path / "previews"

    @property
    def preview_latents(self) -> Path:
        """The latents of the preview grids, float32 (n, latent); see `read_preview_latents`."""
        return self.previews / "latents.npy"

    @property
    def preview_labels(self) -> Path:
        """The labels of the preview grids, int64 (n,)."""
        return self.previews / "labels.npy"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The model with the best score so far, written with --evaluate-every."""
        return self.path / "best.safetensors"

    @property
    def scores(self) -> Path:
        """The scores of --evaluate-every, one JSON object per line."""
        return self.path / "scores.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The folder of the TensorBoard event files, if requested."""
        return self.path / "tensorboard"

    @property
    def lab(self) -> LabFolder:
        """The folder through which a viewer looks into the training."""
        return LabFolder(self.path / "lab")

    @property
    def report(self) -> tuple[Path, Path]:
        """The evaluation report of the model, as JSON and as HTML."""
        return self.path / "report.json", self.path / "report.html"

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots, models numbered by the images seen."""
        return self.path / "snapshots"

    @property
    def model(self) -> Path:
        """The model file."""
        return self.path / "model.safetensors"

    @property
    def curves(self) -> Path:
        """The plot of the losses."""
        return self.path / "losses.png"

    @property
    def animation(self) -> Path:
        """The previews as an animated GIF."""
        return self.path / "training.gif"

    @property
    def rows_animation(self) -> Path:
        """The row-by-row generation of digits as an animated GIF."""
        return self.path / "rows.gif"

    @property
    def training_files(self) -> tuple[Path, ...]:
        """The files, without folders, that a training run writes; the record, which identifies a run, is last."""
        pictures = (self.curves, self.animation, self.rows_animation)
        return (self.model, self.best, self.history, self.scores, *pictures, self.recipe, self.record)

    def preview(self, images_seen: int) -> Path:
        """Return the path of the preview grid at a number of images seen."""
        return self.previews / f"{images_seen:08d}.png"

    def snapshot(self, images_seen: int) -> Path:
        """Return the path of the snapshot at a number of images seen."""
        return self.snapshots / f"{images_seen:08d}.safetensors"

    def preview_files(self) -> list[Path]:
        """Return the existing preview grids, oldest first."""
        return _numbered(self.previews, "*.png")

    def snapshot_files(self) -> list[Path]:
        """Return the existing snapshots, oldest first."""
        return _numbered(self.snapshots, "*.safetensors")

    def cut_off_files(self) -> list[Path]:
        """Return the temporary files that a killed process left while it wrote files of the run (see `replacing`)."""
        ours = {own.name for own in self.training_files}  # not the report: an evaluation may be writing it
        beside = [path for path in self.path.glob(".*.part") if _replaced(path) in ours]
        return beside + [path for folder in (self.previews, self.snapshots) for path in folder.glob(".*.part")]

    def remove_later_pictures_and_snapshots(self, images_seen: int) -> None:
        """Remove the previews and snapshots after a number of images seen, to which the run has returned."""
        for path in (*self.preview_files(), *self.snapshot_files()):
            if int(path.stem) > images_seen:
                path.unlink(missing_ok=True)

    def read_history(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the history; damaged and truncated lines are skipped."""
        if self.history.is_file():
            for text in self.history.read_text(encoding="utf-8", errors="replace").split("\n"):
                if (line := checked_line(text)) is not None:
                    yield line

    def read_scores(self) -> list[dict[str, Any]]:
        """Return the lines of --evaluate-every, oldest first; damaged and truncated lines are skipped."""
        found = []
        with contextlib.suppress(OSError):
            for text in self.scores.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    line = json.loads(text)
                    if isinstance(line, dict) and isinstance(line.get("images_seen"), int):
                        found.append(line)
        return found

    def read_recipe(self) -> Recipe:
        """Read the recipe of the run.

        Raises:
            RunError: if the recipe is missing, cannot be read or has no name.
            RecipeError: if the recipe is invalid.
        """
        try:
            text = _text(self.recipe)
        except RunError as problem:
            raise RunError(f"{problem}; {self._usable_model()}") from problem
        try:
            recipe = from_toml(text, str(self.recipe), BLANK)
        except RecipeError as problem:
            if missing := self.missing_origin():
                raise RunError(f"{self.path}: {missing}") from problem
            raise
        if recipe.name == BLANK.name:  # `write_recipe` always writes the name
            raise RunError(f"{self.recipe}: damaged (the recipe has no name)")
        last = dataclasses.fields(Recipe)[-1].name
        if f"[{last}]" not in text:  # a file that was cut between two lines is valid TOML
            raise RunError(f"{self.recipe}: damaged (it ends before its last section, {last})")
        return recipe

    def missing_origin(self) -> str:
        """Return which package or module the recipe of the run needs and lacks, as `lookup.missing_origin`; "" if none."""
        try:
            return missing_origin(self.read_record().get("origins"))
        except RunError:  # damaged or absent; whoever needs the record reports it
            return ""

    def read_record(self) -> dict[str, Any]:
        """Read the record of the run. A record of an earlier version may have no checksum.

        Raises:
            RunError: if the record is missing or damaged, or has been changed since it was written.
        """
        try:
            record = json.loads(_text(self.record))
        except ValueError as problem:
            raise RunError(f"{self.record}: damaged ({problem}); {self._usable_model()}") from problem
        if not isinstance(record, dict):
            raise RunError(f"{self.record}: damaged (not a JSON object); {self._usable_model()}")
        expected = record.pop(_CHECKSUM, None)
        if expected is not None and expected != _checksum_of(json.dumps(record, sort_keys=True)):
            raise RunError(
                f"{self.record}: damaged (its content does not match its checksum); {self._usable_model()}. If you edited it "
                f'on purpose, remove its line "{_CHECKSUM}"'
            )
        return record

    def read_preview_latents(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Read the latents and the labels of the preview grids, shapes (n, latent) and (n,).

        Raises:
            RunError: if a file is missing, damaged or not the one that the run wrote.
        """
        written = self.read_record().get("preview_sha256")
        latents, labels = (_array(path, written) for path in (self.preview_latents, self.preview_labels))
        return latents, labels

    def _usable_model(self) -> str:
        """Return the part of an error message that says what is possible without the record."""
        left = [*([self.model] if self.model.is_file() else []), *self.snapshot_files()[-1:]]
        drawn = f"; its model is still usable with `digitgan sample {left[0]}`" if left else ""
        return f"the run cannot be resumed{drawn}"

    def check_is_there(self) -> None:
        """Check that the run folder still exists during training, before a write that would recreate a part of it.

        Raises:
            OutputError: if the run was removed or moved.
        """
        if not self.record.is_file():
            raise OutputError(f"{self.path}: the run was removed or moved during training; training has stopped")

    def write_recipe(self, recipe: Recipe) -> None:
        """Write the recipe atomically."""
        with replacing(self.recipe) as file:
            file.write(to_toml(recipe).encode())

    def write_record(self, record: dict[str, Any]) -> None:
        """Write the record atomically, with a checksum of its content."""
        read_back = json.loads(json.dumps(record))  # JSON has no tuples and no numbers as keys
        checked = {**read_back, _CHECKSUM: _checksum_of(json.dumps(read_back, sort_keys=True))}
        with replacing(self.record) as file:
            file.write((json.dumps(checked, indent=1, sort_keys=True) + "\n").encode())


def _replaced(temporary: Path) -> str | None:
    """Return the name of the file that a temporary file was to replace; None if it is not a temporary file."""
    match = re.fullmatch(r"\.(.+)\.\d+\.part", temporary.name)
    return match[1] if match else None


def _numbered(folder: Path, pattern: str) -> list[Path]:
    found = folder.glob(pattern) if folder.is_dir() else ()
    return sorted((path for path in found if path.stem.isdecimal()), key=lambda path: int(path.stem))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RunError(f"{path}: cannot be read ({problem})") from problem


def _array(path: Path, written: Any) -> Any:
    """Return an array of a .npy file, after a comparison with the SHA-256 that the record states for it, if any."""
    try:
        content = path.read_bytes()
        if isinstance(written, dict) and written.get(path.name) != hashlib.sha256(content).hexdigest():
            raise ValueError("its content does not match its checksum in run.json")
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise RunError(f"{path}: damaged ({problem}); resume the run to write it anew") from problem


_CHECKSUM: Final = "crc32"


def history_line(line: dict[str, Any]) -> str:
    """Return a history line: the JSON object with the CRC-32 of its text as the last value, and a newline."""
    return json.dumps({**line, _CHECKSUM: _checksum_of(json.dumps(line))}) + "\n"


def checked_line(text: str) -> dict[str, Any] | None:
    """Return the object of a history line; None if the text is not an intact line of `history_line`."""
    try:
        line = json.loads(text)
        whole = isinstance(line, dict) and line.pop(_CHECKSUM) == _checksum_of(json.dumps(line))
        whole = whole and isinstance(line["images_seen"], int)
    except (ValueError, RecursionError, KeyError):
        return None
    return line if whole else None


def _checksum_of(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
