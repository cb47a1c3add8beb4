"""The game: two networks, and one step of their contest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from digitgan.data import Batch
from digitgan.images import to_network
from digitgan.networks import Discriminator, Generator, ImageForm, build_discriminator, build_generator
from digitgan.recipes import OptimizerRecipe, Recipe
from digitgan.training.ema import Ema
from digitgan.training.losses import find_loss
from digitgan.training.penalties import find_penalty
from digitgan.training.schedule import learning_rate_scale


@final
@dataclass(frozen=True)
class StepReport:
    """What one step found, as scalars still on the device: reading one waits for the device.

    Attributes:
        images_seen: after the step.
        terms: name -> scalar: `discriminator_loss`, `generator_loss`, `score_real`, `score_fake`, and `penalty` where one
            was applied.
    """

    images_seen: int
    terms: dict[str, Tensor]


@final
class Game:
    """The two networks, their optimisers, the moving average, and the rules they play by.

    Attributes:
        recipe: the rules.
        generator: (batch, latent), (batch,) -> (batch, channels, height, width) in [-1, 1].
        discriminator: (batch, channels, height, width), (batch,) -> (batch,).
        generator_optimizer: Adam on the generator.
        discriminator_optimizer: Adam on the discriminator.
        ema: the generator one draws from.
        images_seen: real images the discriminator has been shown: the progress counter.

    Raises:
        RecipeError: if the recipe names an unknown part, or does not fit the images.
    """

    def __init__(self, recipe: Recipe, form: ImageForm, seed: int, device: torch.device) -> None:
        self.recipe = recipe
        self.device = device
        self.loss = find_loss(recipe.loss.name)
        self.penalty = find_penalty(recipe.penalty.name)
        self.generator: Generator = build_generator(recipe, form, seed).to(device)
        self.discriminator: Discriminator = build_discriminator(recipe, form, seed).to(device)
        optimizer = recipe.optimizer
        self.generator_optimizer = _adam(self.generator, optimizer.generator_learning_rate, optimizer)
        self.discriminator_optimizer = _adam(self.discriminator, optimizer.discriminator_learning_rate, optimizer)
        self.ema = Ema(self.generator, recipe.ema)
        self.images_seen = 0

    @property
    def steps_done(self) -> int:
        """Steps so far."""
        return self.images_seen // self.recipe.training.batch_size

    def step(self, batch: Batch, z: Tensor) -> StepReport:
        """One update of the discriminator, then one of the generator, on the same fakes, which carry the batch's labels.

        Args:
            batch: uint8 images (batch, channels, height, width) and their labels (batch,).
            z: latents (batch, latent).
        """
        step = self.steps_done
        scale = learning_rate_scale(self.recipe, self.images_seen)
        real = to_network(batch.images)
        with self._precision():
            fake = self.generator(z, batch.labels)
            real = real.to(fake.dtype)
            scores = self.discriminator(torch.cat([real, fake.detach()]), torch.cat([batch.labels, batch.labels]))
        score_real, score_fake = scores.float().chunk(2)
        discriminator_loss = self.loss.discriminator(score_real, score_fake)
        terms = {
            "discriminator_loss": discriminator_loss.detach(),
            "score_real": score_real.detach().mean(),
            "score_fake": score_fake.detach().mean(),
        }
        if self.penalty and step % self.recipe.penalty.interval == 0:
            with self._precision():
                terms["penalty"] = self.penalty(self.discriminator, real, batch.labels)
            weight = self.recipe.penalty.gamma * self.recipe.penalty.interval
            discriminator_loss = discriminator_loss + weight * terms["penalty"]
            terms["penalty"] = terms["penalty"].detach()
        optimizer = self.recipe.optimizer
        _descend(self.discriminator_optimizer, discriminator_loss, scale * optimizer.discriminator_learning_rate)

        with _frozen(self.discriminator), self._precision():
            with torch.no_grad():
                score_real = self.discriminator(real, batch.labels)
            score_fake = self.discriminator(fake, batch.labels)
        generator_loss = self.loss.generator(score_real.float(), score_fake.float())
        terms["generator_loss"] = generator_loss.detach()
        _descend(self.generator_optimizer, generator_loss, scale * optimizer.generator_learning_rate)

        self.ema.update(step)
        self.images_seen += len(batch.labels)
        return StepReport(self.images_seen, terms)

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=self.recipe.training.precision == "bfloat16",
            cache_enabled=False,
        )


def _adam(network: nn.Module, learning_rate: float, recipe: OptimizerRecipe) -> torch.optim.Adam:
    return torch.optim.Adam(
        network.parameters(), lr=learning_rate, betas=(recipe.beta1, recipe.beta2), eps=recipe.epsilon, fused=True
    )


def _descend(optimizer: torch.optim.Adam, loss: Tensor, learning_rate: float) -> None:
    optimizer.param_groups[0]["lr"] = learning_rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """While the generator learns, the discriminator's weights take no gradient: that halves the way back."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
