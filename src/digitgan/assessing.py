"""`digitgan evaluate`: from names and paths to an evaluation and its report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from digitgan.api import DEFAULT_MODEL, find_model, load
from digitgan.data import ImageSet, Report, load_image_set, read_npz
from digitgan.drawing import claim_output
from digitgan.errors import DataError, UsageError
from digitgan.evaluation import (
    KnownJudge,
    Reference,
    Subject,
    check_subject,
    class_accuracy,
    evaluate,
    judge_of,
    page,
    pictures,
    record,
    usefulness,
    write_report,
)
from digitgan.evaluation.subjects import subject_of_images, subject_of_model
from digitgan.planning import versions
from digitgan.runs import RunFolder

MOST_IMAGES = 10_000_000

HELD_OUT = 5
"""Of a set without a test part every fifth image is held out."""


@final
@dataclass(frozen=True)
class Assessment:
    """What `assess` left.

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
    """

    source: str
    training: ImageSet
    held_out: ImageSet
    note: str


def assess(
    subject: str = DEFAULT_MODEL,
    *,
    data: str | None = None,
    data_dir: Path | None = None,
    images: int = 10_000,
    seed: int = 0,
    reference: Reference = "test",
    train_on_synthetic: bool = False,
    report: Path | None = None,
    overwrite: bool = False,
    device: str = "cpu",
    say: Report = lambda line: None,
) -> Assessment:
    """Say what images are worth: those drawn from a model, or those of a file.

    Args:
        subject: a run's folder, a numbered model of it, a model file, the name of a shipped model, or images as NPZ.
        data: the real images; by default those that the model was trained on, and MNIST for a file of images.
        data_dir: where downloaded data sets lie.
        images: how many are drawn from a model.
        seed: of the drawing.
        reference: which real images: held-out ones ("test") or as many training images ("train").
        train_on_synthetic: whether a classifier is trained on the images and tried on real ones, which takes some minutes.
        report: the folder of report.json and report.html; by default the run's own, or `report`.
        overwrite: replace a report that is there.
        device: "cpu", "cuda", "mps" or "auto"; where images are drawn.
        say: takes a line now and then.

    Raises:
        DigitganError: where the subject or the data can't be had, don't go together, or the report can't be written.
    """
    if not 1 <= images <= MOST_IMAGES:
        raise UsageError(f"--images {images}: 1 to {MOST_IMAGES:,} is right")
    folder = report or _default_folder(subject)
    for name in ("report.json", "report.html"):
        claim_output(folder / name, overwrite=overwrite or report is None)
    what, halves = _subject(subject, data, data_dir, images, seed, device, say)
    check_subject(what, halves.training)
    known = judge_of(halves.training, say)
    say(f"comparing {what.count:,} images of {what.name} with {halves.source} …")
    found = evaluate(what, halves.training, halves.held_out, known.judge, reference)
    useful = None
    if train_on_synthetic:
        if not what.by_class:
            raise UsageError(
                f"{subject}: its images have no classes, which a classifier could learn; leave out --train-on-synthetic"
            )
        say("training a classifier on the images, and one on real ones …")
        useful = usefulness(_all_of(what), halves.training, halves.held_out)
    command = _command(subject, data, images, seed, reference, train_on_synthetic, what)
    made = record(found, useful, _protocol(halves, known), command)
    if halves.note:
        made["flags"].append(halves.note)
    run = RunFolder(Path(subject))
    curves = run.curves.read_bytes() if run.curves.is_file() else None
    paths = write_report(folder, made, page(made, pictures(found, halves.training.images), curves))
    return Assessment(made, *paths)


def _subject(
    name: str, data: str | None, data_dir: Path | None, images: int, seed: int, device: str, say: Report
) -> tuple[Subject, Halves]:
    if Path(name).suffix == ".npz":
        given = read_npz(name)
        halves = _halves(data or "mnist", data_dir, say)
        return subject_of_images(given, name), halves
    find_model(name)  # a wrong name is told before data is loaded
    model = load(name, device)
    source = data or model.card.get("data", {}).get("source") or "mnist"
    halves = _halves(source, data_dir, say)
    return subject_of_model(model, name, halves.training, images, seed), halves


def _halves(source: str, data_dir: Path | None, say: Report) -> Halves:
    training = load_image_set(source, "train", data_dir, report=say)
    try:
        return Halves(source, training, load_image_set(source, "test", data_dir, report=say), "")
    except DataError:
        chosen = np.arange(len(training)) % HELD_OUT == 0
    if not chosen.any() or chosen.all():
        raise DataError(f"{source}: too few images to hold any out") from None
    rest, held_out = (
        ImageSet(training.images[part], training.labels[part], training.class_names, training.name)
        for part in (~chosen, chosen)
    )
    note = f"{source} has no test part: every {HELD_OUT}th image was held out here, which a model trained on it has seen"
    return Halves(source, rest, held_out, note)


def _all_of(subject: Subject) -> ImageSet:
    images, labels = zip(*subject.portions(), strict=True)
    return ImageSet(
        np.concatenate(images), np.concatenate([some for some in labels if some is not None]), subject.class_names, subject.name
    )


def _default_folder(subject: str) -> Path:
    run = RunFolder(Path(subject))
    return run.path if run.record.is_file() else Path("report")


def _protocol(halves: Halves, known: KnownJudge) -> dict[str, Any]:
    held_out = halves.held_out
    return {
        "features": f"last hidden layer of a classifier trained on {halves.training.name} ({known.source})",
        "features_sha256": known.sha256,
        "judge_accuracy_on_held_out": round(class_accuracy(known.judge, held_out.images, held_out.labels), 6),
        "training_images": f"{halves.training.name}, {len(halves.training):,}, SHA-256 {halves.training.content_hash}",
        "held_out_images": f"{held_out.name}, {len(held_out):,}, SHA-256 {held_out.content_hash}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


def _command(
    subject: str, data: str | None, images: int, seed: int, reference: str, train_on_synthetic: bool, what: Subject
) -> str:
    words = ["digitgan", "evaluate", subject]
    if data is not None:
        words += ["--data", data]
    if "drawn_with_seed" in what.facts:
        words += ["--images", str(images), "--seed", str(seed)]
    words += ["--reference", reference, *(["--train-on-synthetic"] if train_on_synthetic else [])]
    return shlex.join(words)
