"""The training of a feature classifier on real images."""

from __future__ import annotations

import hashlib
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan import rng
from digitgan.data import Batch, Batches, ImageSet, ProgressFn, silent
from digitgan.data.progress import ProgressLines, with_separators
from digitgan.data.shifts import shifted_and_mirrored
from digitgan.device import choose_precision
from digitgan.evaluation.classifier_networks import (
    RESIDUAL,
    SMALL,
    FeatureClassifier,
    in_channels_last,
    network_for,
    set_whitening,
    stored,
)
from digitgan.evaluation.classifier_state import UnfinishedTraining
from digitgan.images import to_network
from digitgan.networks import ImageSpec
from digitgan.networks.whitening import whitening_images

MAX_SHIFT: Final = 2
"""The greatest random shift of small grey images, in pixels, since digits are not always centred."""


@final
@dataclass(frozen=True)
class TrainingSettings:
    """The settings of the training of classifiers with one network.

    Attributes:
        batch_size: the number of images of a step.
        images: the number of images of the whole training, with repetition.
        min_images: the least such number, for small image sets.
        max_epochs: the greatest number of epochs beyond `min_images`; more do not improve a classifier.
        label_smoothing: the share of the target that all classes have in common, 0 to 1.
        optimizer: a function that makes the optimiser of a classifier.
        schedule: a function that returns the learning rate and the momentum of a step of so many steps.
        augment: a function of a batch, the seed and the step. It returns images (n, channels, height, width) in [-1, 1].
        bfloat16: whether the network computes in bfloat16 where the processor multiplies in it.
    """

    batch_size: int
    images: int
    min_images: int
    max_epochs: int
    label_smoothing: float
    optimizer: Callable[[FeatureClassifier], torch.optim.Optimizer]
    schedule: Callable[[int, int], tuple[float, float]]
    augment: Callable[[Batch, int, int], Tensor]
    bfloat16: bool


def one_cycle(step: int, steps: int) -> tuple[float, float]:
    """Return the learning rate and the momentum of a step by the one-cycle policy (Smith and Topin 2019).

    The learning rate rises along a cosine from 1/25 of its peak for three tenths of the steps, and then falls to 1/250,000 of
    the peak. The momentum falls from 0.95 to 0.85 and rises again. The values equal those of PyTorch's `OneCycleLR`, bit for
    bit.

    Args:
        step: the step, from 0.
        steps: the number of steps of the training.
    """
    steps = max(2, steps)  # a single step has the rate of the first of two
    peak = 4e-3
    first, last = peak / 25, peak / 25 / 1e4
    turn, end = 0.3 * steps - 1, steps - 1

    def between(begin: float, finish: float, share: float) -> float:
        return finish + (begin - finish) / 2.0 * (math.cos(math.pi * share) + 1)

    if step <= turn:
        return between(first, peak, step / turn), between(0.95, 0.85, step / turn)
    share = (step - turn) / (end - turn)
    return between(peak, last, share), between(0.85, 0.95, share)


PEAK_RATE, RISE = 0.25, 0.2
"""The largest learning rate of a residual network, and the share of the steps before it is reached."""


def triangle(step: int, steps: int) -> tuple[float, float]:
    """Return a learning rate that rises linearly to `PEAK_RATE` and falls linearly to 0, and a constant momentum."""
    done = step / steps
    return PEAK_RATE * min(done / RISE, (1 - done) / (1 - RISE)), 0.9


def shifted_together(batch: Batch, seed: int, step: int) -> Tensor:
    """Return the images of a batch, moved by the same random number of pixels; what leaves at one side enters at the other."""
    # The purposes of random numbers keep their first names: another word would give other weights.
    down, right = (int(shift) for shift in rng.integers(seed, "judge shifts", 2 * step, 2, 2 * MAX_SHIFT + 1) - MAX_SHIFT)
    return torch.roll(to_network(batch.images), (down, right), dims=(2, 3))


def shifted_and_mirrored_if_rgb(batch: Batch, seed: int, step: int) -> Tensor:
    """Return the images of a batch, shifted and, unless they are grey and thus often characters, mirrored at random."""
    return shifted_and_mirrored(batch, seed, "classifier augmentation", step, mirror=batch.images.shape[1] == 3)


def _adamw(classifier: FeatureClassifier) -> torch.optim.Optimizer:
    return torch.optim.AdamW(classifier.parameters(), weight_decay=1e-2)


def _nesterov(classifier: FeatureClassifier) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum; only kernels decay, since biases and scales of batch norm need no restraint."""
    parameters = list(classifier.parameters())
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": 5e-4},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=PEAK_RATE, momentum=0.9, nesterov=True)


SETTINGS: Final[Mapping[str, TrainingSettings]] = types.MappingProxyType(
    {
        # 180,000 images are three epochs of MNIST.
        SMALL: TrainingSettings(
            batch_size=128,
            images=180_000,
            min_images=0,
            max_epochs=30,
            label_smoothing=0.05,
            optimizer=_adamw,
            schedule=one_cycle,
            augment=shifted_together,
            bfloat16=False,
        ),
        # 800,000 images are 16 epochs of CIFAR-10; 51,200 are 200 steps.
        RESIDUAL: TrainingSettings(
            batch_size=256,
            images=800_000,
            min_images=51_200,
            max_epochs=60,
            label_smoothing=0.1,
            optimizer=_nesterov,
            schedule=triangle,
            augment=shifted_and_mirrored_if_rgb,
            bfloat16=True,
        ),
    }
)
"""The settings of the training by the name of the network."""


def epochs_for(image_set: ImageSet) -> int:
    """Return the number of epochs for a set of training images."""
    settings = SETTINGS[network_for(spec_of(image_set))]
    most = max(settings.max_epochs, math.ceil(settings.min_images / len(image_set)))
    return min(most, max(1, round(settings.images / len(image_set))))


def spec_of(image_set: ImageSet) -> ImageSpec:
    """Return the shape and the number of classes of an image set."""
    return ImageSpec(*image_set.shape, classes=len(image_set.class_names))


def train_classifier(
    image_set: ImageSet,
    seed: int = 0,
    epochs: int = 3,
    notify: ProgressFn = silent,
    state: Path | None = None,
    check_stop: Callable[[], None] | None = None,
) -> FeatureClassifier:
    """Train a classifier on real images, by the `SETTINGS` of its network, with cross-entropy and label smoothing.

    The kernels of a residual network are rounded to float16 at the end, as they are stored.

    Args:
        image_set: labelled real images.
        seed: the seed of the weights, the order of the images and the augmentation.
        epochs: the number of passes over the images; at least one step is made.
        notify: a function that receives lines of progress.
        state: a file that holds the state of the unfinished training. If it exists, the training continues. The caller
            removes it.
        check_stop: a function that is called before each step. It raises an exception if the training is to stop.

    Returns:
        The classifier in evaluation mode.
    """
    spec = spec_of(image_set)
    network = network_for(spec)
    settings = SETTINGS[network]
    size = settings.batch_size
    steps = max(1, epochs * len(image_set) // size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "judge weights"))
        classifier = in_channels_last(FeatureClassifier(spec))
    batches = Batches(image_set, size, seed)
    if network == RESIDUAL:
        sample = Batches(image_set, min(whitening_images(spec), len(image_set)), seed).at(0)
        set_whitening(classifier, to_network(sample.images))
    optimizer = settings.optimizer(classifier)
    key = "" if state is None else f"{image_set.content_hash} {network} {seed} {steps}"
    unfinished = UnfinishedTraining(state, hashlib.sha256(key.encode()).hexdigest(), notify)
    first = unfinished.restore(classifier, optimizer)
    if first:
        notify(f"training a classifier of {image_set.name}: continues after {with_separators(first * size)} images")
    progress = ProgressLines(notify, f"training a classifier of {image_set.name}, images", with_separators, first * size)
    half = settings.bfloat16 and choose_precision(torch.device("cpu")) == "bfloat16"
    for step in range(first, steps):
        if check_stop is not None:
            check_stop()
        batch = batches.at(step * size)
        _set_rates(optimizer, *settings.schedule(step, steps))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = classifier(settings.augment(batch, seed, step))
        loss = functional.cross_entropy(logits.float(), batch.labels, label_smoothing=settings.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        progress.report((step + 1) * size, steps * size)
        unfinished.save_if_due(classifier, optimizer, step + 1)
    with torch.no_grad():
        for tensor in classifier.state_dict().values():
            tensor.copy_(stored(tensor, network))
    return classifier.eval()


def _set_rates(optimizer: torch.optim.Optimizer, rate: float, momentum: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
        if "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        else:
            group["momentum"] = momentum
