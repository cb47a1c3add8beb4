"""The rules of the game: a recipe's loss, penalty and further terms, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.networks import Discriminator, Judgement
from digitgan.recipes import Recipe
from digitgan.training.losses import find_loss
from digitgan.training.noise import Draw
from digitgan.training.penalties import Shown, find_penalty

NOTHING_SAID: Final = Judgement(torch.empty(0), None)


@final
@dataclass(frozen=True)
class Verdict:
    """What the discriminator says in one step, in float32.

    Attributes:
        real: of the real images; `NOTHING_SAID` where nobody asks.
        fake: of the fakes.
        mismatched: scores of real images with wrong labels, where the rules ask for them.
        penalty: before its weight, where one is due.
    """

    real: Judgement
    fake: Judgement
    mismatched: Tensor | None = None
    penalty: Tensor | None = None


@final
@dataclass(frozen=True)
class Objective:
    """What one network minimises.

    Attributes:
        total: a scalar with its graph.
        terms: name -> scalar without: what it consists of, and what else is worth knowing.
    """

    total: Tensor
    terms: dict[str, Tensor]


@final
class Rules:
    """What each network is asked to do.

    Raises:
        RecipeError: if the recipe names an unknown loss or penalty.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.loss = find_loss(recipe.loss.name)
        self.penalty = find_penalty(recipe.penalty.name)

    def judge(self, discriminator: Discriminator, real: Shown, fake: Shown) -> Verdict:
        """What the discriminator says of real and of fake images, shown as one batch or as two."""
        if self.recipe.updates.batches == "separate":
            of_real, of_fake = (discriminator(shown.images, shown.labels) for shown in (real, fake))
        else:
            both = discriminator(torch.cat([real.images, fake.images]), torch.cat([real.labels, fake.labels]))
            count = len(real.labels)
            of_real, of_fake = _part(both, slice(None, count)), _part(both, slice(count, None))
        return Verdict(_in_float32(of_real), _in_float32(of_fake))

    def judge_fakes(self, discriminator: Discriminator, real: Shown, fake: Shown) -> Verdict:
        """What it says of the fakes that the generator learns from; of the real images only where the loss compares them."""
        of_real = NOTHING_SAID
        if self.loss.paired:
            with torch.no_grad():
                of_real = _in_float32(discriminator(real.images, real.labels))
        return Verdict(of_real, _in_float32(discriminator(fake.images, fake.labels)))

    def judge_further(
        self, verdict: Verdict, discriminator: Discriminator, real: Shown, fake: Shown, draw: Draw, step: int
    ) -> Verdict:
        """The verdict with what only the discriminator's own update asks for: wrong labels, and a penalty where one is due."""
        mismatched = penalty = None
        if self.recipe.loss.matching_aware:
            wrong = (real.labels + draw.wrong_by) % discriminator.form.classes
            mismatched = discriminator(real.images, wrong).scores.float()
        if self.penalty and step % self.recipe.penalty.interval == 0:
            detached = Shown(fake.images.detach(), fake.labels)
            penalty = self.penalty(discriminator, real, detached, draw.mixture)
        return Verdict(verdict.real, verdict.fake, mismatched, penalty)

    def discriminator(self, verdict: Verdict, real: Shown, fake: Shown) -> Objective:
        """What the discriminator minimises, and what it knows."""
        settings = self.recipe.loss
        total = self.loss.discriminator(verdict.real.scores, verdict.fake.scores, settings.label_smoothing)
        if verdict.mismatched is not None:
            # A real image with a wrong label is the other half of the fakes (Reed et al. 2016, algorithm 1).
            other = self.loss.discriminator(verdict.real.scores, verdict.mismatched, settings.label_smoothing)
            total = (total + other) / 2
        terms = {"discriminator_loss": total}
        terms["score_real"], terms["score_fake"] = verdict.real.scores.mean(), verdict.fake.scores.mean()
        terms["accuracy_real"], terms["accuracy_fake"] = self.loss.accuracy(verdict.real.scores, verdict.fake.scores)
        if verdict.real.classes is not None and verdict.fake.classes is not None:
            named = functional.cross_entropy(verdict.real.classes, real.labels)
            terms["classifier_loss"] = (named + functional.cross_entropy(verdict.fake.classes, fake.labels)) / 2
            total = total + settings.classifier_weight * terms["classifier_loss"]
        if verdict.penalty is not None:
            terms["penalty"] = verdict.penalty
            total = total + self.recipe.penalty.gamma * self.recipe.penalty.interval * verdict.penalty
        return Objective(total, {name: value.detach() for name, value in terms.items()})

    def generator(self, verdict: Verdict, fake: Shown) -> Objective:
        """What the generator minimises."""
        total = self.loss.generator(verdict.real.scores, verdict.fake.scores)
        terms = {"generator_loss": total.detach()}
        if verdict.fake.classes is not None:
            named = functional.cross_entropy(verdict.fake.classes, fake.labels)
            total = total + self.recipe.loss.classifier_weight * named
        return Objective(total, terms)


def _in_float32(judgement: Judgement) -> Judgement:
    classes = judgement.classes
    return Judgement(judgement.scores.float(), None if classes is None else classes.float())


def _part(judgement: Judgement, place: slice) -> Judgement:
    classes = judgement.classes
    return Judgement(judgement.scores[place], None if classes is None else classes[place])
