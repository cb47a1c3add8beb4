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
from digitgan.data import ImageSet, Say, load_image_set, read_npz, splits_of
from digitgan.errors import DataError, UsageError
from digitgan.evaluation import (
    FEWEST,
    Inception,
    KnownJudge,
    Reference,
    Subject,
    check_inception,
    check_subject,
    check_useful,
    floor_count,
    judge_of,
    kept_real_side,
    measure_inception,
    measure_usefulness,
    page,
    pictures,
    report_paths,
    write_report,
)
from digitgan.evaluation.sources import subject_of_images, subject_of_model
from digitgan.evaluation.summary import Portion
from digitgan.files import claim_output, file_hash, free_path
from digitgan.model.registry import DEFAULT_MODEL, find_model, load
from digitgan.runs import RunFolder
from digitgan.version import __version__, versions

MOST_IMAGES = 10_000_000

Watch = Callable[[Iterator[Portion], int], Iterator[Portion]]
"""See `evaluate`."""

USUAL_IMAGES = 10_000
"""That are drawn, unless there are fewer training images: the floor is of as many of those."""

HELD_OUT = 5
"""Of a set without a test part a fifth of the images is held out."""


@final
@dataclass(frozen=True)
class Assessment:
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
class Halves:
    """Real images: those a model may have been trained on, and others.

    Attributes:
        source: the data's name.
        training: what the judge learns from.
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
    subject: Path | str = DEFAULT_MODEL,
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
    say: Say = lambda line: None,
    watch: Watch = lambda portions, count: portions,
) -> Assessment:
    """Say what images are worth: those drawn from a model, or those of a file.

    Args:
        subject: a run's folder, a numbered model of it, a model file, the name of a shipped model, or images as NPZ.
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
        say: takes a line now and then.
        watch: is handed the images as they are drawn, portion by portion, with how many there will be, and hands them on.

    Raises:
        DigitganError: where the subject or the data can't be had, don't go together, or the report can't be written.
    """
    if images is not None and not FEWEST <= images <= MOST_IMAGES:
        raise UsageError(f"--images {images}: {FEWEST} to {MOST_IMAGES:,} is right")
    if seed is not None:
        rng.check_seed(seed)
    name = str(subject)
    folder = _default_folder(name) if report is None else Path(report)
    paths = report_paths(folder)
    for path in paths:
        claim_output(path, overwrite=overwrite or reuse or report is None, option="--report")
    what, halves = _subject(name, data, None if data_dir is None else Path(data_dir), images, seed, device, say)
    check_subject(what, halves.training)
    if train_on_synthetic:
        check_useful(what)
    weights = None if inception is None else Inception(Path(inception))
    if weights is not None:
        check_inception(what, halves.training, halves.held_out)
    known = judge_of(halves.training, say)
    inputs = {
        "images_sha256": what.facts["content_sha256"],
        "images": what.count,
        "seed": what.facts.get("drawn_with_seed"),
        "reference": reference,
        "train_on_synthetic": train_on_synthetic,
        "inception_sha256": None if weights is None else weights.sha256,
        "training_sha256": halves.training.content_hash,
        "held_out_sha256": halves.held_out.content_hash,
        "features_sha256": known.sha256,
        "digitgan": __version__,
    }
    if reuse and (kept := _kept(paths[0], inputs, say)) is not None:
        return Assessment(kept, *paths)
    say(f"comparing {what.count:,} images of {name} with {halves.source} …")
    count = floor_count(what, halves.training, halves.held_out, reference)
    real = kept_real_side(known, halves.training, halves.held_out, count, say)
    watched = dataclasses.replace(what, portions=lambda: watch(what.portions(), what.count))
    found = evaluation.evaluate(watched, halves.training, halves.held_out, known.judge, reference, real)
    useful = None
    if train_on_synthetic:
        say("training a classifier on the images, and one on real ones …")
        useful = measure_usefulness(what, halves.training, halves.held_out)
    seen = None if weights is None else measure_inception(weights, found, real, say)
    command = _command(name, data, what, reference, train_on_synthetic, inception)
    made = {**evaluation.record(found, useful, protocol_of(halves, known), command, seen), "inputs": inputs}
    made["flags"] += [note for note in (halves.note, _of_other_images(what, halves)) if note]
    curves = RunFolder(Path(name)).curves
    html = page(made, pictures(found, halves.training.images), curves.read_bytes() if curves.is_file() else None)
    return Assessment(made, *write_report(folder, made, html))


def _default_folder(subject: str) -> Path:
    run = RunFolder(Path(subject))
    return run.path if run.record.is_file() else free_path(Path("report"))


def _subject(
    name: str, data: str | None, data_dir: Path | None, images: int | None, seed: int | None, device: str, say: Say
) -> tuple[Subject, Halves]:
    if Path(name).suffix == ".npz":
        if images is not None or seed is not None:
            raise UsageError(f"--images and --seed are for models, which are drawn from; {name} is evaluated as it is")
        given = read_npz(name)
        return subject_of_images(given, name), halves_of(data or "mnist", data_dir, say)
    sha256 = file_hash(find_model(name))  # a wrong name is told before data is loaded
    model = load(name, device)
    halves = halves_of(data or model.card.get("data", {}).get("source") or "mnist", data_dir, say)
    count = min(USUAL_IMAGES, max(FEWEST, len(halves.training))) if images is None else images
    return subject_of_model(model, sha256, name, halves.training, count, seed or 0), halves


def halves_of(source: str, data_dir: Path | None, say: Say) -> Halves:
    """The training images of a source and others of their kind: its test part, or a fifth that is held out here.

    Raises:
        DataError: if they can't be had.
    """
    training = load_image_set(source, "train", data_dir, report=say)
    if "test" in splits_of(source):
        return Halves(source, training, load_image_set(source, "test", data_dir, report=say), "")
    chosen = rng.permutation(0, "held-out images", 0, len(training)) < len(training) // HELD_OUT
    if not chosen.any():
        raise DataError(f"{source}: too few images to hold any out")
    rest, held_out = (
        ImageSet(training.images[part], training.labels[part], training.class_names, training.name)
        for part in (~chosen, chosen)
    )
    note = f"{source} has no test part: a fifth of its images was held out here, which a model trained on it has seen"
    return Halves(source, rest, held_out, note, training)


def _of_other_images(what: Subject, halves: Halves) -> str:
    """What is to be said where a model was trained on other images than those it is compared with."""
    seen = what.facts.get("trained_on_sha256")
    whole = halves.whole or halves.training
    if seen is None or seen in (whole.content_hash, whole.unlabelled().content_hash):
        return ""
    return f"the model was trained on other images than {halves.source} has now: memorisation can't be seen here"


def _kept(path: Path, inputs: dict[str, Any], say: Say) -> dict[str, Any] | None:
    """The record of an earlier evaluation, where it was of the same inputs."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        before = record["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if before == inputs:
        return record
    others = [key for key, value in inputs.items() if not isinstance(before, dict) or before.get(key) != value]
    say(f"{path}: was of other {', '.join(others)}; evaluating anew")
    return None


def protocol_of(halves: Halves, known: KnownJudge) -> dict[str, Any]:
    """What a report says of the judge and the data."""
    held_out = halves.held_out
    return {
        "features": f"last hidden layer of a classifier trained on {halves.training.name} ({known.source})",
        "features_sha256": known.sha256,
        "training_images": f"{halves.training.name}, {len(halves.training):,}, SHA-256 {halves.training.content_hash}",
        "held_out_images": f"{held_out.name}, {len(held_out):,}, SHA-256 {held_out.content_hash}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


def _command(
    subject: str, data: str | None, what: Subject, reference: str, train_on_synthetic: bool, inception: Path | str | None
) -> str:
    words = ["digitgan", "evaluate", subject]
    if data is not None:
        words += ["--data", data]
    if "drawn_with_seed" in what.facts:
        words += ["--images", str(what.count), "--seed", str(what.facts["drawn_with_seed"])]
    words += ["--reference", reference, *(["--train-on-synthetic"] if train_on_synthetic else [])]
    words += [] if inception is None else ["--inception", str(inception)]
    return shlex.join(words)
