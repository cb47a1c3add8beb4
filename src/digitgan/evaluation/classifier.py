"""The feature classifier: a small network, trained on real images, that supplies features and predictions for the metrics.

The classifier of an image set is shipped with the package, read from the cache, or trained.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitgan import rng
from digitgan.data import Batches, ImageSet, ProgressFn, cache_folder
from digitgan.device import initialize_vector_math
from digitgan.errors import ModelFileError, OutputError, UsageError
from digitgan.files import replacing
from digitgan.images import Picture, to_network
from digitgan.model.file import tensors_sha256
from digitgan.networks import ImageSpec

WIDTHS = (24, 48, 64)
MIN_SIDE = 8
"""The least height and width of an image, in pixels: each of the three stages halves it."""

FEATURES = 128
"""The width of the last hidden layer, which the metrics compare."""

BATCH = 128
MAX_SHIFT = 2
"""The greatest random shift of training images, in pixels, since digits are not always centred."""

SHIPPED: Final = {"fc30b55971f250c50fdd9f4575adc48b73f2415edc5e937aff5e4bf5acfd38c8": "mnist.safetensors"}
"""The shipped classifiers: the content hash of the training images -> the file."""

CLASSIFIER_TRAINING_IMAGES: Final = 180_000
"""The number of images that a classifier is trained on, with repetition: three epochs of MNIST."""

MAX_EPOCHS: Final = 30
"""The greatest number of epochs; more do not improve a classifier."""


@final
class FeatureClassifier(nn.Module):
    """A convolutional classifier: three stages with batch norm, each halving the size, and a hidden layer of `FEATURES` units.

    Args:
        spec: the size of the images and the number of classes.
    """

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec
        layers: list[nn.Module] = []
        before = spec.channels
        for width in WIDTHS:
            for narrow in (before, width):
                layers += [nn.Conv2d(narrow, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2))
            before = width
        size = WIDTHS[-1] * (spec.height // 8) * (spec.width // 8)
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, FEATURES), nn.ReLU())
        self.logits = nn.Linear(FEATURES, spec.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (n, classes) of images (n, channels, height, width) in [-1, 1]."""
        logits: Tensor = self.logits(self.features(images))
        return logits


def train_classifier(image_set: ImageSet, seed: int = 0, epochs: int = 3) -> FeatureClassifier:
    """Train a classifier on real images with AdamW, a one-cycle learning rate, label smoothing and small random shifts.

    Args:
        image_set: labelled real images.
        seed: the seed of the weights, the order of the images and the shifts.
        epochs: the number of passes over the images; at least one step is made.

    Returns:
        The classifier in evaluation mode.
    """
    channels, height, width = image_set.shape
    spec = ImageSpec(channels, height, width, len(image_set.class_names))
    with torch.random.fork_rng(devices=[]):
        # The purposes keep their first names: another word would give other weights.
        torch.manual_seed(rng.torch_seed(seed, "judge weights"))
        classifier = _channels_last(FeatureClassifier(spec))
    batches = Batches(image_set, BATCH, seed)
    steps = max(1, epochs * len(image_set) // BATCH)
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    shifts = rng.integers(seed, "judge shifts", 0, 2 * steps, 2 * MAX_SHIFT + 1).reshape(steps, 2) - MAX_SHIFT
    for step in range(steps):
        batch = batches.at(step * BATCH)
        down, right = (int(shift) for shift in shifts[step])
        images = torch.roll(to_network(batch.images), (down, right), dims=(2, 3))
        loss = functional.cross_entropy(classifier(images), batch.labels, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return classifier.eval()


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


def folded(classifier: FeatureClassifier) -> FeatureClassifier:
    """Return a copy of a classifier for inference, with each batch norm folded into the preceding convolution.

    Inference takes half the time. Features differ by rounding errors of the order of 1e-6.
    """
    faster = copy.deepcopy(classifier).eval()
    for place in range(len(faster.features) - 1):
        convolution, norm = faster.features[place], faster.features[place + 1]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            faster.features[place] = fuse_conv_bn_eval(convolution, norm)
            faster.features[place + 1] = nn.Identity()
    return _channels_last(faster)


def size_text(shape: tuple[int, int, int]) -> str:
    """Return a shape (channels, height, width) as text, such as "28x28 grey"."""
    channels, height, width = shape
    return f"{height}x{width} {'grey' if channels == 1 else 'RGB'}"


def save_classifier(path: Path, classifier: FeatureClassifier) -> None:
    """Write a classifier to a safetensors file, atomically.

    Raises:
        OutputError: if the file cannot be written.
    """
    from safetensors.torch import save

    spec = {name: str(value) for name, value in dataclasses.asdict(classifier.spec).items()}
    tensors = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    with replacing(path) as file:
        file.write(save(tensors, metadata=spec))


def load_classifier(path: Path) -> FeatureClassifier:
    """Read a classifier from a safetensors file.

    Raises:
        ModelFileError: if the file is missing or is not a classifier.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_model

    try:
        with safe_open(path, framework="pt") as file:
            spec = ImageSpec(**{name: int(value) for name, value in (file.metadata() or {}).items()})
        classifier = _channels_last(FeatureClassifier(spec))
        load_model(classifier, path)
    except (OSError, SafetensorError, TypeError, ValueError, RuntimeError) as problem:
        raise ModelFileError(f"{path}: not a classifier ({problem})") from problem
    return classifier.eval()


def _chunks(images: Picture) -> Iterator[Tensor]:
    pixels = torch.from_numpy(images).reshape(len(images), *images.shape[1:3], -1).permute(0, 3, 1, 2)
    return map(to_network, torch.split(pixels, 500))


def _channels_last(classifier: FeatureClassifier) -> FeatureClassifier:
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


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
