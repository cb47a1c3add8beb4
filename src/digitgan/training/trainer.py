"""The trainer: both networks, their optimisers, and the training step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from digitgan.adam import EagerAdam
from digitgan.data import Batch
from digitgan.errors import RecipeError
from digitgan.images import to_network
from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.recipes import OptimizerRecipe, Recipe
from digitgan.training.augmentation import Augmenter
from digitgan.training.ema import Ema
from digitgan.training.growth import growth_of
from digitgan.training.microbatches import Microbatch, Microbatches, backward_into, trained
from digitgan.training.noise import NoiseSource, StepNoise
from digitgan.training.objective import Objective
from digitgan.training.penalties import LabelledImages
from digitgan.training.ranks import RankCommand, Ranks
from digitgan.training.schedule import learning_rate_scale


@final
@dataclass(frozen=True)
class StepReport:
    """The result of one step, as scalars on the device; reading one waits for the device.

    Attributes:
        images_seen: number of images seen after the step.
        terms: name -> scalar: `discriminator_loss`, `score_real`, `score_fake`, `accuracy_real`, `accuracy_fake`;
            `generator_loss` if the generator was updated; `penalty`, `classifier_loss`, `augmentation_probability`,
            `path_length` and `path_length_penalty` if the step has them.
    """

    images_seen: int
    terms: dict[str, Tensor]


@final
class Trainer:
    """Both networks, their optimisers, the moving average and the objective.

    Attributes:
        recipe: recipe of the training.
        spec: shape and number of classes of the images.
        seed: seed of the initial weights.
        ranks: processes of a distributed training; None for a single process.
        generator: (batch, latent), (batch,) -> (batch, channels, height, width) in [-1, 1].
        discriminator: (batch, channels, height, width), (batch,) -> `DiscriminatorOutput` of the batch.
        generator_optimizer: Adam optimiser of the generator.
        discriminator_optimizer: Adam optimiser of the discriminator.
        augmenter: augmentation of the images that the discriminator scores.
        growth: schedule of the size of growing networks; None if the recipe has none.
        ema: moving average of the generator, from which images are generated.
        images_seen: number of real images that the discriminator has seen: the progress counter.
        rollbacks: numbers of images seen to which the trainer was rolled back, in order.
        on_discriminator_updated: called in a step after the update of the discriminator, if that of the generator follows; None
            calls nothing. It may look at the trainer, and must not change it.

    Raises:
        RecipeError: if the recipe names an unknown part, or does not fit the images.
    """

    def __init__(self, recipe: Recipe, spec: ImageSpec, seed: int, device: torch.device, ranks: Ranks | None = None) -> None:
        self.recipe = recipe
        self.spec = spec
        self.seed = seed
        self.device = device
        self.ranks = ranks
        self.rollbacks: list[int] = []
        self.on_discriminator_updated: Callable[[], None] | None = None
        self.begin()

    def begin(self, spec: ImageSpec | None = None) -> None:
        """Reset everything except the list of rollbacks to the start of the training.

        Args:
            spec: shape of the images if it differs; None keeps the shape of the trainer.
        """
        self.spec = spec or self.spec
        # Networks for the meta device are never made elsewhere, whatever their size.
        with self.device if self.device.type == "meta" else contextlib.nullcontext():
            self.generator: Generator = build_generator(self.recipe, self.spec, self.seed).to(self.device)
            self.discriminator: Discriminator = build_discriminator(self.recipe, self.spec, self.seed).to(self.device)
        freeze(self.recipe, self.generator, self.discriminator)
        optimizer = self.recipe.optimizer
        self.generator_optimizer = _adam(self.generator, optimizer.generator_learning_rate, optimizer)
        self.discriminator_optimizer = _adam(self.discriminator, optimizer.discriminator_learning_rate, optimizer)
        count = self.recipe.updates.microbatches
        self.microbatches = Microbatches(self.generator, self.discriminator, count, self.device, self.ranks)
        self.augmenter = Augmenter(self.recipe.augmentation, self.spec.channels, self.device)
        self.objective = Objective(self.recipe, self.augmenter, self.device)
        self.begin_average()
        self.growth = growth_of(self.recipe, self.generator, self.discriminator)
        self.images_seen = 0
        self.grow()
        self._drops_out = any(isinstance(layer, nn.Dropout) for layer in self.discriminator.modules())

    def begin_average(self) -> None:
        """Restart the moving average from the current generator."""
        self.ema = Ema(self.generator, self.recipe.ema)

    def grow(self, level: float | None = None) -> None:
        """Set the size of growing networks.

        Args:
            level: level of growth, see `GrowthLevel`; None for that of the number of images seen.
        """
        if level is None:
            if self.growth is None:
                return
            level = self.growth.level(self.images_seen)
        networks: list[Generator | Discriminator] = [*self.microbatches.generators, *self.microbatches.discriminators]
        for network in (*networks, self.ema.generator):
            if network.growth is not None:
                network.growth.set(level)

    def noise_source(self) -> NoiseSource:
        """Return the random numbers of the training."""
        recipe, generator, spec = self.recipe, self.generator, self.spec
        penalty = recipe.penalty
        return NoiseSource(
            self.seed,
            generator.latent,
            spec.classes,
            recipe.training.batch_size,
            self.device,
            recipe.updates,
            augmentation_numbers=self.augmenter.numbers,
            mixing_numbers=generator.mixing_numbers,
            path_numbers=spec.channels * spec.height * spec.width if penalty.path_length > 0 else 0,
            path_interval=penalty.path_length_interval,
        )

    @property
    def steps_done(self) -> int:
        """Number of steps so far."""
        return self.images_seen // self.recipe.training.batch_size

    @property
    def attempts(self) -> int:
        """Number of rollbacks before this point of the run."""
        return sum(point <= self.images_seen for point in self.rollbacks)

    def step(self, batch: Batch, noise: StepNoise) -> StepReport:
        """Update the discriminator once and, at every `discriminator_steps`-th step, the generator.

        Args:
            batch: uint8 images (batch, channels, height, width) and their labels (batch,).
            noise: latents, fake labels and other noise of the step.
        """
        if self.ranks is not None and self.ranks.leads:
            self.ranks.send(RankCommand.STEP)
        update = self._update_simultaneously if self.recipe.updates.order == "simultaneous" else self._update_in_turn
        with self._seeded(noise.dropout_seed), self.microbatches.at_work():
            terms = update(self.microbatches.split(batch, noise))
        if self.augmenter.adaptive:
            terms["augmentation_probability"] = self.augmenter.probability.clone()
        self.augmenter.follow(terms["accuracy_real"], self.steps_done, len(batch.labels))
        self.images_seen += len(batch.labels)
        self.grow()
        if self.ranks is not None:
            self.ranks.in_step = False
        return StepReport(self.images_seen, terms)

    def _update_in_turn(self, parts: list[Microbatch]) -> dict[str, Tensor]:
        """Update the discriminator, then the generator against the updated discriminator."""
        generator_learns = (self.steps_done + 1) % self.recipe.updates.discriminator_steps == 0
        shares_fakes = generator_learns and parts[0].noise.generator_z is None

        def discriminator_gradient(part: Microbatch) -> dict[str, Tensor]:
            with torch.set_grad_enabled(shares_fakes):
                part.fake = self._generate(part, part.noise.z, part.noise.labels)
            part.real = self._prepared(part, part.resized_real(), part.batch.labels)
            real, fake = part.discriminator_inputs()
            scored = self.objective.score_batch(part.discriminator, real, fake)
            part.real_logits = scored.real.logits.detach()
            scored = self.objective.regularize(scored, part.discriminator, real, fake, part.noise, self.steps_done)
            loss = self.objective.discriminator_loss(scored, real, fake)
            backward_into(part.discriminator, loss.total)
            return loss.terms

        def generator_gradient(part: Microbatch) -> dict[str, Tensor]:
            if part.noise.generator_z is not None:
                part.fake = self._generate(part, part.noise.generator_z, part.noise.generator_labels)
            real, fake = part.generator_inputs()
            scored = self.objective.score_fakes(part.discriminator, real, fake, part.real_logits)
            loss = self.objective.generator_loss(scored, fake)
            loss = self.objective.regularize_paths(loss, part.generator, part.noise, part.fake.labels)
            backward_into(part.generator, loss.total)
            return loss.terms

        terms = self.microbatches.each(discriminator_gradient, parts)
        self._step_discriminator()
        if generator_learns:
            if self.on_discriminator_updated is not None:
                self.on_discriminator_updated()
            terms |= self.microbatches.each(generator_gradient, parts)
            self._step_generator()
        return terms

    def _update_simultaneously(self, parts: list[Microbatch]) -> dict[str, Tensor]:
        """Take both gradients from one pass through both networks, then update both networks."""

        def both_gradients(part: Microbatch) -> dict[str, Tensor]:
            part.fake = self._generate(part, part.noise.z, part.noise.labels)
            part.real = self._prepared(part, part.resized_real(), part.batch.labels)
            real, fake = part.shared_inputs()
            scored = self.objective.score_batch(part.discriminator, real, fake)
            further = self.objective.regularize(scored, part.discriminator, real, fake, part.noise, self.steps_done)
            discriminator_loss = self.objective.discriminator_loss(further, real, fake)
            generator_loss = self.objective.generator_loss(scored, fake)
            generator_loss = self.objective.regularize_paths(generator_loss, part.generator, part.noise, fake.labels)
            backward_into(part.discriminator, discriminator_loss.total, again=True)
            backward_into(part.generator, generator_loss.total)
            return discriminator_loss.terms | generator_loss.terms

        terms = self.microbatches.each(both_gradients, parts)
        self._step_discriminator()
        self._step_generator()
        return terms

    def pretrain(self, batch: Batch, noise: Tensor, dropout_seed: int) -> dict[str, Tensor]:
        """Update the discriminator alone, on real images against noise; this does not count as images seen.

        Args:
            batch: real images and their labels.
            noise: (batch, channels, height, width) in [-1, 1]; it has the same labels.
            dropout_seed: seed of the dropout masks.
        """
        real = LabelledImages(to_network(batch.images), batch.labels)
        fake = LabelledImages(noise.contiguous(memory_format=torch.channels_last), batch.labels)
        with self._seeded(dropout_seed):
            scored = self.objective.score_batch(self.discriminator, real, fake)
        loss = self.objective.discriminator_loss(scored, real, fake)
        backward_into(self.discriminator, loss.total)
        self._apply(self.discriminator_optimizer, self.recipe.optimizer.discriminator_learning_rate)
        return loss.terms

    def reconstruct(self, z: Tensor, batch: Batch, optimizer: torch.optim.Optimizer) -> Tensor:
        """Update the generator alone to reconstruct images from latents; this does not count as images seen.

        Args:
            z: latents (batch, latent).
            batch: target images and their labels.
            optimizer: optimiser of the generator.

        Returns:
            The mean squared error of the pixels, a scalar on the device.
        """
        with self.objective.precision():
            drawn = self.generator(z, batch.labels)
        error = (drawn.float() - to_network(batch.images)).square().mean()
        backward_into(self.generator, error)
        optimizer.step()
        return error.detach()

    def _generate(self, part: Microbatch, z: Tensor, labels: Tensor | None) -> LabelledImages:
        labels = part.batch.labels if labels is None else labels
        with self.objective.precision():
            images = part.generator(z, labels)
        return self._prepared(part, images, labels)

    def _prepared(self, part: Microbatch, images: Tensor, labels: Tensor) -> LabelledImages:
        """Return images with their pass through the frozen layers, unless an augmentation will change them first."""
        if part.noise.augmentation is not None:
            return LabelledImages(images, labels)
        with self.objective.precision():
            return LabelledImages(images, labels, inputs=part.discriminator.frozen_part(images))

    def _step_discriminator(self) -> None:
        self.microbatches.average(self.microbatches.discriminators)
        self._apply(self.discriminator_optimizer, self.recipe.optimizer.discriminator_learning_rate)

    def _step_generator(self) -> None:
        self.microbatches.average(self.microbatches.generators)
        self._apply(self.generator_optimizer, self.recipe.optimizer.generator_learning_rate)
        self.ema.update(self.steps_done // self.recipe.updates.discriminator_steps)

    def _apply(self, optimizer: torch.optim.Adam, learning_rate: float) -> None:
        """Apply the gradients with the learning rate of this point of the run."""
        scale = learning_rate_scale(self.recipe, self.images_seen) * self.recipe.guard.learning_rate_factor**self.attempts
        optimizer.param_groups[0]["lr"] = scale * learning_rate
        optimizer.step()

    @contextlib.contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """Seed the random numbers of torch (dropout masks) while the context is active."""
        if not self._drops_out:
            yield
            return
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield


def freeze(recipe: Recipe, generator: nn.Module, discriminator: nn.Module) -> None:
    """Exclude the weights of the layers of `training.freeze` from the training.

    Raises:
        RecipeError: if no weight has such a name, or a network has no other weights.
    """
    for prefix in filter(None, (each.strip() for each in recipe.training.freeze.split(","))):
        part, _, rest = prefix.partition(".")
        network = {"generator": generator, "discriminator": discriminator}.get(part)
        weights = {} if network is None else dict(network.named_parameters())
        found = [name for name in weights if not rest or name == rest or name.startswith(f"{rest}.")]
        asked = f'training.freeze = "{prefix}"'
        if not found:
            layers = sorted({".".join([part, *name.split(".")[:2]]) for name in weights})
            raise RecipeError(f"{asked}: names no layer; there are {', '.join(layers or ['generator', 'discriminator'])}")
        for name in found:
            weights[name].requires_grad_(False)
        if not any(weight.requires_grad for weight in weights.values()):
            raise RecipeError(f"{asked}: leaves no layer of the {part} that learns")


def _adam(network: nn.Module, learning_rate: float, recipe: OptimizerRecipe) -> torch.optim.Adam:
    betas, weights = (recipe.beta1, recipe.beta2), list(trained(network))
    fused = all(weight.device.type != "meta" for weight in weights)  # the meta device has no fused optimiser
    return EagerAdam(weights, lr=learning_rate, betas=betas, eps=recipe.epsilon, fused=fused)
