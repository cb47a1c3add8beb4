"""The sources of images to evaluate: a model that generates them, or a file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from digitgan import rng
from digitgan.data import ImageSet
from digitgan.evaluation.measure import EvaluationSource
from digitgan.evaluation.summary import Chunk
from digitgan.model.file import Model

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
