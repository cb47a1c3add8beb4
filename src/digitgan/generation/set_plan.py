"""The plan that determines the bytes of a set of several files."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from dataclasses import dataclass
from typing import Any, final

from digitgan.generation.labels import Labelling


@final
@dataclass(frozen=True)
class SetPlan:
    """Everything that determines the bytes of a set.

    Attributes:
        model: Name or path of the model, as the user gave it.
        model_sha256: SHA-256 of the model file.
        class_names: Class names of the model.
        shape: (height, width) or (height, width, channels) of an image.
        labelling: The label of each image.
        seed: Seed; image i is a function of the model, the seed, i, its label and the filters.
        truncation: Bound on the absolute value of the latents' elements; None for no bound.
        min_confidence: Minimum probability that the classifier gives the requested class; None for no filter.
        unique: Whether near-duplicates of training images are resampled.
        classifier: Source of the real images for the filters; None without filters.
        per_class_limit: Limit of those images per class, see `DataRequest`.
        classifier_sha256: SHA-256 of the classifier's weights; None without filters.
        format: Format of the files.
        shard_size: Images per shard.
        version: Version of digitgan.
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
    per_class_limit: int | None
    classifier_sha256: str | None
    format: str
    shard_size: int
    version: str

    @property
    def shards(self) -> int:
        """Number of shards: files, or folders of files."""
        return math.ceil(self.labelling.count / self.shard_size)

    def span(self, shard: int) -> range:
        """Return the indices of a shard's images."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.labelling.count))

    def values(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def command(self) -> str:
        """Return the command that generates the same set."""
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
        words += [] if self.per_class_limit is None else ["--per-class-limit", str(self.per_class_limit)]
        return shlex.join(words)
