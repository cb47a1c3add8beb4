"""What a training draws: latents, labels of fakes, mixtures, dropout; each a function of (seed, images seen)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from digitgan import rng
from digitgan.data import to_device
from digitgan.recipes import UpdatesRecipe

CALIBRATION_BATCHES = 8
CALIBRATION_BATCH_SIZE = 512
"""Chunks and latents in each from which a model's batch-norm statistics are taken: 4,096 images put the error of a
channel's mean at under 2 % of its deviation, for half a second of work."""


@final
@dataclass(frozen=True)
class StepNoise:
    """What one step draws.

    Attributes:
        z: (batch, latent), the latents of the fakes.
        labels: (batch,) of the fakes; None where they carry the real batch's.
        generator_z: latents of the fakes that the generator learns from, where those are its own; else None.
        generator_labels: their labels; None where they carry the real batch's.
        label_offset: (batch,) in [1, classes): what turns a label into a wrong one, modulo the classes.
        interpolation_alpha: (batch,) in [0, 1): where between a real and a fake image a penalty looks.
        dropout_seed: of the masks.
    """

    z: Tensor
    labels: Tensor | None
    generator_z: Tensor | None
    generator_labels: Tensor | None
    label_offset: Tensor
    interpolation_alpha: Tensor
    dropout_seed: int

    def split(self, count: int) -> list[StepNoise]:
        """The shares of as many equal parts of the batch."""
        z, label_offset, interpolation_alpha = (
            rows.chunk(count) for rows in (self.z, self.label_offset, self.interpolation_alpha)
        )
        labels, own_z, own_labels = (_chunks(rows, count) for rows in (self.labels, self.generator_z, self.generator_labels))
        return [
            StepNoise(
                z[part],
                labels[part],
                own_z[part],
                own_labels[part],
                label_offset[part],
                interpolation_alpha[part],
                self.dropout_seed,
            )
            for part in range(count)
        ]


@final
@dataclass(frozen=True)
class NoiseSource:
    """What a run draws.

    Attributes:
        seed: the run's.
        latent: width of the latent vector.
        classes: how many labels there are.
        batch_size: real images, and as many fakes, in each step.
        device: where it goes.
        updates: who learns from which fakes.
    """

    seed: int
    latent: int
    classes: int
    batch_size: int
    device: torch.device
    updates: UpdatesRecipe = field(default_factory=UpdatesRecipe)

    def at(self, images_seen: int, rollbacks: int = 0) -> StepNoise:
        """What the step draws that starts at this count of images; after a rollback, other numbers than before it."""
        again = f", {rollbacks} rollbacks" if rollbacks else ""
        size, own, classes = self.batch_size, self.updates.generator_batch or self.batch_size, self.classes
        uniform, fresh = self.updates.fake_labels == "uniform", self.updates.fakes == "fresh"
        # Of another number than the real images, the generator's own fakes can't carry their labels.
        own_uniform = fresh and (uniform or own != size)
        # The generator's own may be more than the real images: counted from where the steps before have ended.
        start = images_seen // size * own
        return StepNoise(
            z=self._latents(f"training latents{again}", images_seen, size),
            labels=self._uniform_labels(f"fake labels{again}", images_seen, size, classes) if uniform else None,
            generator_z=self._latents(f"generator latents{again}", start, own) if fresh else None,
            generator_labels=self._uniform_labels(f"generator labels{again}", start, own, classes) if own_uniform else None,
            label_offset=self._uniform_labels(f"wrong labels{again}", images_seen, size, max(1, classes - 1)) + 1,
            interpolation_alpha=self._fractions(f"mixtures{again}", images_seen, size),
            dropout_seed=rng.torch_seed(self.seed, f"dropout{again}/{images_seen}"),
        )

    def pretraining_noise(self, step: int, shape: tuple[int, int, int]) -> Tensor:
        """Images of uniform noise in [-1, 1] (batch_size, *shape): what a discriminator is pretrained against."""
        pixels = shape[0] * shape[1] * shape[2]
        words = rng.words(self.seed, "pretraining noise", step * self.batch_size, self.batch_size, pixels)
        return to_device(2 * rng.fractions(words) - 1, self.device).view(-1, *shape)

    def pretraining_latents(self, step: int) -> Tensor:
        """Latents (batch_size, latent) for a step of the generator's pretraining."""
        return self._latents("pretraining latents", step * self.batch_size, self.batch_size)

    def pretraining_dropout(self, step: int) -> int:
        """The seed of a pretraining step's masks."""
        return rng.torch_seed(self.seed, f"pretraining dropout/{step}")

    def preview(self, per_class: int) -> tuple[Tensor, Tensor]:
        """Fixed latents and labels for the previews: `per_class` latents, each with every class.

        Returns:
            z (per_class * classes, latent) and labels (per_class * classes,); row r of the grid is latent r, column c class c.
        """
        z = self._latents("preview latents", 0, per_class).repeat_interleave(self.classes, dim=0)
        return z, torch.arange(self.classes, device=self.device).repeat(per_class)

    def preview_in_turn(self, count: int) -> tuple[Tensor, Tensor]:
        """Fixed latents and labels for the previews: z (count, latent), and labels (count,), the classes taking turns."""
        return self._latents("preview latents", 0, count), torch.arange(count, device=self.device) % self.classes

    def calibration_batches(
        self, chunks: int = CALIBRATION_BATCHES, size: int = CALIBRATION_BATCH_SIZE
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The latents and labels, every class alike, from which batch-norm statistics are taken."""
        labels = torch.arange(size, device=self.device) % self.classes
        for chunk in range(chunks):
            yield self._latents("settling latents", chunk * size, size), labels

    def _latents(self, purpose: str, start: int, count: int) -> Tensor:
        return to_device(rng.normals(self.seed, purpose, start, count, self.latent), self.device)

    def _uniform_labels(self, purpose: str, start: int, count: int, below: int) -> Tensor:
        return to_device(rng.integers(self.seed, purpose, start, count, below), self.device)

    def _fractions(self, purpose: str, start: int, count: int) -> Tensor:
        return to_device(rng.fractions(rng.words(self.seed, purpose, start, count, 1)[:, 0]), self.device)


def _chunks(rows: Tensor | None, count: int) -> Sequence[Tensor | None]:
    return [None] * count if rows is None else rows.chunk(count)
