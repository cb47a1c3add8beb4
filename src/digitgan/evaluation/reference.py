"""The reference statistics of real images. They do not depend on the evaluated images, so they are cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan import rng
from digitgan.data import ImageSet, ProgressFn, cache_folder
from digitgan.errors import OutputError
from digitgan.evaluation.classifier import CachedClassifier
from digitgan.evaluation.classifier_networks import FEATURES, FeatureClassifier
from digitgan.evaluation.metrics import Nearest, nearest_images
from digitgan.evaluation.summary import Predictions, Summary, summarise
from digitgan.files import replacing

CACHE_FORMAT: Final = "3"
"""The version of the cached files; it changes with their content or its computation."""

Arrays = dict[str, npt.NDArray[Any]]


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
    summary = summarise(classifier, [(held_out.images, held_out.labels)], len(held_out))
    return ReferenceStatistics(
        summarise(classifier, [(shown.images, shown.labels)], len(shown)),
        summary,
        nearest_images(summary.images, training.images),
    )


def cached_reference_statistics(
    known: CachedClassifier, training: ImageSet, held_out: ImageSet, count: int, notify: ProgressFn
) -> ReferenceStatistics:
    """Read the reference statistics from the cache folder, or compute and cache them; see `reference_statistics`.

    Each classifier has files of its own: with --per-class-limit, training images have another classifier, but the held-out
    images are the same. `notify` receives a message if the cache cannot be written.
    """
    shown, cache = evenly(training, count), _Cache(known, notify)
    of_shown = cache.predictions(f"{training.content_hash} {count}", shown)
    of_held_out = cache.predictions(held_out.content_hash, held_out)
    summary = summarise(known.classifier, [(held_out.images, held_out.labels)], len(held_out), of_held_out)
    return ReferenceStatistics(
        summarise(known.classifier, [(shown.images, shown.labels)], len(shown), of_shown),
        summary,
        cache.nearest(f"{training.content_hash} {held_out.content_hash}", summary, training),
    )


def evenly(image_set: ImageSet, count: int) -> ImageSet:
    """Return `count` images of a set, one from each of `count` equal parts of it, so that its order does not matter."""
    chosen = rng.spread(0, "images of a set", 0, count, count, len(image_set))
    return ImageSet(image_set.images[chosen], image_set.labels[chosen], image_set.class_names, image_set.name)


@final
class _Cache:
    """The files of the cache folder, so that each is computed once for all evaluations.

    There is one file for the predictions of each classifier for each set of images, and one for the nearest images of each
    pair of sets.
    """

    def __init__(self, known: CachedClassifier, notify: ProgressFn) -> None:
        self.known = known
        self._folder = cache_folder() / "statistics"
        self._notify = notify
        self._reported = False

    def predictions(self, images: str, image_set: ImageSet) -> Predictions:
        """Return the predictions for an image set, which `images` identifies."""
        classes = self.known.classifier.spec.classes
        wanted = {
            "features": (np.float32, (len(image_set), FEATURES)),
            "probabilities": (np.float32, (len(image_set), classes)),
        }
        found = self._arrays(
            f"predictions {self.known.sha256} {images}",
            wanted,
            lambda: vars(Predictions.of(self.known.classifier, image_set.images)),
        )
        return Predictions(**found)

    def nearest(self, images: str, held_out: Summary, training: ImageSet) -> Nearest:
        """Return the training images nearest to the sample of the held-out images; `images` identifies both."""
        wanted = {"distances": (np.float64, (len(held_out.images),)), "indices": (np.int64, (len(held_out.images),))}
        found = self._arrays(f"nearest {images}", wanted, lambda: vars(nearest_images(held_out.images, training.images)))
        return Nearest(**found)

    def _arrays(self, key: str, wanted: Mapping[str, tuple[Any, tuple[int, ...]]], compute: Callable[[], Arrays]) -> Arrays:
        """Read the arrays of a key, or compute and cache them.

        Args:
            key: the kind of the arrays, and all that they depend on: the images, and the classifier if one is used.
            wanted: type and shape of each array.
            compute: computes them.
        """
        path = self._folder / f"{hashlib.sha256(f'{CACHE_FORMAT} {key}'.encode()).hexdigest()[:16]}.safetensors"
        arrays = _read(path, key)
        expected = {name: (np.dtype(kind), shape) for name, (kind, shape) in wanted.items()}
        if arrays is not None and {name: (array.dtype, array.shape) for name, array in arrays.items()} == expected:
            return arrays
        arrays = compute()
        try:
            _write(path, key, arrays)
        except OutputError as problem:
            if not self._reported:  # the next files would fail for the same reason
                self._reported = True
                self._notify(f"{problem}; the reference statistics are not cached")
        return arrays


def _read(path: Path, key: str) -> Arrays | None:
    """Return the arrays of a file; None if it is missing, damaged, or of another key."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays: Arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    return arrays if metadata.get("key") == key and metadata.get("sha256") == _digest(arrays) else None


def _write(path: Path, key: str, arrays: Arrays) -> None:
    from safetensors.numpy import save

    with replacing(path) as file:
        file.write(save(arrays, metadata={"key": key, "sha256": _digest(arrays)}))


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for _, array in sorted(arrays.items()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
