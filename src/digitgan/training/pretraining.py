"""Pretraining of each network alone, before the adversarial training.

An untrained generator needs twenty seconds of adversarial training to learn what a regression teaches in two seconds: the mean
image of each class, and that neighbouring latents give similar images. Therefore the generator may first learn to reconstruct
training images from their coordinates along the principal components of the image set. The coordinates have mean 0 and
variance 1, as latents have. GLO (Bojanowski et al. 2018, arXiv:1707.05776) initialises its latents with the same coordinates
and trains without a discriminator. Here, adversarial training follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from digitgan import rng
from digitgan.adam import EagerAdam
from digitgan.data import Batch, Batches, ImageSet, ProgressFn
from digitgan.images import to_network
from digitgan.recipes import Recipe
from digitgan.training.control import Control
from digitgan.training.feature_pretraining import feature_steps, least_length_with_features, teach_features
from digitgan.training.microbatches import trained
from digitgan.training.noise import NoiseSource
from digitgan.training.trainer import Trainer

MAX_PIXELS: Final = 2**22
"""Number of pixels of the images for the principal components: the first images of the training order.

For MNIST, these are 5,350 images, 16 MiB in float32. Four times as many take half a second longer, and the components are
alike.
"""

MIN_DEVIATION: Final = 1e-3
"""Smallest standard deviation of a component. The smallest step of a single pixel is 8e-3."""

BETAS: Final = (0.9, 0.99)
"""The betas of Adam in the regression, whose fixed target favours momentum."""

MAX_PRETRAINING_BATCH: Final = 128
"""Largest number of images in a step of the generator's pretraining: the first images of each batch."""

MAX_OF_RUN: Final = 0.4
"""Largest number of pretraining steps of the generator, as a share of the steps of the run."""

FALL: Final = 0.4
"""Share of the generator's pretraining, at its end, over which the learning rate falls linearly to 0."""


@final
@dataclass(frozen=True)
class PrincipalComponents:
    """The principal components of the differences between images and the mean of their class.

    Attributes:
        means: mean of each class (classes, pixels), in [-1, 1].
        directions: orthonormal directions (components, pixels), in descending order of variance.
        deviations: standard deviations along the directions (components,).
    """

    means: Tensor
    directions: Tensor
    deviations: Tensor

    def coordinates(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the coordinates (n, components), of variance 1, of images (n, channels, height, width) in [-1, 1]."""
        return (images.flatten(1) - self.means[labels]) @ self.directions.T / self.deviations

    def to(self, device: torch.device) -> PrincipalComponents:
        """Return the components on another device."""
        return PrincipalComponents(self.means.to(device), self.directions.to(device), self.deviations.to(device))


def principal_components(batch: Batch, classes: int, most: int, seed: int) -> PrincipalComponents:
    """Compute the first principal components of images, by a randomised SVD (Halko et al. 2011, algorithm 5.1).

    Args:
        batch: images and their labels.
        classes: number of classes; a class without images gets the mean of all images.
        most: largest number of components; there are fewer if the images vary in fewer directions.
        seed: seed of the decomposition.
    """
    images, labels = to_network(batch.images).flatten(1), batch.labels
    means = images.mean(0).repeat(classes, 1)
    for label in torch.unique(labels).tolist():
        means[label] = images[labels == label].mean(0)
    with torch.random.fork_rng([]):
        torch.manual_seed(rng.torch_seed(seed, "principal components"))
        _, values, directions = torch.svd_lowrank(images - means[labels], min(most, *images.shape), niter=4)
    deviations = values / len(images) ** 0.5
    there = deviations > MIN_DEVIATION
    return PrincipalComponents(means, directions.T[there], deviations[there])


def generator_steps(recipe: Recipe) -> int:
    """Return the number of pretraining steps of the generator."""
    training = recipe.training
    return min(training.generator_pretraining, int(MAX_OF_RUN * training.images / training.batch_size))


def least_length(recipe: Recipe) -> int:
    """Return the length in images of the shortest run with as many pretraining steps as this run."""
    training, least = recipe.training, 1
    if training.generator_pretraining:
        least = math.ceil(generator_steps(recipe) * training.batch_size / MAX_OF_RUN)
    if training.feature_pretraining:
        least = max(least, least_length_with_features(feature_steps(recipe)))
    return least


@final
class StopInPretrainingError(Exception):
    """A stop request during the pretraining; no state is kept."""


def pretrain(
    trainer: Trainer, image_set: ImageSet, batches: Batches, noise_source: NoiseSource, notify: ProgressFn, control: Control
) -> dict[str, Any]:
    """Pretrain the networks of an untrained trainer, each for the number of steps of the recipe.

    Args:
        trainer: trainer to change; its number of images seen stays the same.
        image_set: training images.
        batches: batches of that set.
        noise_source: noise of the training.
        notify: called with one line for each network.
        control: read between steps.

    Returns:
        The entry of the run's record: "features", "generator" and "discriminator" -> JSON values, for each network that is
        pretrained.

    Raises:
        StopInPretrainingError: if a stop is requested.
    """
    training, found = trainer.recipe.training, {}
    with trainer.microbatches.at_work():
        if training.feature_pretraining:
            found["features"] = teach_features(
                trainer, feature_steps(trainer.recipe), image_set, notify, lambda: check_stop_request(control)
            )
            notify(
                "pretraining of the features: {steps} steps, {accuracy:.1%} of the last images right".format(
                    **found["features"]
                )
            )
        steps = generator_steps(trainer.recipe)
        if steps:
            found["generator"] = _teach_generator(trainer, steps, image_set, batches, noise_source, control)
            notify(
                "pretraining of the generator: steps {steps}, {components} principal components, "
                "mean squared error {error:.3f}".format(**found["generator"])
            )
        if training.pretraining:
            found["discriminator"] = taught = _teach_discriminator(
                trainer, training.pretraining, image_set, batches, noise_source, control
            )
            separated = taught["separated_after"]
            told = f"after {separated}" if separated else "not reached"
            notify(f"pretraining of the discriminator: {training.pretraining} steps, full accuracy {told}")
    return found


def _teach_generator(
    trainer: Trainer, steps: int, image_set: ImageSet, batches: Batches, noise_source: NoiseSource, control: Control
) -> dict[str, Any]:
    """Train the generator to reconstruct training images from their coordinates, then restart the moving average."""
    recipe, generator = trainer.recipe, trainer.generator
    some = min(len(image_set), max(2, MAX_PIXELS // math.prod(image_set.shape)))
    looked_at = Batches(image_set, some, trainer.seed).at(0)
    components = principal_components(looked_at, trainer.spec.classes, generator.components, trainer.seed).to(trainer.device)
    taken = len(components.deviations)
    rate = recipe.optimizer.generator_learning_rate
    optimizer = EagerAdam(trained(generator), rate, BETAS, fused=True)
    error = torch.zeros(())
    for step in range(steps):
        check_stop_request(control)
        whole = batches.at(step * batches.batch_size)
        batch = Batch(whole.images[:MAX_PRETRAINING_BATCH], whole.labels[:MAX_PRETRAINING_BATCH])
        z = noise_source.pretraining_latents(step)[:MAX_PRETRAINING_BATCH]  # for the latent dimensions without a component
        z[:, :taken] = components.coordinates(to_network(batch.images), batch.labels)
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (steps - step) / (FALL * steps))
        error = trainer.reconstruct(z, batch, optimizer)
    trainer.begin_average()
    return {"steps": steps, "components": taken, "error": round(float(error), 4)}


def _teach_discriminator(
    trainer: Trainer, steps: int, image_set: ImageSet, batches: Batches, noise_source: NoiseSource, control: Control
) -> dict[str, Any]:
    """Train the discriminator to separate real images from noise."""
    separated, accuracies = None, {}
    for step in range(steps):
        check_stop_request(control)
        batch = batches.at(step * batches.batch_size)
        noise = noise_source.pretraining_noise(step, image_set.shape)
        terms = trainer.pretrain(batch, noise, noise_source.pretraining_dropout(step))
        accuracies = {name: float(terms[name]) for name in ("accuracy_real", "accuracy_fake")}
        if separated is None and min(accuracies.values()) == 1.0:
            separated = step + 1
    return {"steps": steps, "separated_after": separated, **accuracies}


def check_stop_request(control: Control) -> None:
    """Raise `StopInPretrainingError` if a stop is requested."""
    if control.stop_requested:
        raise StopInPretrainingError
