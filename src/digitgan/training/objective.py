"""The rules of the trainer: a recipe's loss, penalty and further terms, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.networks import Discriminator, DiscriminatorOutput
from digitgan.recipes import Recipe
from digitgan.training.losses import find_loss
from digitgan.training.noise import StepNoise
from digitgan.training.penalties import LabelledImages, find_penalty

NO_OUTPUT: Final = DiscriminatorOutput(torch.empty(0), None)


@final
@dataclass(frozen=True)
class ScoredBatch:
    """What the discriminator says in one step, in float32.

    Attributes:
        real: of the real images; `NO_OUTPUT` where nobody asks.
        fake: of the fakes.
        mismatched: scores of real images with wrong labels, where the rules ask for them.
        penalty: before its weight, where one is due.
    """

    real: DiscriminatorOutput
    fake: DiscriminatorOutput
    mismatched: Tensor | None = None
    penalty: Tensor | None = None


@final
@dataclass(frozen=True)
class LossTerms:
    """What one network minimises.

    Attributes:
        total: a scalar with its graph.
        terms: name -> scalar without: what it consists of, and what else is worth knowing.
    """

    total: Tensor
    terms: dict[str, Tensor]


@final
class Objective:
    """What each network is asked to do.

    Raises:
        RecipeError: if the recipe names an unknown loss or penalty.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.loss = find_loss(recipe.loss.name)
        self.penalty = find_penalty(recipe.penalty.name)

    def score(self, discriminator: Discriminator, real: LabelledImages, fake: LabelledImages) -> ScoredBatch:
        """What the discriminator says of real and of fake images, shown as one batch or as two."""
        if self.recipe.updates.batches == "separate":
            of_real, of_fake = (discriminator(shown.images, shown.labels) for shown in (real, fake))
        else:
            both = discriminator(torch.cat([real.images, fake.images]), torch.cat([real.labels, fake.labels]))
            count = len(real.labels)
            of_real, of_fake = _part(both, slice(None, count)), _part(both, slice(count, None))
        return ScoredBatch(_in_float32(of_real), _in_float32(of_fake))

    def score_fakes(self, discriminator: Discriminator, real: LabelledImages, fake: LabelledImages) -> ScoredBatch:
        """What it says of the fakes that the generator learns from; of the real images only where the loss compares them."""
        of_real = NO_OUTPUT
        if self.loss.paired:
            with torch.no_grad():
                of_real = _in_float32(discriminator(real.images, real.labels))
        return ScoredBatch(of_real, _in_float32(discriminator(fake.images, fake.labels)))

    def regularize(
        self,
        scored: ScoredBatch,
        discriminator: Discriminator,
        real: LabelledImages,
        fake: LabelledImages,
        noise: StepNoise,
        step: int,
    ) -> ScoredBatch:
        """The verdict with what only the discriminator's own update asks for: wrong labels, and a penalty where one is due."""
        mismatched = penalty = None
        if self.recipe.loss.matching_aware:
            wrong = (real.labels + noise.label_offset) % discriminator.spec.classes
            mismatched = discriminator(real.images, wrong).logits.float()
        if self.penalty and step % self.recipe.penalty.interval == 0:
            detached = LabelledImages(fake.images.detach(), fake.labels)
            penalty = self.penalty(discriminator, real, detached, noise.interpolation_alpha)
        return ScoredBatch(scored.real, scored.fake, mismatched, penalty)

    def discriminator(self, scored: ScoredBatch, real: LabelledImages, fake: LabelledImages) -> LossTerms:
        """What the discriminator minimises, and what it knows."""
        settings = self.recipe.loss
        total = self.loss.discriminator(scored.real.logits, scored.fake.logits, settings.label_smoothing)
        if scored.mismatched is not None:
            # A real image with a wrong label is the other half of the fakes (Reed et al. 2016, algorithm 1).
            other = self.loss.discriminator(scored.real.logits, scored.mismatched, settings.label_smoothing)
            total = (total + other) / 2
        terms = {"discriminator_loss": total}
        terms["score_real"], terms["score_fake"] = scored.real.logits.mean(), scored.fake.logits.mean()
        terms["accuracy_real"], terms["accuracy_fake"] = self.loss.accuracy(scored.real.logits, scored.fake.logits)
        if scored.real.class_logits is not None and scored.fake.class_logits is not None:
            named = functional.cross_entropy(scored.real.class_logits, real.labels)
            terms["classifier_loss"] = (named + functional.cross_entropy(scored.fake.class_logits, fake.labels)) / 2
            total = total + settings.classifier_weight * terms["classifier_loss"]
        if scored.penalty is not None:
            terms["penalty"] = scored.penalty
            total = total + self.recipe.penalty.gamma * self.recipe.penalty.interval * scored.penalty
        return LossTerms(total, {name: value.detach() for name, value in terms.items()})

    def generator(self, scored: ScoredBatch, fake: LabelledImages) -> LossTerms:
        """What the generator minimises."""
        total = self.loss.generator(scored.real.logits, scored.fake.logits)
        terms = {"generator_loss": total.detach()}
        if scored.fake.class_logits is not None:
            named = functional.cross_entropy(scored.fake.class_logits, fake.labels)
            total = total + self.recipe.loss.classifier_weight * named
        return LossTerms(total, terms)


def _in_float32(output: DiscriminatorOutput) -> DiscriminatorOutput:
    classes = output.class_logits
    return DiscriminatorOutput(output.logits.float(), None if classes is None else classes.float())


def _part(output: DiscriminatorOutput, place: slice) -> DiscriminatorOutput:
    classes = output.class_logits
    return DiscriminatorOutput(output.logits[place], None if classes is None else classes[place])
