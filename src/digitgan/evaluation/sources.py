"""What can be evaluated: a model, which is drawn from, or images that lie in a file."""

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
    """Images drawn from a model, as many of each class as there are among so many evenly spread training images.

    Args:
        model: to draw from.
        sha256: of its file.
        name: as the user called it.
        training: real images, whose classes' shares the drawn ones have.
        count: images.
        seed: of the drawing.
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
        "drawn_with_seed": seed,
    }
    spec = model.generator.spec
    shape = (spec.channels, spec.height, spec.width)
    return EvaluationSource(name, facts, count, chunks, shape, model.class_names, by_class)


def source_of_images(images: ImageSet, name: str) -> EvaluationSource:
    """Images of a file, with their labels if they have any."""
    by_class = len(images.class_names) > 1

    def chunks() -> Iterator[Chunk]:
        yield images.images, images.labels if by_class else None

    return EvaluationSource(
        name, {"content_sha256": images.content_hash}, len(images), chunks, images.shape, images.class_names, by_class
    )
