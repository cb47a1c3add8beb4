"""Walks: paths through latents and classes, and the images along them.

A walk moves several cells at once: latents or latent codes (steps, cells, code) and class weights (steps, cells, classes). An
animation has a frame per step; a sheet has a row per cell and a column per step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.images import Picture
from digitgan.lookup import Registry
from digitgan.model.file import Model

Numbers = npt.NDArray[np.float32]
Interpolation = Literal["spherical", "linear"]

REACH: Final = 3.0
"""Extent of a walk along a direction, both ways, in standard deviations of the latent."""

WALK_NEIGHBOURS: Final = 6
"""Number of directions in which the neighbourhood of a latent is explored."""

DIRECTIONS: Final = 8
"""Number of principal directions shown; the later ones have little effect."""

LATENTS: Final = 4
"""Latents that a walk interpolates between; a grid has twice as many."""


@final
@dataclass(frozen=True)
class Walk:
    """The latents and class weights of a walk.

    Attributes:
        z: Latents (steps, cells, latent), or latent codes (steps, cells, code).
        shares: Class weights, (steps, cells, classes); they sum to 1 over the classes.
        names: Name of each cell.
    """

    z: Numbers
    shares: Numbers
    names: tuple[str, ...]


@final
@dataclass(frozen=True)
class Start:
    """The settings of a walk.

    Attributes:
        model: The model to sample from.
        labels: Class indices, in the order of the walk.
        seed: Seed of the latents.
        steps: Steps between two stops, or between the two ends.
        interpolation: Interpolation between latents.
        latent: A latent (latent,) or latent code (code,) that replaces the first one of the seed; None to keep it.
    """

    model: Model
    labels: tuple[int, ...]
    seed: int
    steps: int
    interpolation: Interpolation
    latent: Numbers | None

    def latents(self, count: int) -> Numbers:
        """Return the latents of the first images of the seed, (count, latent), the first replaced by `latent` if given.

        If that one is a latent code, all are (count, code).
        """
        return self._as_given(rng.normals(self.seed, "drawn latents", 0, count, self.model.generator.latent), first=True)

    def neighbours(self, count: int, sign: float) -> Numbers:
        """Return further latents, (count, latent), multiplied by a sign; codes (count, code) if `latent` is a code."""
        return self._as_given(np.float32(sign) * rng.normals(self.seed, "neighbours", 0, count, self.model.generator.latent))

    def _as_given(self, z: Numbers, *, first: bool = False) -> Numbers:
        if self.latent is None:
            return z
        if len(self.latent) != z.shape[1]:
            z = self.model.generator.extended(torch.from_numpy(z)).numpy()
        if first:
            z[0] = self.latent
        return z

    def along_arc(self, one: Numbers, other: Numbers, share: float) -> Numbers:
        """Interpolate between latents or codes (…, code): spherically in the latents, linearly in what a code adds to them."""
        latent = self.model.generator.latent
        arc = spherical(one[..., :latent], other[..., :latent], share)
        return np.concatenate([arc, linear(one[..., latent:], other[..., latent:], share)], axis=-1)

    def stay(self, steps: int) -> Numbers:
        """Return constant class weights, (steps, labels, classes): each cell keeps its class."""
        return np.repeat(self.one_hot(self.labels)[None], steps, axis=0)

    def one_hot(self, labels: Sequence[int]) -> Numbers:
        """Return one-hot class weights, (n, classes)."""
        return np.eye(len(self.model.class_names), dtype=np.float32)[list(labels)]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names of the labels."""
        return tuple(self.model.class_names[label] for label in self.labels)


def spherical(first: Numbers, second: Numbers, share: float) -> Numbers:
    """Interpolate spherically between two latents (Shoemake, "Animating rotation with quaternion curves", 1985).

    Standard normal latents nearly all have the same norm, and the generator is trained on no others. Spherical interpolation
    preserves that norm, whereas linear interpolation decreases it.

    Args:
        first: (…, latent).
        second: (…, latent).
        share: Position in [0, 1]; 0 gives `first`, 1 gives `second`.
    """
    lengths = [np.linalg.norm(end, axis=-1, keepdims=True) for end in (first, second)]
    one, other = (end / np.maximum(length, 1e-12) for end, length in zip((first, second), lengths, strict=True))
    angle = np.arccos(np.clip((one * other).sum(axis=-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    straight = sine < 1e-6  # the arc is undefined for collinear latents
    safe = np.where(straight, 1, sine)
    arc = (np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / safe
    length = (1 - share) * lengths[0] + share * lengths[1]
    return np.where(straight, linear(first, second, share), length * arc).astype(np.float32)


def linear(first: Numbers, second: Numbers, share: float) -> Numbers:
    """Interpolate linearly between two latents or two class weights."""
    between: Numbers = ((1 - share) * first + share * second).astype(np.float32)
    return between


def _through_latents(start: Start) -> Walk:
    """Walk from latent to latent and back to the first, in all classes at once."""
    stops = start.latents(LATENTS)
    z = _loop(stops, start.steps, start.along_arc if start.interpolation == "spherical" else linear)
    cells = len(start.labels)
    return Walk(np.repeat(z[:, None], cells, axis=1), start.stay(len(z)), start.class_names)


def _through_classes(start: Start) -> Walk:
    """Walk from class to class and back to the first, with several constant latents."""
    if not start.model.recipe.conditional:
        name = start.model.recipe.name
        raise UsageError(f"--kind classes: the recipe of this model, {name}, is unconditional; use --kind latents")
    if len(start.labels) < 2:
        raise UsageError("--kind classes: needs two or more classes; give them as --labels 3,8")
    shares = _loop(start.one_hot(start.labels), start.steps, linear)
    z = start.latents(LATENTS)
    return Walk(
        np.repeat(z[None], len(shares), axis=0),
        np.repeat(shares[:, None], len(z), axis=1),
        tuple(f"latent {number}" for number in range(len(z))),
    )


def _grid(start: Start) -> Walk:
    """Show several latents in every class: the style is constant, the class changes."""
    z = start.latents(2 * LATENTS)
    shares = start.one_hot(start.labels)
    return Walk(
        np.repeat(z[None], len(shares), axis=0),
        np.repeat(shares[:, None], len(z), axis=1),
        tuple(f"latent {number}" for number in range(len(z))),
    )


def _from_origin(start: Start) -> Walk:
    """Walk from the centre of the latents to twice the seed's latent, in all classes."""
    there = torch.from_numpy(start.latents(1))
    shares = np.linspace(0, 2, start.steps + 1, dtype=np.float32)
    z = np.concatenate([start.model.generator.scaled(there, float(share)).numpy() for share in shares])
    return Walk(np.repeat(z[:, None], len(start.labels), axis=1), start.stay(len(z)), start.class_names)


def _neighbours(start: Start) -> Walk:
    """Walk from a latent towards and away from several others."""
    here = start.latents(1)[0]
    shares = np.linspace(-0.5, 0.5, start.steps + 1)
    others = {sign: start.neighbours(WALK_NEIGHBOURS, sign) for sign in np.sign(shares)}
    z = np.stack([[start.along_arc(here, other, abs(share)) for other in others[np.sign(share)]] for share in shares])
    label = start.one_hot(start.labels[:1])
    return Walk(
        z.astype(np.float32),
        np.broadcast_to(label, (*z.shape[:2], label.shape[1])).copy(),
        tuple(f"towards neighbour {number}" for number in range(WALK_NEIGHBOURS)),
    )


def _directions(start: Start) -> Walk:
    """Move a latent along the principal directions of the generator."""
    generator = start.model.generator
    code = generator.extended(torch.from_numpy(start.latents(1)))
    here = code[0].numpy()
    directions, variances = generator.principal_directions(DIRECTIONS)
    device = next(generator.parameters()).device
    given = (code, torch.tensor(start.labels[:1]), torch.from_numpy(directions))
    with torch.no_grad():
        along = generator.coordinates(*(each.to(device) for each in given))[0].cpu().numpy()
    places = np.linspace(-REACH, REACH, start.steps + 1, dtype=np.float32)
    z = here + (places[:, None] - along[None])[:, :, None] * directions[None]
    label = start.one_hot(start.labels[:1])
    return Walk(
        z.astype(np.float32),
        np.broadcast_to(label, (*z.shape[:2], label.shape[1])).copy(),
        tuple(f"direction {number} ({share:.0%} of the variance)" for number, share in enumerate(variances, 1)),
    )


def _style_mix(start: Start) -> Walk:
    """Mix every pair of several latents: the coarse styles of the row's and the fine styles of the column's."""
    z = torch.from_numpy(start.latents(2 * LATENTS))
    steps = [start.model.generator.mixed(z, fine.expand(len(z), -1)).numpy() for fine in z]
    label = start.one_hot(start.labels[:1])
    return Walk(
        np.stack(steps),
        np.broadcast_to(label, (len(steps), len(z), label.shape[1])).copy(),
        tuple(f"coarse styles of latent {number}" for number in range(len(z))),
    )


@final
@dataclass(frozen=True)
class WalkKind:
    """A kind of walk.

    Attributes:
        through: Plans the walk.
        takes: The options of `digitgan walk` that this kind takes and another kind may not.
    """

    through: Callable[[Start], Walk]
    takes: tuple[str, ...] = ("steps",)

    def __call__(self, start: Start) -> Walk:
        """Return the latents and class weights of the walk."""
        return self.through(start)


WALKS: Final = Registry[WalkKind](
    "--kind",
    {
        "latents": WalkKind(_through_latents, takes=("steps", "interpolation")),
        "classes": WalkKind(_through_classes),
        "grid": WalkKind(_grid, takes=()),
        "origin": WalkKind(_from_origin),
        "neighbours": WalkKind(_neighbours),
        "directions": WalkKind(_directions),
        "style-mix": WalkKind(_style_mix, takes=()),
    },
    group="walks",
    kind=WalkKind,
)
"""The kinds of walks, by their `--kind`."""


def drawn_steps(model: Model, walk: Walk) -> list[Picture]:
    """Return the images of each step, each as uint8 (cells, height, width[, channels])."""
    cells = len(walk.names)
    z, shares = (torch.from_numpy(numbers.reshape(-1, numbers.shape[2])) for numbers in (walk.z, walk.shares))

    images = model.draw_many(z, shares)
    return list(images.reshape(-1, cells, *images.shape[1:]))


def _loop(stops: Numbers, steps: int, between: Callable[[Numbers, Numbers, float], Numbers]) -> Numbers:
    """Interpolate from stop to stop and back to the first, which is not repeated, so that an animation loops smoothly."""
    after = np.roll(stops, -1, axis=0)
    return (
        np.concatenate([between(stops, after, step / steps)[None] for step in range(steps)])
        .swapaxes(0, 1)
        .reshape(-1, stops.shape[1])
    )
