"""The reference statistics of real images. They do not depend on the evaluated images, so they are cached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan import rng
from digitgan.data import ImageSet, ProgressFn, cache_folder
from digitgan.errors import OutputError
from digitgan.evaluation.classifier import FEATURES, CachedClassifier, FeatureClassifier
from digitgan.evaluation.metrics import Nearest, nearest_images
from digitgan.evaluation.summary import SAMPLE, Predictions, Summary, summarise
from digitgan.files import replacing

CACHE_FORMAT: Final = "1"
"""The version of the cached files; it changes with their content or its computation."""


@final
@dataclass(frozen=True)
class ReferenceStatistics:
    """The statistics of real images that an evaluation needs.

    Attributes:
        training: the summary of evenly spread training images, as many as the real baseline needs.
        held_out: the summary of all held-out images.
        nearest: for each held-out image of the sample, the nearest of all training images: the distances expected by chance.
    """

    training: Summary
    held_out: Summary
    nearest: Nearest


def reference_statistics(
    classifier: FeatureClassifier, training: ImageSet, held_out: ImageSet, count: int
) -> ReferenceStatistics:
    """Compute the reference statistics.

    Args:
        classifier: a classifier trained on the training images.
        training: the real images of the training set.
        held_out: real images that are not in the training set.
        count: the number of training images for the real baseline.
    """
    shown = evenly(training, count)
    return _put_together(
        classifier,
        shown,
        held_out,
        Predictions.of(classifier, shown.images),
        Predictions.of(classifier, held_out.images),
        training,
        None,
    )


def cached_reference_statistics(
    known: CachedClassifier, training: ImageSet, held_out: ImageSet, count: int, notify: ProgressFn
) -> ReferenceStatistics:
    """Read the reference statistics from the cache folder, or compute and cache them; see `reference_statistics`.

    Statistics of another classifier's features are computed again; `notify` receives a message.
    """
    shown = evenly(training, count)
    images = f"{CACHE_FORMAT} {training.content_hash} {held_out.content_hash} {count}"
    path = cache_folder() / "statistics" / f"{hashlib.sha256(images.encode()).hexdigest()[:16]}.safetensors"
    kept = _read(path, images, known.sha256, (len(shown), len(held_out), known.classifier.spec.classes), notify)
    if kept is not None:
        return _put_together(known.classifier, shown, held_out, *kept[:2], training, kept[2])
    of_shown, of_held_out = Predictions.of(known.classifier, shown.images), Predictions.of(known.classifier, held_out.images)
    found = _put_together(known.classifier, shown, held_out, of_shown, of_held_out, training, None)
    try:
        _write(path, images, known.sha256, of_shown, of_held_out, found.nearest)
    except OutputError as problem:
        notify(f"{problem}; the reference statistics are not cached")
    return found


def evenly(image_set: ImageSet, count: int) -> ImageSet:
    """Return `count` images of a set, one from each of `count` equal parts of it, so that its order does not matter."""
    chosen = rng.spread(0, "images of a set", 0, count, count, len(image_set))
    return ImageSet(image_set.images[chosen], image_set.labels[chosen], image_set.class_names, image_set.name)


def _put_together(
    classifier: FeatureClassifier,
    shown: ImageSet,
    held_out: ImageSet,
    of_shown: Predictions,
    of_held_out: Predictions,
    training: ImageSet,
    nearest: Nearest | None,
) -> ReferenceStatistics:
    summary = summarise(classifier, [(held_out.images, held_out.labels)], len(held_out), of_held_out)
    return ReferenceStatistics(
        summarise(classifier, [(shown.images, shown.labels)], len(shown), of_shown),
        summary,
        nearest or nearest_images(summary.images, training.images),
    )


def _write(path: Path, images: str, features_sha256: str, shown: Predictions, held_out: Predictions, nearest: Nearest) -> None:
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {
        "training_features": shown.features,
        "training_probabilities": shown.probabilities,
        "held_out_features": held_out.features,
        "held_out_probabilities": held_out.probabilities,
        "nearest_distances": nearest.distances,
        "nearest_indices": nearest.indices,
    }
    with replacing(path) as file:
        file.write(save(arrays, metadata={"images": images, "features_sha256": features_sha256, "sha256": _digest(arrays)}))


def _read(
    path: Path, images: str, features_sha256: str, sizes: tuple[int, int, int], notify: ProgressFn
) -> tuple[Predictions, Predictions, Nearest] | None:
    """Read cached statistics; return None if the file is missing, damaged, or of other images or another classifier."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays: dict[str, npt.NDArray[Any]] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    if metadata.get("images") != images:
        return None
    if metadata.get("features_sha256") != features_sha256:
        notify(
            f"{path}: cached for the features {str(metadata.get('features_sha256'))[:12]}, not {features_sha256[:12]}; "
            "computing the reference statistics again"
        )
        return None
    training, held_out, classes = sizes
    sample = min(held_out, SAMPLE)
    wanted = {
        "training_features": (np.float32, (training, FEATURES)),
        "training_probabilities": (np.float32, (training, classes)),
        "held_out_features": (np.float32, (held_out, FEATURES)),
        "held_out_probabilities": (np.float32, (held_out, classes)),
        "nearest_distances": (np.float64, (sample,)),
        "nearest_indices": (np.int64, (sample,)),
    }
    found = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    if found != {name: (np.dtype(kind), shape) for name, (kind, shape) in wanted.items()}:
        return None
    if metadata.get("sha256") != _digest(arrays):
        return None
    return (
        Predictions(arrays["training_features"], arrays["training_probabilities"]),
        Predictions(arrays["held_out_features"], arrays["held_out_probabilities"]),
        Nearest(arrays["nearest_distances"], arrays["nearest_indices"]),
    )


def _digest(arrays: dict[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for _, array in sorted(arrays.items()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
