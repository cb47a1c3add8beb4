"""Before the contest: what each network can learn alone.

A generator that knows nothing spends the first twenty seconds of its training on what a regression teaches it in two: how a
class looks on the whole, and that neighbouring latents are similar images. So it may begin by drawing training images from
where they lie along the set's principal components, whose coordinates are of mean 0 and variance 1, as latents are. GLO
(Bojanowski et al. 2018, arXiv:1707.05776) starts its latents from the same coordinates, and needs no contest at all after it;
here it is only the beginning, and the contest sharpens what it left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from digitgan import rng
from digitgan.data import Batch, Batches, ImageSet, ProgressFn
from digitgan.images import to_network
from digitgan.recipes import Recipe
from digitgan.training.control import Control
from digitgan.training.microbatches import trained
from digitgan.training.noise import NoiseSource
from digitgan.training.trainer import Trainer

MAX_PIXELS: Final = 2**24
"""Of a set's images, the first that would be trained on, from which its components are taken: 21,000 of MNIST's, 64 MiB as
float32."""

MIN_DEVIATION: Final = 1e-3
"""Along directions in which images differ less, they are taken not to differ: the smallest step of a single pixel is 8e-3."""

BETAS: Final = (0.9, 0.99)
"""Adam's, where a network learns by regression: the target stands still, so a memory helps."""

MAX_AT_ONCE: Final = 128
"""Images in a step of the generator's pretraining; where the recipe's batches are larger, the first of each."""

MAX_OF_RUN: Final = 0.4
"""The most steps that the generator's pretraining takes, as a share of the run's own."""

FALL: Final = 0.4
"""The share of the generator's pretraining, at its end, over which its learning rate falls to nothing."""


@final
@dataclass(frozen=True)
class PrincipalComponents:
    """The directions in which images differ most from the mean of their class.

    Attributes:
        means: of each class, (classes, pixels), in [-1, 1].
        directions: orthonormal, those of the largest variance first, (components, pixels).
        deviations: standard deviations along them, (components,).
    """

    means: Tensor
    directions: Tensor
    deviations: Tensor

    def coordinates(self, images: Tensor, labels: Tensor) -> Tensor:
        """Where images (n, channels, height, width) in [-1, 1] lie: (n, components), over all images of variance 1 each."""
        return (images.flatten(1) - self.means[labels]) @ self.directions.T / self.deviations

    def to(self, device: torch.device) -> PrincipalComponents:
        """The same there."""
        return PrincipalComponents(self.means.to(device), self.directions.to(device), self.deviations.to(device))


def principal_components(batch: Batch, classes: int, most: int, seed: int) -> PrincipalComponents:
    """The first components of some images; fewer than `most` where they differ in fewer ways.

    They come from a randomised singular value decomposition (Halko et al. 2011, algorithm 5.1), whose random numbers the seed
    decides.

    Args:
        batch: the images, each compared with the mean of its class.
        classes: how many there are; one of which the batch has no image has the mean of all.
        most: components at most.
        seed: of the decomposition.
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
    """How many steps the generator learns alone by this recipe."""
    training = recipe.training
    return min(training.generator_pretraining, int(MAX_OF_RUN * training.images / training.batch_size))


@final
class StopInPretrainingError(Exception):
    """The training was told to stop before it had begun: nothing of it is worth keeping."""


def pretrain(
    trainer: Trainer, image_set: ImageSet, batches: Batches, noise_source: NoiseSource, notify: ProgressFn, control: Control
) -> dict[str, Any]:
    """Let the networks of a trainer at its beginning learn alone, for as many steps each as the recipe says.

    Args:
        trainer: is changed; its count of images seen is not.
        image_set: what it is about to be trained on.
        batches: of that set.
        noise_source: of the trainer.
        notify: is told, a line for each network, what came of it.
        control: looked at between steps.

    Returns:
        What the run's record says of it: "generator" and "discriminator" -> JSON values, where the recipe asks for them.

    Raises:
        StopInPretrainingError: if it is told to stop.
    """
    training, found = trainer.recipe.training, {}
    with trainer.microbatches.at_work():
        steps = generator_steps(trainer.recipe)
        if steps:
            found["generator"] = _teach_generator(trainer, steps, image_set, batches, noise_source, control)
            notify(
                "the generator alone, training images from {components} principal components: {steps} steps, "
                "mean squared error {error:.3f}".format(**found["generator"])
            )
        if training.pretraining:
            found["discriminator"] = taught = _teach_discriminator(
                trainer, training.pretraining, image_set, batches, noise_source, control
            )
            separated = taught["separated_after"]
            told = f"after {separated} steps" if separated else f"not within {training.pretraining} steps"
            notify(f"the discriminator alone, real images against noise: tells them apart without a mistake {told}")
    return found


def _teach_generator(
    trainer: Trainer, steps: int, image_set: ImageSet, batches: Batches, noise_source: NoiseSource, control: Control
) -> dict[str, Any]:
    """To draw training images from their coordinates; the moving average begins where this ends."""
    recipe, generator = trainer.recipe, trainer.generator
    some = min(len(image_set), max(2, MAX_PIXELS // math.prod(image_set.shape)))
    looked_at = Batches(image_set, some, trainer.seed).at(0)
    components = principal_components(looked_at, trainer.spec.classes, generator.latent, trainer.seed).to(trainer.device)
    taken = len(components.deviations)
    rate = recipe.optimizer.generator_learning_rate
    optimizer = torch.optim.Adam(trained(generator), rate, BETAS, fused=True)
    error = torch.zeros(())
    for step in range(steps):
        _stop_if_told(control)
        whole = batches.at(step * batches.batch_size)
        batch = Batch(whole.images[:MAX_AT_ONCE], whole.labels[:MAX_AT_ONCE])
        z = noise_source.pretraining_latents(step)[:MAX_AT_ONCE]  # for the numbers that no component takes
        z[:, :taken] = components.coordinates(to_network(batch.images), batch.labels)
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (steps - step) / (FALL * steps))
        error = trainer.reconstruct(z, batch, optimizer)
    trainer.begin_average()
    return {"steps": steps, "components": taken, "error": round(float(error), 4)}


def _teach_discriminator(
    trainer: Trainer, steps: int, image_set: ImageSet, batches: Batches, noise_source: NoiseSource, control: Control
) -> dict[str, Any]:
    """To tell real images from noise."""
    separated, accuracies = None, {}
    for step in range(steps):
        _stop_if_told(control)
        batch = batches.at(step * batches.batch_size)
        noise = noise_source.pretraining_noise(step, image_set.shape)
        terms = trainer.pretrain(batch, noise, noise_source.pretraining_dropout(step))
        accuracies = {name: float(terms[name]) for name in ("accuracy_real", "accuracy_fake")}
        if separated is None and min(accuracies.values()) == 1.0:
            separated = step + 1
    return {"steps": steps, "separated_after": separated, **accuracies}


def _stop_if_told(control: Control) -> None:
    if control.stop_requested:
        raise StopInPretrainingError
