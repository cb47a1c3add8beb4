"""What a large set is: the plan that decides its bytes, and the folder it lies in."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from digitgan.generation.labels import Labelling

SHARDED: Final = ("folder", "npz", "idx", "parquet")
"""The formats that a set's files may have."""

BYTES_OF_PIXELS: Final = {"folder": 1.0, "npz": 0.6, "idx": 1.0, "parquet": 1.0}
"""About how many bytes a byte of pixels takes on disk: by this a set is refused that has no room, before it is begun."""

FOLDER_BLOCK: Final = 4096
"""Bytes that a file takes at least on most disks: what a picture of its own costs."""


@final
@dataclass(frozen=True)
class SetPlan:
    """All that decides the bytes of a set.

    Attributes:
        model: as the user called it.
        model_sha256: of its file.
        class_names: of the model.
        shape: (height, width) or (height, width, channels) of an image.
        labelling: which label each image has.
        seed: image i is a function of the model, this seed, i, its label and the filters.
        truncation: of the latents; None for none.
        min_confidence: with which the classifier has to recognise an image; None for any.
        unique: whether near-duplicates of training images are drawn anew.
        classifier: which data the filters compare with; None where there are none.
        judge_sha256: the hash of the classifier's weights, likewise.
        format: of the files.
        shard_size: images in a file.
        version: of digitgan.
    """

    model: str
    model_sha256: str
    class_names: tuple[str, ...]
    shape: tuple[int, ...]
    labelling: Labelling
    seed: int
    truncation: float | None
    min_confidence: float | None
    unique: bool
    classifier: str | None
    classifier_sha256: str | None
    format: str
    shard_size: int
    version: str

    @property
    def shards(self) -> int:
        """How many files, or folders of files."""
        return math.ceil(self.labelling.count / self.shard_size)

    def span(self, shard: int) -> range:
        """The indices of a file's images."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.labelling.count))

    @property
    def bytes_needed(self) -> int:
        """About how much room the set takes."""
        picture = math.prod(self.shape) * BYTES_OF_PIXELS[self.format]
        return round(self.labelling.count * (max(picture, FOLDER_BLOCK) if self.format == "folder" else picture))

    def values(self) -> dict[str, Any]:
        """As JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def command(self) -> str:
        """The command that draws the same set."""
        labelling = self.labelling
        words = ["digitgan", "sample", self.model, "--labels", ",".join(str(label) for label in labelling.classes)]
        if labelling.in_turn:
            words += ["--count", str(labelling.count)]
        elif len(set(labelling.counts)) == 1:
            words += ["--per-class", str(labelling.counts[0])]
        else:
            pairs = zip(labelling.classes, labelling.counts, strict=True)
            weights = ",".join(f"{label}:{count}" for label, count in pairs)
            words = [*words[:3], "--weights", weights, "--count", str(labelling.count)]
        words += ["--seed", str(self.seed), "--format", self.format, "--shard-size", str(self.shard_size)]
        words += [] if self.truncation is None else ["--truncation", f"{self.truncation:g}"]
        words += [] if self.min_confidence is None else ["--min-confidence", f"{self.min_confidence:g}"]
        words += ["--unique"] if self.unique else []
        words += [] if self.classifier is None else ["--data", self.classifier]
        return shlex.join(words)


@final
@dataclass(frozen=True)
class SetFolder:
    """The paths of a set.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def manifest(self) -> Path:
        """What the set is; there only when it is whole."""
        return self.path / "manifest.json"

    @property
    def card(self) -> Path:
        """What the set is worth, for people."""
        return self.path / "README.md"

    @property
    def drawing(self) -> Path:
        """What is there while the set is being drawn."""
        return self.path / ".drawing"

    @property
    def plan(self) -> Path:
        """What is being drawn."""
        return self.drawing / "plan.json"

    def record(self, shard: int) -> Path:
        """That a file is finished, and what is in it."""
        return self.drawing / f"{shard:05d}.json"
