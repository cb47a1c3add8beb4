"""The trainer: two networks, and one step of their contest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from digitgan.data import Batch
from digitgan.images import to_network
from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.recipes import OptimizerRecipe, Recipe
from digitgan.training.ema import Ema
from digitgan.training.microbatches import Microbatch, Microbatches, backward_into, trained
from digitgan.training.noise import StepNoise
from digitgan.training.objective import Objective
from digitgan.training.penalties import LabelledImages
from digitgan.training.ranks import RankCommand, Ranks
from digitgan.training.schedule import learning_rate_scale


@final
@dataclass(frozen=True)
class StepReport:
    """What one step found, as scalars still on the device: reading one waits for the device.

    Attributes:
        images_seen: after the step.
        terms: name -> scalar: `discriminator_loss`, `score_real`, `score_fake`, `accuracy_real`, `accuracy_fake`; where the
            generator learned, `generator_loss`; where there was one, `penalty` and `classifier_loss`.
    """

    images_seen: int
    terms: dict[str, Tensor]


@final
class Trainer:
    """The two networks, their optimisers, the moving average, and the rules they play by.

    Attributes:
        recipe: the rules as they were asked for.
        spec: of the images.
        seed: of the first weights.
        ranks: the processes that play it together; None where there is one.
        generator: (batch, latent), (batch,) -> (batch, channels, height, width) in [-1, 1].
        discriminator: (batch, channels, height, width), (batch,) -> judgement of the batch.
        generator_optimizer: Adam on the generator.
        discriminator_optimizer: Adam on the discriminator.
        ema: the generator one draws from.
        images_seen: real images the discriminator has been shown: the progress counter.
        rollbacks: the counts of images to which the trainer was taken back, in their order.

    Raises:
        RecipeError: if the recipe names an unknown part, or does not fit the images.
    """

    def __init__(self, recipe: Recipe, spec: ImageSpec, seed: int, device: torch.device, ranks: Ranks | None = None) -> None:
        self.recipe = recipe
        self.spec = spec
        self.seed = seed
        self.device = device
        self.ranks = ranks
        self.objective = Objective(recipe)
        self.rollbacks: list[int] = []
        self.begin()

    def begin(self) -> None:
        """Set everything but the list of rollbacks to where a training begins."""
        self.generator: Generator = build_generator(self.recipe, self.spec, self.seed).to(self.device)
        self.discriminator: Discriminator = build_discriminator(self.recipe, self.spec, self.seed).to(self.device)
        optimizer = self.recipe.optimizer
        self.generator_optimizer = _adam(self.generator, optimizer.generator_learning_rate, optimizer)
        self.discriminator_optimizer = _adam(self.discriminator, optimizer.discriminator_learning_rate, optimizer)
        count = self.recipe.updates.microbatches
        self.microbatches = Microbatches(self.generator, self.discriminator, count, self.device, self.ranks)
        self.begin_average()
        self.images_seen = 0
        self._drops_out = any(isinstance(layer, nn.Dropout) for layer in self.discriminator.modules())

    def begin_average(self) -> None:
        """Let the moving average begin anew, at the generator as it is."""
        self.ema = Ema(self.generator, self.recipe.ema)

    @property
    def steps_done(self) -> int:
        """Steps so far."""
        return self.images_seen // self.recipe.training.batch_size

    @property
    def attempts(self) -> int:
        """How many of its rollbacks lie behind this point of the run."""
        return sum(point <= self.images_seen for point in self.rollbacks)

    def step(self, batch: Batch, noise: StepNoise) -> StepReport:
        """One update of the discriminator and, at every `discriminator_steps`-th, one of the generator.

        Args:
            batch: uint8 images (batch, channels, height, width) and their labels (batch,).
            noise: what the step draws.
        """
        if self.ranks is not None and self.ranks.leads:
            self.ranks.send(RankCommand.STEP)
        learn = self._learn_at_once if self.recipe.updates.order == "simultaneous" else self._learn_in_turn
        with self._seeded(noise.dropout_seed), self.microbatches.at_work():
            terms = learn(self.microbatches.split(batch, noise))
        self.images_seen += len(batch.labels)
        if self.ranks is not None:
            self.ranks.in_step = False
        return StepReport(self.images_seen, terms)

    def _learn_in_turn(self, parts: list[Microbatch]) -> dict[str, Tensor]:
        """The discriminator learns, then the generator from the discriminator as it is by then."""
        generator_learns = (self.steps_done + 1) % self.recipe.updates.discriminator_steps == 0
        shares_fakes = generator_learns and parts[0].noise.generator_z is None

        def teach_discriminator(part: Microbatch) -> dict[str, Tensor]:
            with torch.set_grad_enabled(shares_fakes):
                part.fake = self._draw(part, part.noise.z, part.noise.labels)
            real, fake = part.real, LabelledImages(part.fake.images.detach(), part.fake.labels)
            with self._precision():
                scored = self.objective.score(part.discriminator, real, fake)
                scored = self.objective.regularize(scored, part.discriminator, real, fake, part.noise, self.steps_done)
            judged = self.objective.discriminator(scored, real, fake)
            backward_into(part.discriminator, judged.total)
            return judged.terms

        def teach_generator(part: Microbatch) -> dict[str, Tensor]:
            if part.noise.generator_z is not None:
                part.fake = self._draw(part, part.noise.generator_z, part.noise.generator_labels)
            with self._precision():
                scored = self.objective.score_fakes(part.discriminator, part.real, part.fake)
            fooled = self.objective.generator(scored, part.fake)
            backward_into(part.generator, fooled.total)
            return fooled.terms

        terms = self.microbatches.each(teach_discriminator, parts)
        self._descend_discriminator()
        if generator_learns:
            terms |= self.microbatches.each(teach_generator, parts)
            self._descend_generator()
        return terms

    def _learn_at_once(self, parts: list[Microbatch]) -> dict[str, Tensor]:
        """Both gradients are taken from one pass through both networks, then both networks learn."""

        def teach_both(part: Microbatch) -> dict[str, Tensor]:
            part.fake = fake = self._draw(part, part.noise.z, part.noise.labels)
            real = part.real
            with self._precision():
                scored = self.objective.score(part.discriminator, real, fake)
                further = self.objective.regularize(scored, part.discriminator, real, fake, part.noise, self.steps_done)
            judged, fooled = self.objective.discriminator(further, real, fake), self.objective.generator(scored, fake)
            backward_into(part.discriminator, judged.total, again=True)
            backward_into(part.generator, fooled.total)
            return judged.terms | fooled.terms

        terms = self.microbatches.each(teach_both, parts)
        self._descend_discriminator()
        self._descend_generator()
        return terms

    def pretrain(self, batch: Batch, noise: Tensor, dropout_seed: int) -> dict[str, Tensor]:
        """One update of the discriminator alone, on real images against noise; not counted in images seen.

        Args:
            batch: real images and their labels.
            noise: (batch, channels, height, width) in [-1, 1], which is given the same labels.
            dropout_seed: of the masks.
        """
        real = LabelledImages(to_network(batch.images), batch.labels)
        fake = LabelledImages(noise.contiguous(memory_format=torch.channels_last), batch.labels)
        with self._seeded(dropout_seed), self._precision():
            scored = self.objective.score(self.discriminator, real, fake)
        judged = self.objective.discriminator(scored, real, fake)
        backward_into(self.discriminator, judged.total)
        self._descend(self.discriminator_optimizer, self.recipe.optimizer.discriminator_learning_rate)
        return judged.terms

    def reconstruct(self, z: Tensor, batch: Batch, optimizer: torch.optim.Optimizer) -> Tensor:
        """One update of the generator alone, towards drawing these images from these latents; not counted in images seen.

        Args:
            z: (batch, latent).
            batch: what should be drawn, with its labels.
            optimizer: of the generator's weights.

        Returns:
            The mean squared error of the pixels, a scalar still on the device.
        """
        with self._precision():
            drawn = self.generator(z, batch.labels)
        error = (drawn.float() - to_network(batch.images)).square().mean()
        backward_into(self.generator, error)
        optimizer.step()
        return error.detach()

    def _draw(self, part: Microbatch, z: Tensor, labels: Tensor | None) -> LabelledImages:
        labels = part.batch.labels if labels is None else labels
        with self._precision():
            return LabelledImages(part.generator(z, labels), labels)

    def _descend_discriminator(self) -> None:
        self.microbatches.average(self.microbatches.discriminators)
        self._descend(self.discriminator_optimizer, self.recipe.optimizer.discriminator_learning_rate)

    def _descend_generator(self) -> None:
        self.microbatches.average(self.microbatches.generators)
        self._descend(self.generator_optimizer, self.recipe.optimizer.generator_learning_rate)
        self.ema.update(self.steps_done // self.recipe.updates.discriminator_steps)

    def _descend(self, optimizer: torch.optim.Adam, learning_rate: float) -> None:
        """One step down the gradient that was taken, at the learning rate of this point of the run."""
        scale = learning_rate_scale(self.recipe, self.images_seen) * self.recipe.guard.learning_rate_factor**self.attempts
        optimizer.param_groups[0]["lr"] = scale * learning_rate
        optimizer.step()

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=self.recipe.training.precision == "bfloat16",
            cache_enabled=False,
        )

    @contextlib.contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """While it lasts, what torch itself draws (masks of dropout) is a function of the seed."""
        if not self._drops_out:
            yield
            return
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield


def _adam(network: nn.Module, learning_rate: float, recipe: OptimizerRecipe) -> torch.optim.Adam:
    betas = (recipe.beta1, recipe.beta2)
    return torch.optim.Adam(trained(network), lr=learning_rate, betas=betas, eps=recipe.epsilon, fused=True)
