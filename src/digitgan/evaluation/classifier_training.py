"""The training of a feature classifier on real images."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan import rng
from digitgan.data import Batches, ImageSet, ProgressFn, silent
from digitgan.data.progress import ProgressLines, in_thousands
from digitgan.device import choose_precision
from digitgan.evaluation.feature_networks import RESIDUAL, FeatureClassifier, in_channels_last, network_for
from digitgan.images import to_network
from digitgan.networks import ImageSpec

SMALL_BATCH: Final = 128
RESIDUAL_BATCH: Final = 256

MAX_SHIFT: Final = 2
"""The greatest random shift of training images, in pixels, since digits are not always centred."""

SMALL_IMAGES: Final = 180_000
"""The number of images on which a small network is trained, with repetition: three epochs of MNIST."""

RESIDUAL_IMAGES: Final = 500_000
"""The number of images on which a residual network is trained, with repetition: ten epochs of CIFAR-10."""

SMALL_EPOCHS, RESIDUAL_EPOCHS = 30, 60
"""The greatest number of epochs; more do not improve a classifier."""


def epochs_for(image_set: ImageSet) -> int:
    """Return the number of epochs for a set of training images."""
    residual = network_for(spec_of(image_set)) == RESIDUAL
    images, most = (RESIDUAL_IMAGES, RESIDUAL_EPOCHS) if residual else (SMALL_IMAGES, SMALL_EPOCHS)
    return min(most, max(1, round(images / len(image_set))))


def spec_of(image_set: ImageSet) -> ImageSpec:
    """Return the shape and the number of classes of an image set."""
    return ImageSpec(*image_set.shape, classes=len(image_set.class_names))


def train_classifier(image_set: ImageSet, seed: int = 0, epochs: int = 3, notify: ProgressFn = silent) -> FeatureClassifier:
    """Train a classifier on real images, with a one-cycle learning rate, label smoothing and small random shifts.

    A small network learns with AdamW. A residual one learns with SGD and Nesterov momentum, in bfloat16 if the processor
    multiplies in it, and RGB images are also mirrored. Its weights are rounded to float16, in which they are stored.

    Args:
        image_set: labelled real images.
        seed: the seed of the weights, the order of the images, the shifts and the mirrored images.
        epochs: the number of passes over the images; at least one step is made.
        notify: a function that receives lines of progress.

    Returns:
        The classifier in evaluation mode.
    """
    spec = spec_of(image_set)
    residual = network_for(spec) == RESIDUAL
    with torch.random.fork_rng(devices=[]):
        # The purposes keep their first names: another word would give other weights.
        torch.manual_seed(rng.torch_seed(seed, "judge weights"))
        classifier = in_channels_last(FeatureClassifier(spec))
    size = RESIDUAL_BATCH if residual else SMALL_BATCH
    batches = Batches(image_set, size, seed, mirror=residual and spec.channels == 3)
    steps = max(1, epochs * len(image_set) // size)
    optimizer = _optimizer(classifier, residual=residual)
    peak = 0.25 if residual else 4e-3
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=peak, total_steps=max(steps, 2), pct_start=0.2 if residual else 0.3
    )
    shifts = rng.integers(seed, "judge shifts", 0, 2 * steps, 2 * MAX_SHIFT + 1).reshape(steps, 2) - MAX_SHIFT
    half = residual and choose_precision(torch.device("cpu")) == "bfloat16"
    progress = ProgressLines(notify, f"training a classifier of {image_set.name}, images", in_thousands)
    for step in range(steps):
        batch = batches.at(step * size)
        down, right = (int(shift) for shift in shifts[step])
        images = to_network(batch.images)
        images = _shifted(images, down, right) if residual else torch.roll(images, (down, right), dims=(2, 3))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = classifier(images)
        loss = functional.cross_entropy(logits.float(), batch.labels, label_smoothing=0.1 if residual else 0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        progress.report((step + 1) * size, steps * size)
    if residual:
        with torch.no_grad():
            for tensor in classifier.state_dict().values():
                if tensor.is_floating_point():
                    tensor.copy_(tensor.half())
    return classifier.eval()


def _optimizer(classifier: FeatureClassifier, *, residual: bool) -> torch.optim.Optimizer:
    if residual:
        return torch.optim.SGD(classifier.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return torch.optim.AdamW(classifier.parameters(), weight_decay=1e-2)


def _shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Return images moved by whole pixels; the pixels at the border are mirrored."""
    height, width = images.shape[2:]
    wide = functional.pad(images, (MAX_SHIFT,) * 4, mode="reflect")
    top, left = MAX_SHIFT - down, MAX_SHIFT - right
    return wide[:, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)
