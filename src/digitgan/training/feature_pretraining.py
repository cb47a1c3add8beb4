"""Pretraining of the feature network of a projected discriminator, as a classifier of the training images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import torch
from torch.nn import functional

from digitgan import rng
from digitgan.data import Batches, ImageSet, ProgressFn
from digitgan.data.progress import ProgressLines, with_separators
from digitgan.data.shifts import shifted_and_mirrored
from digitgan.images import to_network
from digitgan.networks.projected import FeatureNetworkClassifier, ProjectedDiscriminator
from digitgan.networks.whitening import whitening_images
from digitgan.recipes import Recipe
from digitgan.training.microbatches import trained
from digitgan.training.trainer import Trainer

BATCH_SIZE: Final = 128
"""Number of images of a step."""

LEARNING_RATE, RISE = 0.2, 0.2
"""Largest learning rate, and the share of the steps before it is reached; before and after, the rate is linear."""

MOMENTUM: Final = 0.9
WEIGHT_DECAY: Final = 5e-4
LABEL_SMOOTHING: Final = 0.1

MAX_OF_RUN: Final = 1.0
"""Largest number of images of the pretraining, as a share of those of the run. One costs about a sixth of one of the run."""


def feature_steps(recipe: Recipe) -> int:
    """Return the number of pretraining steps of the feature network."""
    training = recipe.training
    most = max(1, int(MAX_OF_RUN * training.images / BATCH_SIZE))
    return min(training.feature_pretraining, most)


def least_length_with_features(steps: int) -> int:
    """Return the length in images of the shortest run with this number of pretraining steps of the feature network."""
    return math.ceil(steps * BATCH_SIZE / MAX_OF_RUN)


def teach_features(
    trainer: Trainer, steps: int, image_set: ImageSet, notify: ProgressFn, check_stop: Callable[[], None]
) -> dict[str, Any]:
    """Train the feature network of the discriminator: SGD with Nesterov momentum, label smoothing and random shifts.

    If the recipe mirrors training images, half of the images are mirrored here too.

    Args:
        trainer: trainer whose discriminator is changed; its other networks stay the same.
        steps: number of steps.
        image_set: training images.
        notify: called with a line every few seconds.
        check_stop: called before each step; raises if the training is to stop.

    Returns:
        The entry of the run's record: "steps", and "accuracy" on the images of the last tenth of the steps, before they were
        learnt from.
    """
    discriminator = trainer.discriminator
    assert isinstance(discriminator, ProjectedDiscriminator)
    with torch.random.fork_rng([]):
        torch.manual_seed(rng.torch_seed(trainer.seed, "feature classifier weights"))
        classifier = FeatureNetworkClassifier(discriminator.features, trainer.spec.classes, discriminator.classifier)
    batches = Batches(image_set, BATCH_SIZE, trainer.seed, trainer.device)
    sample = Batches(image_set, min(whitening_images(trainer.spec), len(image_set)), trainer.seed).at(0)
    discriminator.features.set_whitening(to_network(sample.images))
    classifier.to(trainer.device)
    for part in (classifier.norms, classifier.logits, discriminator.features.convolutions):
        part.requires_grad_(True)
    weights = trained(classifier)
    groups = [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [weight for weight in weights if weight.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, LEARNING_RATE, MOMENTUM, nesterov=True)
    mirror = trainer.recipe.training.mirror
    right: list[torch.Tensor] = []
    progress = ProgressLines(notify, "pretraining of the features, steps", with_separators)
    for step in range(steps):
        check_stop()
        batch = batches.at(step * BATCH_SIZE)
        images = shifted_and_mirrored(batch, trainer.seed, "feature augmentation", step, mirror=mirror)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min((step + 1) / (RISE * steps), (1 - step / steps) / (1 - RISE), 1.0)
        with trainer.objective.precision():
            logits = classifier(images.contiguous(memory_format=torch.channels_last)).float()
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(logits, batch.labels, label_smoothing=LABEL_SMOOTHING).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        right.append((logits.argmax(dim=1) == batch.labels).float().mean())
        progress.report(step + 1, steps)
    classifier.fold()
    classifier.requires_grad_(False)
    last = torch.stack(right[-max(1, steps // 10) :])
    return {"steps": steps, "accuracy": round(float(last.mean()), 4)}
