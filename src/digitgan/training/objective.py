"""The training objective: the loss, the penalty and the auxiliary terms of a recipe."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.networks import Discriminator, DiscriminatorOutput, Generator
from digitgan.recipes import Recipe
from digitgan.training.augmentation import Augmenter
from digitgan.training.losses import LOSSES
from digitgan.training.meta_autocast import MetaAutocast
from digitgan.training.noise import StepNoise
from digitgan.training.penalties import PENALTIES, LabelledImages

NO_OUTPUT: Final = DiscriminatorOutput(torch.empty(0), None)


@final
@dataclass(frozen=True)
class ScoredBatch:
    """The discriminator's outputs in one step, in float32.

    Attributes:
        real: outputs of the real images; `NO_OUTPUT` if the loss does not need them.
        fake: outputs of the fakes.
        mismatched: logits of real images with wrong labels, for a matching-aware loss.
        penalty: penalty without its weight, a scalar; None in a step without a penalty.
    """

    real: DiscriminatorOutput
    fake: DiscriminatorOutput
    mismatched: Tensor | None = None
    penalty: Tensor | None = None


@final
@dataclass(frozen=True)
class LossTerms:
    """The loss of one network.

    Attributes:
        total: the loss, a scalar with its graph.
        terms: name -> scalar without a graph: the parts of the total, and further terms of the history.
    """

    total: Tensor
    terms: dict[str, Tensor]


@final
class Objective:
    """The objectives of both networks.

    Args:
        recipe: recipe of the training.
        augmenter: augmentation of the images that the discriminator scores.
        device: device of the networks.

    Raises:
        RecipeError: if the recipe names an unknown loss or penalty.
    """

    def __init__(self, recipe: Recipe, augmenter: Augmenter, device: torch.device) -> None:
        self.recipe = recipe
        self.augmenter = augmenter
        self.device = device
        self.loss = LOSSES.find(recipe.loss.name)
        self.penalty = PENALTIES.find(recipe.penalty.name)

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """Return the autocast context of both networks: bfloat16 if the recipe requires it."""
        if self.device.type == "meta":
            return MetaAutocast() if self.recipe.training.precision == "bfloat16" else contextlib.nullcontext()
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=self.recipe.training.precision == "bfloat16",
            cache_enabled=False,
        )

    def score(self, discriminator: Discriminator, *batches: LabelledImages) -> tuple[DiscriminatorOutput, ...]:
        """Score batches of images. Training calls the discriminator only here.

        If `updates.batches` is "separate", the discriminator receives the batches one by one. Otherwise it receives them
        stacked, so that batch norm sees all of them. Images with augmentation numbers are augmented first.

        Args:
            discriminator: the network, or the copy of a microbatch.
            batches: n images each.

        Returns:
            The outputs of each batch in float32.
        """
        inputs = [self._inputs_of(discriminator, batch) for batch in batches]
        with self.precision():
            if len(batches) == 1 or self.recipe.updates.batches == "separate":
                both = zip(inputs, batches, strict=True)
                outputs = [discriminator.trained_part(each, batch.labels) for each, batch in both]
            else:
                together = tuple(torch.cat(parts) for parts in zip(*inputs, strict=True))
                stacked = discriminator.trained_part(together, torch.cat([batch.labels for batch in batches]))
                sizes = [len(batch.labels) for batch in batches]
                logits = torch.split(stacked.logits, sizes)
                none = [None] * len(sizes)
                classes = none if stacked.class_logits is None else torch.split(stacked.class_logits, sizes)
                outputs = [DiscriminatorOutput(*parts) for parts in zip(logits, classes, strict=True)]
        return tuple(_in_float32(output) for output in outputs)

    def _inputs_of(self, discriminator: Discriminator, batch: LabelledImages) -> tuple[Tensor, ...]:
        if batch.inputs is not None:
            return batch.inputs
        images = self.augmenter.augmented(batch.images, batch.augmentation)
        with self.precision():
            return discriminator.frozen_part(images)

    def score_batch(self, discriminator: Discriminator, real: LabelledImages, fake: LabelledImages) -> ScoredBatch:
        """Score a step's real and fake images."""
        of_real, of_fake = self.score(discriminator, real, fake)
        return ScoredBatch(of_real, of_fake)

    def score_fakes(
        self, discriminator: Discriminator, real: LabelledImages, fake: LabelledImages, earlier: Tensor | None
    ) -> ScoredBatch:
        """Score the fakes for the generator's update, and the real images if the loss is paired.

        Args:
            discriminator: the network, or the copy of a microbatch.
            real: n images.
            fake: n images.
            earlier: logits of the real images before the discriminator's last update; None if it had none in this step.
        """
        of_real = NO_OUTPUT
        if self.loss.paired and self.recipe.updates.real_scores == "earlier" and earlier is not None:
            of_real = DiscriminatorOutput(earlier, None)
        elif self.loss.paired:
            with torch.no_grad():
                (of_real,) = self.score(discriminator, real)
        (of_fake,) = self.score(discriminator, fake)
        return ScoredBatch(of_real, of_fake)

    def regularize(
        self,
        scored: ScoredBatch,
        discriminator: Discriminator,
        real: LabelledImages,
        fake: LabelledImages,
        noise: StepNoise,
        step: int,
    ) -> ScoredBatch:
        """Add the terms of the discriminator's own update: real images with wrong labels, and the penalty if it is due.

        Args:
            scored: the outputs of `real` and `fake`.
            discriminator: the network that learns.
            real: n images.
            fake: n images.
            noise: noise of the step: its label offsets and interpolation.
            step: number of earlier steps; the penalty is due at every `penalty.interval`-th step.
        """
        mismatched = penalty = None
        if self.recipe.loss.matching_aware:
            wrong = (real.labels + noise.label_offset) % discriminator.spec.classes
            mismatched = self.score(discriminator, dataclasses.replace(real, labels=wrong))[0].logits
        if self.penalty and step % self.recipe.penalty.interval == 0:
            detached = fake.detached()
            with self.precision():  # the second-order gradient uses the same precision
                penalty = self.penalty(
                    lambda batch: self.score(discriminator, batch)[0].logits, real, detached, noise.interpolation_alpha
                )
        return ScoredBatch(scored.real, scored.fake, mismatched, penalty)

    def discriminator_loss(self, scored: ScoredBatch, real: LabelledImages, fake: LabelledImages) -> LossTerms:
        """Compute the loss of the discriminator, and its scores and accuracies."""
        settings = self.recipe.loss
        total = self.loss.discriminator(scored.real.logits, scored.fake.logits, settings.label_smoothing)
        if scored.mismatched is not None:
            # Real images with wrong labels are half of the fakes (Reed et al. 2016, algorithm 1).
            other = self.loss.discriminator(scored.real.logits, scored.mismatched, settings.label_smoothing)
            total = (total + other) / 2
        terms = {"discriminator_loss": total}
        terms["score_real"], terms["score_fake"] = scored.real.logits.mean(), scored.fake.logits.mean()
        terms["accuracy_real"], terms["accuracy_fake"] = self.loss.accuracy(scored.real.logits, scored.fake.logits)
        if scored.real.class_logits is not None and scored.fake.class_logits is not None:
            of_real = functional.cross_entropy(scored.real.class_logits, real.labels)
            terms["classifier_loss"] = (of_real + functional.cross_entropy(scored.fake.class_logits, fake.labels)) / 2
            total = total + settings.classifier_weight * terms["classifier_loss"]
        if scored.penalty is not None:
            terms["penalty"] = scored.penalty
            total = total + self.recipe.penalty.gamma * self.recipe.penalty.interval * scored.penalty
        return LossTerms(total, {name: value.detach() for name, value in terms.items()})

    def generator_loss(self, scored: ScoredBatch, fake: LabelledImages) -> LossTerms:
        """Compute the loss of the generator."""
        total = self.loss.generator(scored.real.logits, scored.fake.logits)
        terms = {"generator_loss": total.detach()}
        if scored.fake.class_logits is not None:
            of_fake = functional.cross_entropy(scored.fake.class_logits, fake.labels)
            total = total + self.recipe.loss.classifier_weight * of_fake
        return LossTerms(total, terms)

    def regularize_paths(self, loss: LossTerms, generator: Generator, noise: StepNoise, labels: Tensor) -> LossTerms:
        """Add the path-length penalty to the loss of a style generator, if the noise of the step has numbers for it.

        Args:
            loss: loss of the generator.
            generator: the network that learns.
            noise: noise of the step: its latents, and the numbers of the penalty for the first images.
            labels: labels of the fakes.
        """
        if noise.path_pixels is None:
            return loss
        settings, z = self.recipe.penalty, noise.z if noise.generator_z is None else noise.generator_z
        pixels = noise.path_pixels.view(-1, generator.spec.channels, generator.spec.height, generator.spec.width)
        with self.precision():
            lengths, mean = generator.path_lengths(z[: len(pixels)], labels[: len(pixels)], pixels)
        penalty = (lengths - mean).square().mean()
        terms = {"path_length": lengths.detach().mean(), "path_length_penalty": penalty.detach()}
        total = loss.total + settings.path_length * settings.path_length_interval * penalty
        return LossTerms(total, loss.terms | terms)


def _in_float32(output: DiscriminatorOutput) -> DiscriminatorOutput:
    classes = output.class_logits
    return DiscriminatorOutput(output.logits.float(), None if classes is None else classes.float())
