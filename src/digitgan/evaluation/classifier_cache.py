"""The feature classifier of an image set: shipped with the package, read from the cache, or trained."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from typing import Final, final

from digitgan.data import ImageSet, ProgressFn, cache_folder
from digitgan.errors import ModelFileError, OutputError, UsageError
from digitgan.evaluation.classifier import (
    MIN_SIDE,
    FeatureClassifier,
    folded,
    load_classifier,
    save_classifier,
    size_text,
    train_classifier,
)
from digitgan.model.file import tensors_sha256

SHIPPED: Final = {"fc30b55971f250c50fdd9f4575adc48b73f2415edc5e937aff5e4bf5acfd38c8": "mnist.safetensors"}
"""The shipped classifiers: the content hash of the training images -> the file."""

CLASSIFIER_TRAINING_IMAGES: Final = 180_000
"""The number of images that a classifier is trained on, with repetition: three epochs of MNIST."""

MAX_EPOCHS: Final = 30
"""The greatest number of epochs; more do not improve a classifier."""


@final
@dataclass(frozen=True)
class CachedClassifier:
    """A classifier and its origin.

    Attributes:
        classifier: the classifier, in evaluation mode and folded; see `folded`.
        source: a description of the origin, for reports.
        sha256: the SHA-256 of its weights. Metrics are comparable only if their classifiers have the same hash.
    """

    classifier: FeatureClassifier
    source: str
    sha256: str


def classifier_for(training: ImageSet, notify: ProgressFn) -> CachedClassifier:
    """Return the classifier of a set of training images. If none exists, train one and cache it.

    Args:
        training: labelled images.
        notify: a function that receives a message before a training, which takes one to two minutes.

    Raises:
        UsageError: for images without labels, of a single class, or smaller than 8x8.
    """
    if len(training.class_names) < 2:
        raise UsageError(f"{training.name}: a classifier needs at least two classes; choose labelled data with --data")
    if min(training.shape[1:]) < MIN_SIDE:
        raise UsageError(
            f"{training.name}: {size_text(training.shape)} images are too small for the classifier; use images of at least 8x8"
        )
    if training.content_hash in SHIPPED:
        shipped = importlib.resources.files("digitgan") / "pretrained" / "classifiers" / SHIPPED[training.content_hash]
        with importlib.resources.as_file(shipped) as path:
            return _known(load_classifier(path), "shipped with the package")
    path = cache_folder() / "classifiers" / f"{training.content_hash[:16]}.safetensors"
    try:
        return _known(load_classifier(path), f"cached in {path}")
    except ModelFileError:
        notify(f"training a classifier of {training.name}, cached in {path} …")
    classifier = train_classifier(training, epochs=min(MAX_EPOCHS, max(1, round(CLASSIFIER_TRAINING_IMAGES / len(training)))))
    try:
        save_classifier(path, classifier)
    except OutputError as problem:
        notify(f"{problem}; the classifier is not cached")
    return _known(classifier, f"trained on {training.name}")


def _known(classifier: FeatureClassifier, source: str) -> CachedClassifier:
    return CachedClassifier(folded(classifier), source, tensors_sha256(classifier.state_dict()))
