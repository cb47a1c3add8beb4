"""GAN inversion: the latent and the class from which a generator best reconstructs a given image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digitgan import rng
from digitgan.adam import EagerAdam
from digitgan.data import to_device
from digitgan.errors import UsageError
from digitgan.images import Picture, to_network
from digitgan.model.file import Model

STARTS_PER_CLASS: Final = 4
"""Starting latents per class, since a single descent may end in a local minimum."""

FIRST_STEPS: Final = 40
"""Steps after which only the `KEPT_CANDIDATES` best candidates continue; poor candidates have a high error by then."""

KEPT_CANDIDATES: Final = 8
DESCENT_STEPS: Final = 200
LEARNING_RATE: Final = 0.1

HALF_RANGE: Final = 127.5
"""Levels of 255 that are 1 in the range of the networks."""


@final
@dataclass(frozen=True)
class Inversion:
    """The result of an inversion.

    Attributes:
        z: The latent code, float32 (code,): the latent itself for most generators, a style for those with styles.
        label: The class index.
        image: The reconstruction from `z` and `label`, uint8 (height, width[, channels]).
        error: Root mean squared difference of the pixels, in levels of 255.
    """

    z: npt.NDArray[np.float32]
    label: int
    image: Picture
    error: float


def invert(model: Model, image: Picture, label: int | None = None, seed: int = 0, steps: int = DESCENT_STEPS) -> Inversion:
    """Find the latent and the class that best reconstruct an image.

    Adam minimises the squared error of the pixels with respect to the latent, from several starting latents per class. For a
    generator with styles, it varies the style instead of the latent; see `Generator.inversion_start`.

    Args:
        model: Model whose generator reconstructs the image.
        image: uint8 (height, width[, channels]), of the model's image size and number of channels.
        label: Class index; None to try every class.
        seed: Seed of the starting latents.
        steps: Steps of the descent. Fewer than the default are faster, and the reconstruction is less exact.

    Returns:
        The reconstruction of lowest loss: the squared error and the prior of the latent, so that the class is the one that
        needs the least unusual latent.

    Raises:
        UsageError: If the image has another size or number of channels, or the seed is negative.
    """
    rng.check_seed(seed)
    spec = model.generator.spec
    right = (spec.height, spec.width) if spec.channels == 1 else (spec.height, spec.width, spec.channels)
    if image.shape != right:
        raise UsageError(f"the image is {_size(image.shape)}; convert it to {_size(right)}, which this model generates")
    device = next(model.generator.parameters()).device
    pixels = torch.from_numpy(image).reshape(1, spec.height, spec.width, -1).permute(0, 3, 1, 2).to(device)
    classes = range(spec.classes) if label is None else [label]
    labels = torch.tensor([each for each in classes for _ in range(STARTS_PER_CLASS)], device=device)
    z = to_device(rng.normals(seed, "starts of an inversion", 0, len(labels), model.generator.latent), device)
    variables = model.generator.inversion_start(z, labels)
    variables, labels, losses = _descend(model, to_network(pixels), variables, labels, min(FIRST_STEPS, steps))
    best = losses.argsort()[:KEPT_CANDIDATES]
    remaining = max(0, steps - FIRST_STEPS)
    variables, labels, _ = _descend(model, to_network(pixels), variables[best], labels[best], remaining)
    z = model.generator.inverted(variables)
    drawn = model.draw_many(z.cpu(), labels.cpu())
    differences = (drawn.astype(np.float64) - image) ** 2
    found = np.sqrt(differences.reshape(len(drawn), -1).mean(axis=1))
    winner = int(((found / HALF_RANGE) ** 2 + _priors(model, variables).cpu().numpy()).argmin())
    return Inversion(z[winner].cpu().numpy(), int(labels[winner]), drawn[winner], float(found[winner]))


def _descend(model: Model, image: Tensor, variables: Tensor, labels: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Run `steps` of Adam on the variables; return them, their labels, and the losses (n,) at the last step."""
    variables = variables.clone().requires_grad_()
    optimizer = EagerAdam([variables], lr=LEARNING_RATE)
    losses = torch.zeros(len(variables))
    for _ in range(steps):
        images = model.generator(model.generator.inverted(variables), labels)
        losses = (images - image).square().flatten(start_dim=1).mean(dim=1) + _priors(model, variables)
        (variables.grad,) = torch.autograd.grad(losses.sum(), [variables])
        optimizer.step()
    return variables.detach(), labels, losses.detach()


def _priors(model: Model, variables: Tensor) -> Tensor:
    """Return the part of the loss (n,) that keeps the variables where their prior has mass."""
    return model.generator.inversion_prior * variables.square().mean(dim=1)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]} {'grey' if len(shape) == 2 else 'RGB'}"
