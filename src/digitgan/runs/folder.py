"""A run's folder: its layout, in one place.

recipe.toml  run.json  history.jsonl  previews/00012800.png …  checkpoints/…  snapshots/00012800.safetensors …
model.safetensors  losses.png  training.gif; scores.jsonl  best.safetensors (with --evaluate-every);
report.json  report.html (by `digitgan evaluate`)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from digitgan.errors import OutputError, RunError
from digitgan.files import replacing
from digitgan.recipes import BLANK, Recipe, from_toml, to_toml
from digitgan.runs.history import checked_line


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

    @property
    def training_files(self) -> tuple[Path, ...]:
        """The files, beside folders, that a training writes: the record, by which a run is known, is the last."""
        pictures = (self.curves, self.animation, self.rows_animation)
        return (self.model, self.best, self.history, self.scores, *pictures, self.recipe, self.record)

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

    def cut_off_files(self) -> list[Path]:
        """What the writing of its files left beside them where the process was killed meanwhile (see `replacing`)."""
        ours = {own.name for own in self.training_files}  # a report may be being written just now
        beside = [path for path in self.path.glob(".*.part") if _replaced(path) in ours]
        return beside + [path for folder in (self.previews, self.snapshots) for path in folder.glob(".*.part")]

    def forget_after(self, images_seen: int) -> None:
        """Remove the previews and numbered models made after that count of images: the run has gone back behind them."""
        for path in (*self.preview_files(), *self.snapshot_files()):
            if int(path.stem) > images_seen:
                path.unlink(missing_ok=True)

    def read_history(self) -> Iterator[dict[str, Any]]:
        """The history's lines; one that is damaged, or was cut off while it was written, is left out."""
        if self.history.is_file():
            for text in self.history.read_text(encoding="utf-8", errors="replace").split("\n"):
                if (line := checked_line(text)) is not None:
                    yield line

    def read_recipe(self) -> Recipe:
        """The run's recipe.

        Raises:
            RunError: if it is missing or can't be read.
            RecipeError: if it is damaged.
        """
        recipe = from_toml(_text(self.recipe), str(self.recipe), BLANK)
        if recipe.name == BLANK.name:  # what is written here says which it is
            raise RunError(f"{self.recipe}: damaged (it doesn't say which recipe it is)")
        return recipe

    def read_record(self) -> dict[str, Any]:
        """The run's record.

        Raises:
            RunError: if it is missing or damaged.
        """
        try:
            record = json.loads(_text(self.record))
        except ValueError as problem:
            raise RunError(f"{self.record}: damaged ({problem}); {self._what_is_left()}") from problem
        if not isinstance(record, dict):
            raise RunError(f"{self.record}: damaged (not a JSON object); {self._what_is_left()}")
        return record

    def _what_is_left(self) -> str:
        """The half-sentence that helps where the record can't be read."""
        left = [*([self.model] if self.model.is_file() else []), *self.snapshot_files()[-1:]]
        drawn = f"; its model can still be drawn from: digitgan sample {left[0]}" if left else ""
        return f"without it the run can't be gone on with{drawn}"

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


def _replaced(temporary: Path) -> str | None:
    """The name of the file that would have been replaced by a temporary one."""
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
