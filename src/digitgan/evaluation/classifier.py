"""The feature classifier: a network, trained on real images, that supplies features and predictions for the metrics.

The classifier of an image set is shipped with the package, read from the cache, or trained.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digitgan.data import ImageSet, ProgressFn, cache_folder
from digitgan.errors import ModelFileError, OutputError, UsageError
from digitgan.evaluation.classifier_networks import (
    MIN_SIDE,
    SMALL,
    FeatureClassifier,
    folded,
    in_channels_last,
    network_for,
    stored,
)
from digitgan.evaluation.classifier_training import epochs_for, spec_of, train_classifier
from digitgan.files import replacing
from digitgan.images import Picture, shared_tensor, to_network
from digitgan.model.file import Model, tensors_sha256
from digitgan.networks import ImageSpec

_NETWORK: Final = "network"
"""The entry of a file's header that names the network; without it, the network is the small one."""

SHIPPED: Final = {
    "fc30b55971f250c50fdd9f4575adc48b73f2415edc5e937aff5e4bf5acfd38c8": "mnist.safetensors",
    # A copy whose images were compressed as JPEG.
    "62fcc3dcdcdb94cf386586f136dc10dbce1d4a49d3354fa41ae8a2c191187998": "cifar10.safetensors",
}
"""The shipped classifiers: the content hash of the training images -> the file."""


@final
@dataclass(frozen=True)
class Lookalike:
    """A data set whose copies differ slightly, such as by JPEG compression, but have one shipped classifier.

    Attributes:
        shape: (channels, height, width) of the images.
        counts: the number of training images by class name, in the order of the labels.
        means: the mean of each channel, 0 to 255, to within `MEAN_TOLERANCE`.
        file: the file of the classifier.
    """

    shape: tuple[int, int, int]
    counts: Mapping[str, int]
    means: tuple[float, ...]
    file: str


MEAN_TOLERANCE: Final = 0.5
"""The largest difference of a channel's mean between copies of a data set, in levels of 255."""

_CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

LOOKALIKES: Final = (
    Lookalike(
        (3, 32, 32),
        types.MappingProxyType(dict.fromkeys(_CIFAR10_CLASSES, 5000)),
        (125.3, 123.0, 113.9),
        "cifar10.safetensors",
    ),
)
"""The data sets that are recognised by these facts if their content hash is not in `SHIPPED`."""


@torch.inference_mode()
def classify_images(classifier: FeatureClassifier, images: Picture) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Compute features and class probabilities of uint8 images (n, height, width[, channels]).

    Returns:
        The output of the last hidden layer (n, FEATURES) and the class probabilities (n, classes).

    Raises:
        UsageError: if the size of the images differs from that of the classifier's training images.
    """
    spec = classifier.spec
    shape = (images.shape[3] if images.ndim == 4 else 1, *images.shape[1:3])
    if shape != (spec.channels, spec.height, spec.width):
        known = (spec.channels, spec.height, spec.width)
        raise UsageError(f"the images are {size_text(shape)}, but the classifier needs {size_text(known)}; choose other data")
    found = [(features, classifier.logits(features).softmax(dim=1)) for features in map(classifier.features, _chunks(images))]
    features, probabilities = (torch.cat(column).numpy() for column in zip(*found, strict=True))
    return features, probabilities


def predicted_labels(classifier: FeatureClassifier, images: Picture) -> npt.NDArray[np.int64]:
    """Return the predicted labels (n,) of uint8 images (n, height, width[, channels])."""
    taken: npt.NDArray[np.int64] = classify_images(classifier, images)[1].argmax(axis=1)
    return taken


def class_accuracy(classifier: FeatureClassifier, images: Picture, labels: npt.NDArray[np.int64]) -> float:
    """Return the fraction of images, 0 to 1, whose predicted label equals their label."""
    return float((predicted_labels(classifier, images) == labels).mean())


def size_text(shape: tuple[int, int, int]) -> str:
    """Return a shape (channels, height, width) as text, such as "28x28 grey"."""
    channels, height, width = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"


def save_classifier(path: Path, classifier: FeatureClassifier) -> None:
    """Write a classifier to a safetensors file, atomically.

    Raises:
        OutputError: if the file cannot be written.
    """
    from safetensors.torch import save

    header = {name: str(value) for name, value in dataclasses.asdict(classifier.spec).items()}
    if classifier.network != SMALL:
        header[_NETWORK] = classifier.network
    tensors = {name: stored(tensor, classifier.network).contiguous() for name, tensor in classifier.state_dict().items()}
    with replacing(path) as file:
        file.write(save(tensors, metadata=header))


def load_classifier(path: Path) -> FeatureClassifier:
    """Read a classifier from a safetensors file.

    Raises:
        ModelFileError: if the file is missing or is not a classifier.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
        network = header.pop(_NETWORK, SMALL)
        spec = ImageSpec(**{name: int(value) for name, value in header.items()})
        classifier = in_channels_last(FeatureClassifier(spec, network))
        classifier.load_state_dict(load_file(path))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise ModelFileError(f"{path}: not a classifier ({problem})") from problem
    return classifier.eval()


def _chunks(images: Picture) -> Iterator[Tensor]:
    pixels = shared_tensor(images).reshape(len(images), *images.shape[1:3], -1).permute(0, 3, 1, 2)
    return map(to_network, torch.split(pixels, 500))


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


def shipped_for(training: ImageSet) -> str | None:
    """Return the file of the shipped classifier of a set of training images, or None."""
    for other in LOOKALIKES:
        counts = list(zip(training.class_names, training.counts, strict=True))
        if training.shape == other.shape and counts == list(other.counts.items()):
            means = training.images.mean(axis=(0, 1, 2))
            if np.abs(means - other.means).max() < MEAN_TOLERANCE:
                return other.file
    return SHIPPED.get(training.content_hash)


def classifier_for(training: ImageSet, notify: ProgressFn, check_stop: Callable[[], None] | None = None) -> CachedClassifier:
    """Return the classifier of a set of training images. If none exists, train one and cache it.

    A training that was killed continues from its state in the cache.

    Args:
        training: labelled images.
        notify: a function that receives lines of progress of a training, which takes minutes.
        check_stop: a function that is called before each step of a training. It raises an exception if that is to stop.

    Raises:
        UsageError: for images without labels, of a single class, or smaller than 8x8.
    """
    if len(training.class_names) < 2:
        raise UsageError(f"{training.name}: a classifier needs at least two classes; choose labelled data with --data")
    if min(training.shape[1:]) < MIN_SIDE:
        raise UsageError(
            f"{training.name}: {size_text(training.shape)} images are too small for the classifier; use images of at least 8x8"
        )
    if (file := shipped_for(training)) is not None:
        shipped = importlib.resources.files("digitgan") / "pretrained" / "classifiers" / file
        with importlib.resources.as_file(shipped) as path:
            return _known(load_classifier(path), "shipped with the package")
    path = _cached_path(training.content_hash, network_for(spec_of(training)))
    try:
        return _known(load_classifier(path), f"cached in {path}")
    except ModelFileError:
        notify(f"training a classifier of {training.name}, cached in {path} …")
    state = path.with_name(f"{path.stem}.unfinished.safetensors")
    classifier = train_classifier(training, epochs=epochs_for(training), notify=notify, state=state, check_stop=check_stop)
    try:
        save_classifier(path, classifier)
        state.unlink(missing_ok=True)
    except OutputError as problem:
        notify(f"{problem}; the classifier is not cached")
    return _known(classifier, f"trained on {training.name}")


def classifier_of_model(model: Model) -> FeatureClassifier | None:
    """Return the classifier of a model's training images if it is shipped or cached; None otherwise. None is trained."""
    data, spec = model.card.get("data"), model.generator.spec
    content_hash = data.get("content_hash") if isinstance(data, Mapping) else None
    if not isinstance(content_hash, str):
        return None
    if (file := SHIPPED.get(content_hash)) is not None:
        shipped = importlib.resources.files("digitgan") / "pretrained" / "classifiers" / file
        with importlib.resources.as_file(shipped) as path:
            found = load_classifier(path)
    else:
        try:
            found = load_classifier(_cached_path(content_hash, network_for(spec)))
        except ModelFileError:
            return None
    return found if found.spec == spec else None


def _cached_path(content_hash: str, network: str) -> Path:
    """Return the path of the cached classifier of a set of training images."""
    kind = "" if network == SMALL else f"-{network}"
    return cache_folder() / "classifiers" / f"{content_hash[:16]}{kind}.safetensors"


def _known(classifier: FeatureClassifier, source: str) -> CachedClassifier:
    return CachedClassifier(folded(classifier), source, tensors_sha256(classifier.state_dict()))
