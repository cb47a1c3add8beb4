"""Which judge says what images are worth: the shipped one, one kept from an earlier time, or one trained now."""

from __future__ import annotations

import hashlib
import importlib.resources
from dataclasses import dataclass
from typing import Final, final

import torch

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

SHIPPED: Final = {"fc30b55971f250c50fdd9f4575adc48b73f2415edc5e937aff5e4bf5acfd38c8": "mnist.safetensors"}
"""Content hash of training images -> the classifier of them that comes with the package."""

STEPS_OF_IMAGES: Final = 180_000
"""Images a classifier is shown, however few different ones there are: three epochs of MNIST."""

MAX_EPOCHS: Final = 30
"""More often than this a classifier learns nothing from seeing the same images again."""


@final
@dataclass(frozen=True)
class CachedClassifier:
    """A classifier and the file it is in.

    Attributes:
        classifier: ready to judge; see `folded`.
        source: where it came from, for people.
        sha256: of its weights: figures by one hash can be compared with each other, and no others.
    """

    classifier: FeatureClassifier
    source: str
    sha256: str


def classifier_for(training: ImageSet, notify: ProgressFn) -> CachedClassifier:
    """The classifier of a set of training images; one that has to be trained is kept in the cache folder for the next time.

    Args:
        training: labelled images.
        notify: is told when one has to be trained, which takes a minute or two.

    Raises:
        UsageError: for images without labels, or of one class, or too small.
    """
    if len(training.class_names) < 2:
        raise UsageError(f"{training.name}: a classifier learns classes, and there is only one; name labelled data with --data")
    if min(training.shape[1:]) < MIN_SIDE:
        raise UsageError(f"{training.name}: {size_text(training.shape)} images are too small to judge; 8x8 is the least")
    if training.content_hash in SHIPPED:
        shipped = importlib.resources.files("digitgan") / "pretrained" / "classifiers" / SHIPPED[training.content_hash]
        with importlib.resources.as_file(shipped) as path:
            return _known(load_classifier(path), "comes with the package")
    path = cache_folder() / "classifiers" / f"{training.content_hash[:16]}.safetensors"
    try:
        return _known(load_classifier(path), f"kept in {path}")
    except ModelFileError:
        notify(f"training a classifier of {training.name}, which is kept in {path} …")
    classifier = train_classifier(training, epochs=min(MAX_EPOCHS, max(1, round(STEPS_OF_IMAGES / len(training)))))
    try:
        save_classifier(path, classifier)
    except OutputError as problem:
        notify(f"{problem}; the classifier is used, and not kept")
    return _known(classifier, f"trained on {training.name}")


def weights_sha256(classifier: FeatureClassifier) -> str:
    """SHA-256 of a classifier's weights, whatever file they are in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(classifier.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _known(classifier: FeatureClassifier, source: str) -> CachedClassifier:
    return CachedClassifier(folded(classifier), source, weights_sha256(classifier))
