"""The images of an evaluation: those to evaluate, from a model or a file, and the real images to compare them with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from digitgan import rng
from digitgan.data import DataRequest, ImageSet, ProgressFn
from digitgan.data.notes import listed
from digitgan.errors import DataError
from digitgan.evaluation.classifier import CachedClassifier
from digitgan.evaluation.groups import with_groups
from digitgan.evaluation.measure import EvaluationSource
from digitgan.evaluation.metric_table import METRICS
from digitgan.evaluation.summary import Chunk
from digitgan.model.file import Model
from digitgan.version import versions

LABELS_AT_ONCE = 10_000


def source_of_model(model: Model, sha256: str, name: str, training: ImageSet, count: int, seed: int) -> EvaluationSource:
    """Return a source that generates images with a model, with the class distribution of the training images.

    Args:
        model: the model.
        sha256: the SHA-256 of the model file.
        name: the name that the user gave.
        training: real images. The labels are those of `count` evenly spread images of this set.
        count: the number of images.
        seed: the seed of the generated images.
    """
    by_class = len(model.class_names) > 1

    def chunks() -> Iterator[Chunk]:
        for start in range(0, count, LABELS_AT_ONCE):
            place = rng.spread(0, "drawn labels", start, min(count, start + LABELS_AT_ONCE), count, len(training))
            labels = training.labels[place] if by_class else np.zeros(len(place), dtype=np.int64)
            done = 0
            for images in model.sample_blocks(labels, seed, start):
                yield images, labels[done : done + len(images)] if by_class else None
                done += len(images)

    card = model.card
    facts = {
        "content_sha256": sha256,
        "recipe": model.recipe.name,
        "images_seen": card.get("images_seen"),
        "trained_with_seed": card.get("seed"),
        "trained_on": card.get("data", {}).get("name"),
        "trained_on_sha256": card.get("data", {}).get("content_hash"),
        "sampling_seed": seed,
    }
    spec = model.generator.spec
    shape = (spec.channels, spec.height, spec.width)
    return EvaluationSource(name, facts, count, chunks, shape, model.class_names, by_class)


def source_of_images(images: ImageSet, name: str) -> EvaluationSource:
    """Return a source of the images of an image set, with their labels if it has more than one class."""
    by_class = len(images.class_names) > 1

    def chunks() -> Iterator[Chunk]:
        yield images.images, images.labels if by_class else None

    return EvaluationSource(
        name, {"content_sha256": images.content_hash}, len(images), chunks, images.shape, images.class_names, by_class
    )


def with_classes_of(images: ImageSet, real: ImageSet) -> ImageSet:
    """Return images with the class names of real images, in their order, if each of its classes is one of theirs by name.

    Generated images of some classes, or in folders of another order, can thus be compared with all real images.
    """
    if images.class_names == real.class_names or not set(images.class_names) <= set(real.class_names):
        return images
    place = np.array([real.class_names.index(name) for name in images.class_names])
    return replace(images, labels=place[images.labels], class_names=real.class_names)


OPPOSITE = 128
"""Difference of the mean levels of the edges of two image sets from which one of them seems to be inverted."""


def opposite_grounds(images: ImageSet, real: ImageSet) -> bool:
    """Return whether images are dark on light and real images light on dark, or the reverse, by the mean of their edges."""

    def edges(of: ImageSet) -> float:
        some = of.images[:1000].astype(np.float64)
        return float(np.mean([some[:, 0].mean(), some[:, -1].mean(), some[:, :, 0].mean(), some[:, :, -1].mean()]))

    return abs(edges(images) - edges(real)) > OPPOSITE


HELD_OUT = 5
"""The inverse of the held-out fraction: a fifth of an image set without a test split is held out."""

MAX_HELD_OUT = 3
"""The inverse of the greatest held-out fraction: a third of a small image set, of which a fifth is too few for the metrics."""


def held_out_count(count: int) -> int:
    """Return how many images of an image set without a test split are held out.

    It is a fifth. Of a small image set it is up to a third, as many as the Fréchet distance needs.
    """
    return max(count // HELD_OUT, min(METRICS["frechet_distance"].needs, count // MAX_HELD_OUT))


@final
@dataclass(frozen=True)
class TrainTestSplit:
    """A train/test split of real images.

    Attributes:
        source: the name of the data.
        training: the images that the classifier is trained on. A model may have been trained on them too.
        held_out: the images that the classifier is not trained on.
        note: a warning about an unusual split; empty if there is none.
        whole: all images that a training on this source sees; None if they are `training`.
        by_groups: whether the images have no labels, and groups of similar images in place of classes.
    """

    source: str
    training: ImageSet
    held_out: ImageSet
    note: str
    whole: ImageSet | None = None
    by_groups: bool = False


def train_test_split(data: DataRequest, notify: ProgressFn) -> TrainTestSplit:
    """Load the training images and the held-out images of a source.

    The held-out images are the test split. A source without a test split is split here, see `held_out_count`.
    Images of a single class get groups of similar images in place of classes, see `with_groups`.

    Raises:
        DataError: if the images cannot be loaded, if the test images have further classes, or if there are too few to split.
    """
    split = _split(data, notify)
    if len(split.training.class_names) > 1:
        return split
    training, held_out = with_groups(split.training, split.held_out)
    notify(f"{split.source}: no labels; the features are those of {len(training.class_names)} groups of similar images")
    return replace(split, training=training, held_out=held_out, whole=split.whole or split.training, by_groups=True)


def _split(data: DataRequest, notify: ProgressFn) -> TrainTestSplit:
    source, training = data.name, data.load("train", notify)
    if "test" in data.splits():
        test = with_classes_of(data.resolved(training).load("test", notify), training)
        if test.class_names != training.class_names:
            others = [name for name in test.class_names if name not in training.class_names]
            raise DataError(
                f"{source}: its test images have classes that its training images lack: {listed(others)}; choose the classes "
                "with --classes"
            )
        return TrainTestSplit(source, training, test, "")
    chosen = rng.permutation(0, "held-out images", 0, len(training)) < held_out_count(len(training))
    if not chosen.any():
        raise DataError(f"{source}: too few images for a train/test split; use at least {MAX_HELD_OUT}")
    rest, held_out = (
        ImageSet(training.images[part], training.labels[part], training.class_names, training.name)
        for part in (~chosen, chosen)
    )
    note = (
        f"{source} has no test split: {len(held_out):,} of its images are held out. "
        f"A model that was trained on {source} has seen them"
    )
    return TrainTestSplit(source, rest, held_out, note, training)


def protocol_of(split: TrainTestSplit, known: CachedClassifier) -> dict[str, Any]:
    """Return the entries of the report's protocol that describe the classifier and the data."""
    held_out = split.held_out
    groups = f"groups of similar images of {split.training.name}, which has no labels,"
    of = groups if split.by_groups else split.training.name
    return {
        "features": f"last hidden layer of a classifier trained on {of} ({known.source})",
        "features_sha256": known.sha256,
        "training_images": f"{split.training.name}, {len(split.training):,}, SHA-256 {split.training.content_hash}",
        "held_out_images": f"{held_out.name}, {len(held_out):,}, SHA-256 {held_out.content_hash}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
