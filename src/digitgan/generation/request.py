"""What is asked of `digitgan sample`: numbers that can be meant, options that go together, and which labels that makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from digitgan import rng
from digitgan.distributed import world
from digitgan.errors import UsageError
from digitgan.generation.labels import Labelling, parse_labels, spread_labels, weighted_labels
from digitgan.generation.set_plan import SHARDED
from digitgan.model.file import Model
from digitgan.model.registry import DEFAULT_MODEL

UNCONDITIONAL_COUNT: Final = 100
"""Images drawn where nothing is asked for and there are no classes to draw ten of each."""

MAX_IN_ONE_FILE: Final = 1_000_000
"""Images; more go into several files, each of which is soon finished and never lost."""


@final
@dataclass(frozen=True)
class SampleRequest:
    """What a user asks for.

    Attributes:
        model: a run's folder, a model file, or the name of a shipped model.
        labels: which classes, as "7", "0-9" or "1,3,5"; None for every one.
        per_class: so many of each, or
        count: so many in all, the classes taking turns.
        weights: proportions of classes, as "0:3,1:1", of `count`.
        zero_latent: the image of the all-zero latent instead.
        seed: of the drawing.
        truncation: keeps the latents' numbers within plus and minus this.
        min_confidence: with which the classifier has to recognise an image as of its class.
        statement: say what the images are worth, in a card that is part of a set.
        unique: draw near-duplicates of training images anew.
        data: what the filters know as real images; None for what the model was trained on.
        data_dir: where downloaded data sets lie.
        format: of the output.
        shard_size: images in a file of a set; None for a single file.
        workers: processes that draw a set.
        out: where to.
        resume: go on with a set that was begun.
        overwrite: replace what is there.
        device: where to compute.
    """

    model: str = DEFAULT_MODEL
    labels: str | None = None
    per_class: int | None = None
    count: int | None = None
    weights: str | None = None
    zero_latent: bool = False
    seed: int = 0
    truncation: float | None = None
    min_confidence: float | None = None
    unique: bool = False
    statement: bool = False
    data: str | None = None
    data_dir: Path | None = None
    format: str = "png"
    shard_size: int | None = None
    workers: int = 1
    out: Path | None = None
    resume: bool = False
    overwrite: bool = False
    device: str = "cpu"

    @property
    def sharded(self) -> bool:
        """Whether a set of several files is asked for."""
        return self.shard_size is not None or self.workers > 1 or self.resume or self.statement or world()[1] > 1


def labelling_of(request: SampleRequest, model: Model) -> Labelling:
    """Which labels are asked for.

    Raises:
        UsageError: for those that the model hasn't, or options that exclude each other.
    """
    names = model.class_names
    if request.labels is not None and not model.recipe.conditional:
        raise UsageError(
            f"--labels {request.labels}: the recipe of this model, {model.recipe.name}, is unconditional: one "
            "can't ask it for a "
            "class. Leave --labels out"
        )
    if request.weights is not None:
        given = [f"--{name.replace('_', '-')}" for name in ("labels", "per_class") if getattr(request, name) is not None]
        if given or request.zero_latent:
            raise UsageError(f"--weights says how many of which class; leave {given[0] if given else '--zero-latent'} out")
        if request.count is None:
            raise UsageError("--weights divides up a number of images; give it as --count")
        if request.count < 1:
            raise UsageError(f"--count {request.count}: at least 1 is right")
        return weighted_labels(request.weights, names, request.count)
    classes = parse_labels(request.labels, names) if request.labels is not None else list(range(len(names)))
    per_class = request.per_class
    if request.zero_latent:
        if per_class is not None or request.count is not None:
            raise UsageError("--zero-latent gives a single image of each class; leave --per-class and --count out")
        per_class = 1
    elif not model.recipe.conditional and request.count is None:
        per_class = per_class or UNCONDITIONAL_COUNT
    return spread_labels(classes, per_class=per_class, count=request.count)


def source_of(request: SampleRequest, model: Model) -> str:
    """The data that filters and statement know as real images: what was asked for, or what the model was trained on."""
    source: str = request.data or model.card.get("data", {}).get("source") or "mnist"
    return source


def check_order(request: SampleRequest) -> None:
    """Refuse numbers that can't be meant, and options that exclude each other."""
    rng.check_seed(request.seed)
    if request.truncation is not None and not 0.1 <= request.truncation <= 100:
        raise UsageError(
            f"--truncation {request.truncation:g}: 0.1 to 100 is right, 1 to 2 usual: within so much the latents stay"
        )
    if request.min_confidence is not None and not 0 < request.min_confidence <= 1:
        raise UsageError(f"--min-confidence {request.min_confidence:g}: a probability above 0, at most 1, is right")
    if request.workers < 1 or request.workers > 256:
        raise UsageError(f"--workers {request.workers}: 1 to 256 is right")
    if request.shard_size is not None and not 1 <= request.shard_size <= MAX_IN_ONE_FILE:
        raise UsageError(f"--shard-size {request.shard_size}: 1 to {MAX_IN_ONE_FILE:,} images in a file is right")
    if request.zero_latent and (request.truncation or request.min_confidence or request.unique):
        raise UsageError("--zero-latent draws from one latent alone; leave --truncation, --min-confidence and --unique out")
    if request.sharded and request.format not in SHARDED:
        raise UsageError(f"--format {request.format}: a set of several files is of {', '.join(SHARDED)}")
    if request.sharded and request.zero_latent:
        raise UsageError("--zero-latent gives a single image of each class; leave --shard-size and the like out")
    if world()[1] > 1 and request.out is None:
        raise UsageError("several processes draw into one folder; name it with --out")
    if request.resume and (request.out is None or request.overwrite):
        wrong = (
            "needs --out: the folder of the set to go on with" if request.out is None else "and --overwrite exclude each other"
        )
        raise UsageError(f"--resume {wrong}")
