"""`digitgan sample`: from what is asked for to labelled images in files, in this process or several."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, final

from rich.console import Console
from rich.progress import Progress

from digitgan.data import ProgressFn
from digitgan.distributed import ProcessGroup
from digitgan.errors import DigitganError, OutputError, StoppedError, UsageError
from digitgan.evaluation import classifier_for
from digitgan.evaluation.run import train_test_split
from digitgan.files import claim_output, file_hash, free_path
from digitgan.generation.filtering import Block, Filter, filtered
from digitgan.generation.filters import filters_of, probe
from digitgan.generation.labels import Labelling
from digitgan.generation.request import MAX_IN_ONE_FILE, SampleRequest, check_order, labelling_of, source_of
from digitgan.generation.set_plan import SetFolder, SetPlan
from digitgan.generation.sets import begin, finish, manifest_of, unfinished, write_shard
from digitgan.generation.statement import check_statement, statement
from digitgan.generation.workers import sample_by_workers
from digitgan.generation.writers import find_writer
from digitgan.images import Picture
from digitgan.model.batching import side_by_side, spans
from digitgan.model.file import Model
from digitgan.model.registry import find_model, load
from digitgan.version import __version__

ENDINGS: Final = {"png": ".png", "npz": ".npz", "parquet": ".parquet"}
FOLDERS: Final = ("folder", "idx")
"""Formats that make a folder rather than a file."""

WORTH_A_BAR: Final = 2_000
"""Images from which on a progress bar is shown; fewer are drawn before one could be read."""

DEFAULT_SHARD: Final = 50_000
"""Images in a file of a set, where nothing else is asked for."""

UNEQUAL: Final = timedelta(days=1)
"""How long those of several processes that have drawn their files wait for the slowest."""


@final
@dataclass(frozen=True)
class SampleResult:
    """What `sample_to_files` left.

    Attributes:
        path: the file or folder.
        count: how many images.
        counts: how many of each class, by its name.
        accepted: the share of each class's images that passed the filters; empty without filters.
        manifest: of a set; None for a single file.
    """

    path: Path
    count: int
    counts: dict[str, int]
    accepted: dict[str, float | None] = field(default_factory=dict)
    manifest: dict[str, Any] | None = None


def sample_to_files(request: SampleRequest, console: Console, notify: ProgressFn) -> SampleResult:
    """Draw what is asked for.

    Args:
        request: what.
        console: where progress is shown.
        notify: takes a line now and then.

    Raises:
        DigitganError: of the kind that fits, before anything is written, where something asked for can't be.
        StoppedError: where a set was interrupted; its finished files stay.
    """
    check_order(request)
    find_writer(request.format)
    _check_ending(request)
    model = load(request.model, request.device)
    labelling = labelling_of(request, model)
    if labelling.count > MAX_IN_ONE_FILE and not request.sharded:
        raise UsageError(
            f"{labelling.count:,} images are more than go into one file ({MAX_IN_ONE_FILE:,}); --format npz --shard-size "
            f"{DEFAULT_SHARD} draws a set of several"
        )
    plan = _plan(request, model, labelling, notify)
    filters = filters_of(plan, model, request.data_dir, notify)
    probe(model, plan, filters)
    if request.statement:
        check_statement(request, plan, model, notify)
    return (
        _draw_set(request, model, plan, filters, console, notify)
        if request.sharded
        else _draw_one(request, model, plan, filters, console)
    )


def _check_ending(request: SampleRequest) -> None:
    """Refuse a file whose ending says another format: whoever reads it later would be misled."""
    meant = {ending: name for name, ending in ENDINGS.items()}
    ending = request.out.suffix.lower() if request.out is not None and not request.sharded else ""
    if ending in meant and meant[ending] != request.format:
        raise UsageError(
            f"--out {request.out} with --format {request.format}: a file of that ending is of --format {meant[ending]}"
        )


def _draw_one(request: SampleRequest, model: Model, plan: SetPlan, filters: Sequence[Filter], console: Console) -> SampleResult:
    out = request.out or free_path(Path("samples" + ENDINGS.get(request.format, "")))
    claim_output(out, overwrite=request.overwrite, folder=request.format in FOLDERS)
    labelling = plan.labelling
    labels = labelling.of(range(labelling.count))
    attempts = dict.fromkeys(range(len(model.class_names)), 0)
    draw = filtered(model, plan.seed, plan.truncation, filters, labelling.of)
    with _progress(console, labelling.count) as progress:
        task = progress.add_task("drawing", total=labelling.count)

        def images() -> Iterator[Picture]:
            for block in side_by_side(draw, spans(0, labelling.count)):
                for label, count in zip(block.labels.tolist(), block.attempts.tolist(), strict=True):
                    attempts[label] += count
                progress.advance(task, len(block.labels))
                yield block.images

        blocks = model.at_origin(labels) if request.zero_latent else images()
        find_writer(request.format)(out, blocks, labels, model.class_names)
    counts = labelling.tally(model.class_names)
    accepted = {
        name: counts[name] / attempts[label] if attempts[label] else None for label, name in enumerate(model.class_names)
    }
    return SampleResult(out, labelling.count, counts, accepted if filters else {})


def _draw_set(
    request: SampleRequest, model: Model, plan: SetPlan, filters: Sequence[Filter], console: Console, notify: ProgressFn
) -> SampleResult:
    ranks = ProcessGroup("Finished files are kept: start all of them again with --resume", UNEQUAL)
    folder = SetFolder(request.out or free_path(Path("samples")))
    refusal: DigitganError | None = None
    if ranks.rank == 0:
        try:
            _claim_set(folder, request)
            begin(plan, folder, resume=request.resume)
        except DigitganError as problem:
            refusal = problem
    told = ranks.hand_out(str(refusal or "").encode()).decode()
    if told:  # by all of them, in the same words
        raise refusal or UsageError(told)
    # Which files are whose doesn't depend on which are finished, since that changes while the ranks look.
    mine = unfinished(plan, folder, range(ranks.rank, plan.shards, ranks.count))
    if request.resume and ranks.count == 1:
        notify(f"{folder.path}: of {plan.shards} files {len(mine)} are still to be drawn")
    try:
        _draw_shards(request, model, plan, folder, mine, filters, console)
    except KeyboardInterrupt as stop:
        finished = plan.shards - len(unfinished(plan, folder))
        raise StoppedError(
            f"{folder.path}: interrupted; {finished} of {plan.shards} files are finished. Go on with the same command and "
            "--resume"
        ) from stop
    ranks.wait()
    if ranks.rank != 0:
        return SampleResult(folder.path, plan.labelling.count, plan.labelling.tally(plan.class_names))
    manifest = manifest_of(plan, folder)
    card = statement(request, plan, model, filters, manifest, notify) if request.statement else None
    finish(folder, manifest, card)
    accepted = manifest["filter"]["accepted"] if manifest["filter"] else {}
    return SampleResult(folder.path, plan.labelling.count, manifest["counts"], accepted, manifest)


def _draw_shards(
    request: SampleRequest,
    model: Model,
    plan: SetPlan,
    folder: SetFolder,
    shards: Sequence[int],
    filters: Sequence[Filter],
    console: Console,
) -> None:
    with _progress(console, plan.labelling.count) as progress:
        task = progress.add_task("drawing", total=sum(len(plan.span(shard)) for shard in shards))
        if request.workers > 1:
            for shard in sample_by_workers(plan, folder, shards, request.workers, request.data_dir, request.device):
                progress.advance(task, len(plan.span(shard)))
            return
        draw = filtered(model, plan.seed, plan.truncation, filters, plan.labelling.of)

        def blocks(wanted: Iterator[range]) -> Iterator[Block]:
            for block in side_by_side(draw, wanted):
                progress.advance(task, len(block.labels))
                yield block

        for shard in shards:
            write_shard(plan, folder, shard, blocks)


def _claim_set(folder: SetFolder, request: SampleRequest) -> None:
    """Make sure that nothing is lost, and remove what may be."""
    if request.resume:
        return
    if folder.drawing.is_dir() and not request.overwrite:
        raise OutputError(f"{folder.path}: a set was begun there; go on with --resume, or draw anew with --overwrite")
    claim_output(folder.path, overwrite=request.overwrite, folder=True)
    try:
        if folder.path.exists():
            shutil.rmtree(folder.path)
    except OSError as problem:
        raise OutputError(f"{folder.path}: cannot be replaced ({problem.strerror})") from problem


def _plan(request: SampleRequest, model: Model, labelling: Labelling, notify: ProgressFn) -> SetPlan:
    spec = model.generator.spec
    filtering = request.min_confidence is not None or request.unique
    source = source_of(request, model) if filtering else None
    classifier = (
        classifier_for(train_test_split(source, request.data_dir, notify).training, notify).sha256
        if source is not None
        else None
    )
    return SetPlan(
        model=request.model,
        model_sha256=file_hash(find_model(request.model)),
        class_names=model.class_names,
        shape=(spec.height, spec.width) if spec.channels == 1 else (spec.height, spec.width, spec.channels),
        labelling=labelling,
        seed=request.seed,
        truncation=request.truncation,
        min_confidence=request.min_confidence,
        unique=request.unique,
        classifier=source,
        classifier_sha256=classifier,
        format=request.format,
        shard_size=request.shard_size or DEFAULT_SHARD,
        version=__version__,
    )


def _progress(console: Console, count: int) -> Progress:
    return Progress(console=console, transient=True, disable=console.quiet or not console.is_terminal or count < WORTH_A_BAR)
