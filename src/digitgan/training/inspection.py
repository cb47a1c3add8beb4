"""A look into a training: the images of a step, the discriminator's scores, and the gradient with respect to the pixels."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digitgan.data import Batch
from digitgan.images import Picture, from_network, to_network
from digitgan.networks import Discriminator
from digitgan.training.noise import StepNoise
from digitgan.training.penalties import LabelledImages
from digitgan.training.trainer import Trainer

Scores = npt.NDArray[np.float32]


@final
@dataclass(frozen=True)
class ScoredImages:
    """Images with the discriminator's scores.

    Attributes:
        images: uint8 (n, height, width[, channels]).
        labels: int64 (n,).
        scores: logits (n,); higher means more real.
        gradient: int8 (n, height, width[, channels]): the gradient of the score with respect to the pixels, each image scaled
            to [-127, 127]. A positive value means that a brighter pixel would raise the score. None for real images.
        latents: float32 (n, latent), from which fakes were generated. None for real images.
    """

    images: Picture
    labels: npt.NDArray[np.int64]
    scores: Scores
    gradient: npt.NDArray[np.int8] | None = None
    latents: npt.NDArray[np.float32] | None = None


@final
@dataclass(frozen=True)
class Inspection:
    """The state of both networks, seen through the images of one step.

    Attributes:
        real: real images of the step.
        fake: fakes of the step.
        fixed: fakes of latents that never change.
        real_scores: scores of all real images that were scored, of which `real` shows the first.
        fake_scores: the same of fakes.
    """

    real: ScoredImages
    fake: ScoredImages
    fixed: ScoredImages
    real_scores: Scores
    fake_scores: Scores


def inspect(
    trainer: Trainer, batch: Batch, noise: StepNoise, fixed: tuple[Tensor, Tensor], *, shown: int, scored: int
) -> Inspection:
    """Score the images of a step with copies of the networks, so that the training does not change.

    Args:
        trainer: the trainer, which is not changed.
        batch: real images of the step, uint8 (batch, channels, height, width), and their labels.
        noise: noise of the step.
        fixed: latents (m, latent) and labels (m,) that never change.
        shown: number of real images and of fakes with pictures.
        scored: number of real images and of fakes with scores, at most those of the batch.
    """
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    count = min(scored, len(batch.labels))
    labels = batch.labels[:count] if noise.labels is None else noise.labels[:count]
    with torch.random.fork_rng([trainer.device] if trainer.device.type == "cuda" else []):  # dropout
        torch.manual_seed(0)
        with torch.no_grad(), trainer.objective.precision():
            fakes, fixed_fakes = generator(noise.z[:count], labels), generator(*fixed)
        pixels = to_network(batch.images[:count])
        if discriminator.growth is not None:
            pixels = discriminator.growth.resized(pixels)
        with torch.no_grad():
            real, fake = trainer.objective.score(
                discriminator, LabelledImages(pixels.to(fakes.dtype), batch.labels[:count]), LabelledImages(fakes, labels)
            )
        few = min(shown, count)
        gradient, _ = _gradient(trainer, discriminator, fakes[:few], labels[:few])
        fixed_gradient, fixed_scores = _gradient(trainer, discriminator, fixed_fakes, fixed[1])
    real_scores, fake_scores = _array(real.logits), _array(fake.logits)
    latents, fixed_latents = (_array(z[:, : generator.latent]) for z in (noise.z[:few], fixed[0]))
    return Inspection(
        ScoredImages(from_network(pixels[:few]), _labels(batch.labels[:few]), real_scores[:few]),
        ScoredImages(
            from_network(fakes[:few]),
            _labels(labels[:few]),
            fake_scores[:few],
            gradient,
            latents,
        ),
        ScoredImages(from_network(fixed_fakes), _labels(fixed[1]), fixed_scores, fixed_gradient, fixed_latents),
        real_scores,
        fake_scores,
    )


def _gradient(
    trainer: Trainer, discriminator: Discriminator, images: Tensor, labels: Tensor
) -> tuple[npt.NDArray[np.int8], Scores]:
    """Return the gradient of the scores with respect to the pixels, see `ScoredImages.gradient`, and the scores."""
    leaf = images.detach().float().requires_grad_()
    (scored,) = trainer.objective.score(discriminator, LabelledImages(leaf.to(images.dtype), labels))
    (gradient,) = torch.autograd.grad(scored.logits.sum(), leaf)
    largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
    scaled = (127 * gradient / largest).round().nan_to_num(0).to(torch.int8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return (scaled[..., 0] if scaled.shape[-1] == 1 else scaled), _array(scored.logits)


def _array(tensor: Tensor) -> Scores:
    values: Scores = tensor.detach().float().cpu().numpy()
    return values


def _labels(labels: Tensor) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = labels.cpu().numpy()
    return found
