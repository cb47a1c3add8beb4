"""Walks: ways through latents and classes, and what is drawn along them.

Every walk is a path of several cells at once: latents (steps, cells, latent) with shares of the classes (steps, cells,
classes). As an animation it is a frame a step; as a picture it is a row a cell and a column a step.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.errors import UsageError, nearest
from digitgan.images import Picture
from digitgan.model.file import Model

Numbers = npt.NDArray[np.float32]
Interpolation = Literal["spherical", "linear"]

REACH: Final = 3.0
"""How far a direction is followed both ways, in standard deviations of the latent along it."""

NEIGHBOURS: Final = 6
"""Directions in which the neighbourhood of a latent is looked at."""

DIRECTIONS: Final = 8
"""Principal directions that are shown: the later ones change little."""

LATENTS: Final = 4
"""Latents between which one travels, and that a grid has."""


@final
@dataclass(frozen=True)
class Walk:
    """A way, not yet drawn.

    Attributes:
        z: (steps, cells, latent).
        shares: (steps, cells, classes), of each class; they add up to 1.
        names: of the cells: what a row of the picture is.
    """

    z: Numbers
    shares: Numbers
    names: tuple[str, ...]


@final
@dataclass(frozen=True)
class Start:
    """Where a walk begins, and through what it leads.

    Attributes:
        model: to draw from.
        labels: the classes, in the order they are visited.
        seed: names the latents.
        steps: from one stop to the next, or from one end to the other.
        interpolation: between latents.
        latent: (latent,), the one to stay with, in place of the seed's first.
    """

    model: Model
    labels: tuple[int, ...]
    seed: int
    steps: int
    interpolation: Interpolation
    latent: Numbers | None

    def latents(self, count: int) -> Numbers:
        """(count, latent): those of the first images of the seed, the given one in place of the first."""
        found = rng.normals(self.seed, "drawn latents", 0, count, self.model.generator.latent)
        if self.latent is not None:
            found[0] = self.latent
        return found

    def stay(self, steps: int) -> Numbers:
        """(steps, labels, classes): each cell keeps its class."""
        return np.repeat(self.one_hot(self.labels)[None], steps, axis=0)

    def one_hot(self, labels: Sequence[int]) -> Numbers:
        """(n, classes)."""
        return np.eye(len(self.model.class_names), dtype=np.float32)[list(labels)]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the labels."""
        return tuple(self.model.class_names[label] for label in self.labels)


def spherical(first: Numbers, second: Numbers, share: float) -> Numbers:
    """Between two latents along the arc, so that what lies between is as long as they are (Shoemake 1985).

    Normal latents all have nearly the same length, and a generator has seen no others: on the straight way they are shorter.

    Args:
        first: (…, latent).
        second: likewise.
        share: 0 gives the first, 1 the second.
    """
    lengths = [np.linalg.norm(end, axis=-1, keepdims=True) for end in (first, second)]
    one, other = (end / np.maximum(length, 1e-12) for end, length in zip((first, second), lengths, strict=True))
    angle = np.arccos(np.clip((one * other).sum(axis=-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    straight = sine < 1e-6  # along one line there is no arc
    safe = np.where(straight, 1, sine)
    arc = (np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / safe
    length = (1 - share) * lengths[0] + share * lengths[1]
    return np.where(straight, linear(first, second, share), length * arc).astype(np.float32)


def linear(first: Numbers, second: Numbers, share: float) -> Numbers:
    """Between two latents, or two classes, on the straight line."""
    between: Numbers = ((1 - share) * first + share * second).astype(np.float32)
    return between


def principal_directions(model: Model, count: int = DIRECTIONS) -> tuple[Numbers, Numbers]:
    """The directions of the latent that move the generator's first layer most.

    As GANSpace has it (Härkönen et al. 2020, arXiv:2004.02546), by the principal components of the first layer's activations.
    That layer is W z + b, and z is standard normal, so its covariance is W Wᵀ and nothing has to be sampled: the directions are
    the right singular vectors of W's columns for z, and the squares of the singular values are their variances.

    Returns:
        (count, latent), of length 1, each signed so that its largest number is above 0; and (count,), the share of the whole
        variance that each has.
    """
    weight = model.generator.dense.weight[:, : model.generator.latent].detach().double().cpu().numpy()
    _, sizes, vectors = np.linalg.svd(weight, full_matrices=False)
    signs = np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])
    shares = sizes**2 / (sizes**2).sum()
    return (vectors * signs[:, None])[:count].astype(np.float32), shares[:count].astype(np.float32)


def _through_latents(start: Start) -> Walk:
    """From latent to latent and back to the first, in all classes at once."""
    stops = start.latents(LATENTS)
    z = _loop(stops, start.steps, spherical if start.interpolation == "spherical" else linear)
    cells = len(start.labels)
    return Walk(np.repeat(z[:, None], cells, axis=1), start.stay(len(z)), start.class_names)


def _through_classes(start: Start) -> Walk:
    """From class to class and back to the first, each of some latents keeping its style."""
    if not start.model.recipe.conditional:
        raise UsageError("--kind classes goes from class to class, and this model is unconditional; --kind latents is right")
    if len(start.labels) < 2:
        raise UsageError("--kind classes goes from class to class; name two at least, as --labels 3,8")
    shares = _loop(start.one_hot(start.labels), start.steps, linear)
    z = start.latents(LATENTS)
    return Walk(
        np.repeat(z[None], len(shares), axis=0),
        np.repeat(shares[:, None], len(z), axis=1),
        tuple(f"latent {number}" for number in range(len(z))),
    )


def _grid(start: Start) -> Walk:
    """Each of some latents as every class: the style stays, the class changes."""
    z = start.latents(2 * LATENTS)
    shares = start.one_hot(start.labels)
    return Walk(
        np.repeat(z[None], len(shares), axis=0),
        np.repeat(shares[:, None], len(z), axis=1),
        tuple(f"latent {number}" for number in range(len(z))),
    )


def _from_origin(start: Start) -> Walk:
    """From the all-zero latent to the seed's, and as far again, in all classes."""
    z = np.linspace(0, 2, start.steps + 1, dtype=np.float32)[:, None] * start.latents(1)
    return Walk(np.repeat(z[:, None], len(start.labels), axis=1), start.stay(len(z)), start.class_names)


def _neighbours(start: Start) -> Walk:
    """The neighbourhood of a latent: it is turned towards others, both ways."""
    here = start.latents(1)[0]
    others = rng.normals(start.seed, "neighbours", 0, NEIGHBOURS, len(here))
    shares = np.linspace(-0.5, 0.5, start.steps + 1)
    z = np.stack([[spherical(here, np.sign(share) * other, abs(share)) for other in others] for share in shares])
    label = start.one_hot(start.labels[:1])
    return Walk(
        z.astype(np.float32),
        np.broadcast_to(label, (*z.shape[:2], label.shape[1])).copy(),
        tuple(f"towards neighbour {number}" for number in range(NEIGHBOURS)),
    )


def _directions(start: Start) -> Walk:
    """A latent moved along the principal directions of the generator."""
    here = start.latents(1)[0]
    directions, variances = principal_directions(start.model)
    along = directions @ here
    places = np.linspace(-REACH, REACH, start.steps + 1, dtype=np.float32)
    z = here + (places[:, None] - along[None])[:, :, None] * directions[None]
    label = start.one_hot(start.labels[:1])
    return Walk(
        z.astype(np.float32),
        np.broadcast_to(label, (*z.shape[:2], label.shape[1])).copy(),
        tuple(f"direction {number} ({share:.0%} of the variance)" for number, share in enumerate(variances, 1)),
    )


WALKS: Final[Mapping[str, Callable[[Start], Walk]]] = types.MappingProxyType(
    {
        "latents": _through_latents,
        "classes": _through_classes,
        "grid": _grid,
        "origin": _from_origin,
        "neighbours": _neighbours,
        "directions": _directions,
    }
)
"""The kinds of walks; a new one is a new entry."""


def find_walk(kind: str) -> Callable[[Start], Walk]:
    """The walk of that name.

    Raises:
        UsageError: if there is none; the nearest name is suggested.
    """
    if kind not in WALKS:
        raise UsageError(f"--kind {kind!r}: {nearest(kind, WALKS)}")
    return WALKS[kind]


def drawn_steps(model: Model, walk: Walk) -> list[Picture]:
    """The images of each step: uint8 (cells, height, width[, channels])."""
    cells = len(walk.names)
    z, shares = (torch.from_numpy(numbers.reshape(-1, numbers.shape[2])) for numbers in (walk.z, walk.shares))

    images = model.draw_many(z, shares)
    return list(images.reshape(-1, cells, *images.shape[1:]))


def _loop(stops: Numbers, steps: int, between: Callable[[Numbers, Numbers, float], Numbers]) -> Numbers:
    """From stop to stop and back to the first; its end is not repeated, so that an animation goes round without a halt."""
    after = np.roll(stops, -1, axis=0)
    return (
        np.concatenate([between(stops, after, step / steps)[None] for step in range(steps)])
        .swapaxes(0, 1)
        .reshape(-1, stops.shape[1])
    )
