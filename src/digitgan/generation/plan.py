"""The options of `digitgan sample`: their validation, the labels that they select, and the plan of a set."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from dataclasses import dataclass
from typing import Any, Final, final

from digitgan import rng
from digitgan.data import DataRequest
from digitgan.distributed import world
from digitgan.errors import UsageError
from digitgan.generation.discriminator_rejection import MIN_SHARE, OPTION
from digitgan.generation.labels import Labelling, check_conditional, parse_labels, spread_labels, weighted_labels
from digitgan.generation.writers import WRITERS
from digitgan.model.file import Model
from digitgan.options import SampleOptions, join_names

UNCONDITIONAL_COUNT: Final = 100
"""Default number of images for an unconditional model, which has no classes to sample ten of each."""

MAX_IN_ONE_FILE: Final = 1_000_000
"""Maximum images per file. Larger sets use several files, so that an interruption loses only the unfinished ones."""

DEFAULT_SHARD_SIZE: Final = 50_000
"""Default images per file of a set that several processes of torchrun generate."""


def is_sharded(options: SampleOptions) -> bool:
    """Return whether a set of several files is requested: by `--shard-size`, or by several processes of torchrun.

    The processes of torchrun may run on several machines, so each one writes files of its own.
    """
    return options.shard_size is not None or world()[1] > 1


def labelling_of(options: SampleOptions, model: Model) -> Labelling:
    """Return the labels that the options select.

    Raises:
        UsageError: If the model lacks a class, an option needs classes and the model has none, or options are mutually
            exclusive.
    """
    names = model.class_names
    for option, value in (
        ("--labels", options.labels),
        ("--weights", options.weights),
        ("--min-confidence", options.min_confidence),
    ):
        if value is not None:
            check_conditional(model.recipe, option, value)
    if options.weights is not None:
        given = [f"--{name.replace('_', '-')}" for name in ("labels", "per_class") if getattr(options, name) is not None]
        if given or options.zero_latent:
            other = given[0] if given else "--zero-latent"
            raise UsageError(f"--weights {options.weights}: cannot be combined with {other}; remove one of them")
        if options.count is None:
            raise UsageError(f"--weights {options.weights}: needs the total number of images; add --count")
        if options.count < 1:
            raise UsageError(f"--count {options.count}: must be 1 or more")
        return weighted_labels(options.weights, names, options.count)
    classes = parse_labels(options.labels, names) if options.labels is not None else list(range(len(names)))
    per_class = options.per_class
    if options.zero_latent:
        if per_class is not None or options.count is not None:
            raise UsageError("--zero-latent generates one image per class; remove --per-class and --count")
        per_class = 1
    elif not model.recipe.conditional and options.count is None:
        per_class = per_class or UNCONDITIONAL_COUNT
    return spread_labels(classes, per_class=per_class, count=options.count)


def real_data(options: SampleOptions, model: Model) -> DataRequest:
    """Return the real images for filters and statement: those that the options name, or the model's training data."""
    return DataRequest.requested(options.data, options.data_dir, options.per_class_limit, model.card.get("data"))


def check_options(options: SampleOptions) -> None:
    """Check the ranges of the options, and that they can be combined.

    Raises:
        UsageError: If a value is out of range, or options are mutually exclusive.
    """
    rng.check_seed(options.seed)
    if options.min_confidence is not None and not 0 < options.min_confidence <= 1:
        raise UsageError(f"--min-confidence {options.min_confidence:g}: must be a probability above 0 and at most 1")
    if (share := options.discriminator_rejection) is not None and not MIN_SHARE <= share < 1:
        raise UsageError(f"{OPTION} {share:g}: must be a share of at least {MIN_SHARE:g} and below 1")
    if options.workers < 1 or options.workers > 256:
        raise UsageError(f"--workers {options.workers}: must be between 1 and 256")
    if options.shard_size is not None and not 1 <= options.shard_size <= MAX_IN_ONE_FILE:
        raise UsageError(f"--shard-size {options.shard_size}: must be between 1 and {MAX_IN_ONE_FILE:,} images per file")
    if not (options.unique or options.statement or options.min_confidence is not None):
        for name, value in (
            ("--data", options.data[0] if options.data else None),
            ("--per-class-limit", options.per_class_limit),
        ):
            if value is not None:
                raise UsageError(
                    f"{name} {value}: chooses the real images of the filters and the quality report; use it with "
                    "--min-confidence, --unique or --statement, or remove it"
                )
    if options.zero_latent and (options.truncation or options.min_confidence or options.unique or share):
        raise UsageError(f"--zero-latent uses a single latent; remove --truncation, --min-confidence, --unique and {OPTION}")
    sharded, writer = is_sharded(options), WRITERS.find(options.format)
    for name in ("resume", "statement"):
        if getattr(options, name) and not sharded:
            raise UsageError(f"--{name}: requires a set of several files; add --shard-size {DEFAULT_SHARD_SIZE}")
    if sharded and not writer.in_sets:
        names = ", ".join(name for name, each in WRITERS.items() if each.in_sets)
        raise UsageError(f"--format {options.format}: not available for a set of several files; use {names}")
    if sharded and options.zero_latent:
        raise UsageError("--zero-latent writes a single file in one process; remove --shard-size")
    if world()[1] > 1 and options.out is None:
        raise UsageError("--out: required when several processes generate one set; name its folder")
    if options.resume and (options.out is None or options.overwrite):
        wrong = "needs --out, the folder of the set" if options.out is None else "and --overwrite are mutually exclusive"
        raise UsageError(f"--resume {wrong}")


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
        truncation: Truncation of the latents, see `Generator.truncate`; None for none.
        min_confidence: Minimum probability that the classifier gives the requested class; None for no filter.
        unique: Whether near-duplicates of training images are resampled.
        discriminator_rejection: Share of the images that the discriminator accepts; None for no such filter.
        discriminator_sha256: SHA-256 of the discriminator's weights; None without that filter.
        data: Real images for the filters: the JSON text of `DataRequest.record`; None without filters.
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
    discriminator_rejection: float | None
    discriminator_sha256: str | None
    data: str | None
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
        """Return the command that generates the same set, with its defaults written out: a later version may change them."""
        labelling = self.labelling
        words = [
            "digitgan",
            "sample",
            self.model,
            "--labels",
            join_names(self.class_names[label] for label in labelling.classes),
        ]
        if labelling.in_turn:
            words += ["--count", str(labelling.count)]
        elif len(set(labelling.counts)) == 1:
            words += ["--per-class", str(labelling.counts[0])]
        else:
            pairs = zip(labelling.classes, labelling.counts, strict=True)
            weights = join_names(f"{self.class_names[label]}:{count}" for label, count in pairs)
            words = [*words[:3], "--weights", weights, "--count", str(labelling.count)]
        words += ["--seed", str(self.seed), "--format", self.format, "--shard-size", str(self.shard_size)]
        words += [] if self.truncation is None else ["--truncation", f"{self.truncation:g}"]
        words += [] if self.min_confidence is None else ["--min-confidence", f"{self.min_confidence:g}"]
        words += ["--unique"] if self.unique else []
        words += [] if self.discriminator_rejection is None else [OPTION, f"{self.discriminator_rejection:g}"]
        data = json.loads(self.data or "{}")
        words += [word for source in [data.get("source"), *data.get("joined", [])] if source for word in ("--data", source)]
        words += [] if data.get("per_class_limit") is None else ["--per-class-limit", str(data["per_class_limit"])]
        return shlex.join(words)
