"""`digitgan evaluate`: from names and paths to an evaluation and its report."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from digitgan import evaluation, rng
from digitgan.data import ImageSet, ProgressFn, load_image_set, read_npz, splits_of
from digitgan.errors import DataError, UsageError
from digitgan.evaluation import (
    MIN_IMAGES,
    CachedClassifier,
    EvaluationSource,
    Inception,
    Reference,
    baseline_count,
    cached_reference_statistics,
    check_inception,
    check_source,
    check_tstr,
    classifier_for,
    measure_inception,
    measure_tstr,
    page,
    pictures,
    report_paths,
    write_report,
)
from digitgan.evaluation.sources import source_of_images, source_of_model
from digitgan.evaluation.summary import Chunk
from digitgan.files import claim_output, file_hash, free_path
from digitgan.model.registry import DEFAULT_MODEL, find_model, load
from digitgan.runs import RunFolder
from digitgan.version import __version__, versions

MAX_IMAGES = 10_000_000

TrackFn = Callable[[Iterator[Chunk], int], Iterator[Chunk]]
"""See `evaluate`."""

DEFAULT_IMAGES = 10_000
"""That are drawn, unless there are fewer training images: the real baseline is of as many of those."""

HELD_OUT = 5
"""Of a set without a test part a fifth of the images is held out."""


@final
@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate` left.

    Attributes:
        record: all that was found, as JSON values.
        json: where it is.
        html: the page made of it.
    """

    record: dict[str, Any]
    json: Path
    html: Path


@final
@dataclass(frozen=True)
class TrainTestSplit:
    """Real images: those a model may have been trained on, and others.

    Attributes:
        source: the data's name.
        training: what the classifier learns from.
        held_out: what it does not.
        note: what is not as one would expect; empty where all is.
        whole: all that a training by that name sees; None where that is `training`.
    """

    source: str
    training: ImageSet
    held_out: ImageSet
    note: str
    whole: ImageSet | None = None


def evaluate(
    source: Path | str = DEFAULT_MODEL,
    *,
    data: str | None = None,
    data_dir: Path | str | None = None,
    images: int | None = None,
    seed: int | None = None,
    reference: Reference = "test",
    train_on_synthetic: bool = False,
    inception: Path | str | None = None,
    report: Path | str | None = None,
    overwrite: bool = False,
    reuse: bool = False,
    device: str = "cpu",
    notify: ProgressFn = lambda line: None,
    track: TrackFn = lambda chunks, count: chunks,
) -> EvaluationResult:
    """Say what images are worth: those drawn from a model, or those of a file.

    Args:
        source: a run's folder, a numbered model of it, a model file, the name of a shipped model, or images as NPZ.
        data: the real images; by default those that the model was trained on, and MNIST for a file of images.
        data_dir: where downloaded data sets lie.
        images: how many are drawn from a model; by default 10,000, or as many as there are training images if those are fewer.
        seed: of the drawing; 0 by default.
        reference: which real images: held-out ones ("test") or as many training images ("train").
        train_on_synthetic: whether a classifier is trained on the images and tried on real ones, which takes some minutes.
        inception: a file of Inception's weights, by whose features the images are compared as well, as papers do.
        report: the folder of report.json and report.html; by default the run's own, whose report is renewed, or the next free
            of `report`, `report-2`, ….
        overwrite: replace a report that is in the folder named.
        reuse: take a report that is there, if it is of the very same images, real images and judge.
        device: "cpu", "cuda", "mps" or "auto"; where images are drawn.
        notify: takes a line now and then.
        track: is handed the images as they are drawn, portion by portion, with how many there will be, and hands them on.

    Raises:
        DigitganError: where the subject or the data can't be had, don't go together, or the report can't be written.
    """
    if images is not None and not MIN_IMAGES <= images <= MAX_IMAGES:
        raise UsageError(f"--images {images}: {MIN_IMAGES} to {MAX_IMAGES:,} is right")
    if seed is not None:
        rng.check_seed(seed)
    name = str(source)
    folder = _default_folder(name) if report is None else Path(report)
    paths = report_paths(folder)
    for path in paths:
        claim_output(path, overwrite=overwrite or reuse or report is None, option="--report")
    what, split = _subject(name, data, None if data_dir is None else Path(data_dir), images, seed, device, notify)
    check_source(what, split.training)
    if train_on_synthetic:
        check_tstr(what)
    weights = None if inception is None else Inception(Path(inception))
    if weights is not None:
        check_inception(what, split.training, split.held_out)
    known = classifier_for(split.training, notify)
    inputs = {
        "images_sha256": what.facts["content_sha256"],
        "images": what.count,
        "seed": what.facts.get("drawn_with_seed"),
        "reference": reference,
        "train_on_synthetic": train_on_synthetic,
        "inception_sha256": None if weights is None else weights.sha256,
        "training_sha256": split.training.content_hash,
        "held_out_sha256": split.held_out.content_hash,
        "features_sha256": known.sha256,
        "digitgan": __version__,
    }
    if reuse and (kept := _kept(paths[0], inputs, notify)) is not None:
        return EvaluationResult(kept, *paths)
    notify(f"comparing {what.count:,} images of {name} with {split.source} …")
    count = baseline_count(what, split.training, split.held_out, reference)
    real = cached_reference_statistics(known, split.training, split.held_out, count, notify)
    watched = dataclasses.replace(what, chunks=lambda: track(what.chunks(), what.count))
    found = evaluation.evaluate(watched, split.training, split.held_out, known.classifier, reference, real)
    tstr = None
    if train_on_synthetic:
        notify("training a classifier on the images, and one on real ones …")
        tstr = measure_tstr(what, split.training, split.held_out)
    seen = None if weights is None else measure_inception(weights, found, real, notify)
    command = _command(name, data, what, reference, train_on_synthetic, inception)
    made = {**evaluation.record(found, tstr, protocol_of(split, known), command, seen), "inputs": inputs}
    made["flags"] += [note for note in (split.note, _of_other_images(what, split)) if note]
    curves = RunFolder(Path(name)).curves
    html = page(made, pictures(found, split.training.images), curves.read_bytes() if curves.is_file() else None)
    return EvaluationResult(made, *write_report(folder, made, html))


def _default_folder(source: str) -> Path:
    run = RunFolder(Path(source))
    return run.path if run.record.is_file() else free_path(Path("report"))


def _subject(
    name: str, data: str | None, data_dir: Path | None, images: int | None, seed: int | None, device: str, notify: ProgressFn
) -> tuple[EvaluationSource, TrainTestSplit]:
    if Path(name).suffix == ".npz":
        if images is not None or seed is not None:
            raise UsageError(f"--images and --seed are for models, which are drawn from; {name} is evaluated as it is")
        given = read_npz(name)
        return source_of_images(given, name), train_test_split(data or "mnist", data_dir, notify)
    sha256 = file_hash(find_model(name))  # a wrong name is told before data is loaded
    model = load(name, device)
    split = train_test_split(data or model.card.get("data", {}).get("source") or "mnist", data_dir, notify)
    count = min(DEFAULT_IMAGES, max(MIN_IMAGES, len(split.training))) if images is None else images
    return source_of_model(model, sha256, name, split.training, count, seed or 0), split


def train_test_split(source: str, data_dir: Path | None, notify: ProgressFn) -> TrainTestSplit:
    """The training images of a source and others of their kind: its test part, or a fifth that is held out here.

    Raises:
        DataError: if they can't be had.
    """
    training = load_image_set(source, "train", data_dir, notify=notify)
    if "test" in splits_of(source):
        return TrainTestSplit(source, training, load_image_set(source, "test", data_dir, notify=notify), "")
    chosen = rng.permutation(0, "held-out images", 0, len(training)) < len(training) // HELD_OUT
    if not chosen.any():
        raise DataError(f"{source}: too few images to hold any out")
    rest, held_out = (
        ImageSet(training.images[part], training.labels[part], training.class_names, training.name)
        for part in (~chosen, chosen)
    )
    note = f"{source} has no test part: a fifth of its images was held out here, which a model trained on it has seen"
    return TrainTestSplit(source, rest, held_out, note, training)


def _of_other_images(what: EvaluationSource, split: TrainTestSplit) -> str:
    """What is to be said where a model was trained on other images than those it is compared with."""
    seen = what.facts.get("trained_on_sha256")
    whole = split.whole or split.training
    if seen is None or seen in (whole.content_hash, whole.unlabelled().content_hash):
        return ""
    return f"the model was trained on other images than {split.source} has now: memorisation can't be seen here"


def _kept(path: Path, inputs: dict[str, Any], notify: ProgressFn) -> dict[str, Any] | None:
    """The record of an earlier evaluation, where it was of the same inputs."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        before = record["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if before == inputs:
        return record
    others = [key for key, value in inputs.items() if not isinstance(before, dict) or before.get(key) != value]
    notify(f"{path}: was of other {', '.join(others)}; evaluating anew")
    return None


def protocol_of(split: TrainTestSplit, known: CachedClassifier) -> dict[str, Any]:
    """What a report says of the classifier and the data."""
    held_out = split.held_out
    return {
        "features": f"last hidden layer of a classifier trained on {split.training.name} ({known.source})",
        "features_sha256": known.sha256,
        "training_images": f"{split.training.name}, {len(split.training):,}, SHA-256 {split.training.content_hash}",
        "held_out_images": f"{held_out.name}, {len(held_out):,}, SHA-256 {held_out.content_hash}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


def _command(
    source: str,
    data: str | None,
    what: EvaluationSource,
    reference: str,
    train_on_synthetic: bool,
    inception: Path | str | None,
) -> str:
    words = ["digitgan", "evaluate", source]
    if data is not None:
        words += ["--data", data]
    if "drawn_with_seed" in what.facts:
        words += ["--images", str(what.count), "--seed", str(what.facts["drawn_with_seed"])]
    words += ["--reference", reference, *(["--train-on-synthetic"] if train_on_synthetic else [])]
    words += [] if inception is None else ["--inception", str(inception)]
    return shlex.join(words)
