"""Pretraining of the feature network of a projected discriminator, as a classifier of the training images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch.nn import functional

from digitgan import rng
from digitgan.data import Batches, ProgressFn
from digitgan.data.progress import ProgressLines, with_separators
from digitgan.images import to_network
from digitgan.networks.projected import FeatureNetworkClassifier, ProjectedDiscriminator
from digitgan.recipes import Recipe
from digitgan.training.trainer import Trainer

MAX_LEARNING_RATE: Final = 8e-3
"""Largest learning rate of the one-cycle schedule (Smith and Topin 2019), reached after `RISE` of the steps."""

RISE: Final = 0.3
WEIGHT_DECAY: Final = 0.05
LABEL_SMOOTHING: Final = 0.1

MAX_SHIFT: Final = 2
"""Largest random shift of the images in pixels."""

MAX_OF_RUN: Final = 1.0
"""Largest number of steps, as a share of the steps of the run. A step takes about a third of a step of the run."""


def feature_steps(recipe: Recipe) -> int:
    """Return the number of pretraining steps of the feature network."""
    training = recipe.training
    most = max(1, int(MAX_OF_RUN * training.images / training.batch_size))
    return min(training.feature_pretraining, most)


def teach_features(
    trainer: Trainer, steps: int, batches: Batches, notify: ProgressFn, check_stop: Callable[[], None]
) -> dict[str, Any]:
    """Train the feature network of the discriminator with AdamW, label smoothing and small random shifts.

    Args:
        trainer: trainer whose discriminator is changed; its other networks stay the same.
        steps: number of steps.
        batches: batches of the training images.
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
    classifier.to(trainer.device).requires_grad_(True)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=MAX_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, MAX_LEARNING_RATE, total_steps=max(2, steps), pct_start=RISE)
    shifts = rng.integers(trainer.seed, "feature shifts", 0, 2 * steps, 2 * MAX_SHIFT + 1).reshape(steps, 2) - MAX_SHIFT
    right: list[torch.Tensor] = []
    progress = ProgressLines(notify, "pretraining of the features, steps", with_separators)
    for step in range(steps):
        check_stop()
        batch = batches.at(step * batches.batch_size)
        down, along = (int(shift) for shift in shifts[step])
        images = torch.roll(to_network(batch.images), (down, along), dims=(2, 3))
        with trainer.objective.precision():
            logits = classifier(images.contiguous(memory_format=torch.channels_last)).float()
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(logits, batch.labels, label_smoothing=LABEL_SMOOTHING).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        right.append((logits.argmax(dim=1) == batch.labels).float().mean())
        progress.report(step + 1, steps)
    classifier.fold()
    classifier.requires_grad_(False)
    last = torch.stack(right[-max(1, steps // 10) :])
    return {"steps": steps, "accuracy": round(float(last.mean()), 4)}
