"""Latents and labels from the parameters of a request, and encoded images for its response."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.generation.walking import REACH
from digitgan.images import Picture, encode_png, enlarged
from digitgan.model.file import Model

MAX_PICTURE: Final = 16_000_000
"""Largest number of pixels of one encoded image."""


@final
@dataclass(frozen=True)
class Spot:
    """A position in the latent space and between two classes.

    Attributes:
        seed: random seed of the latent.
        index: index of the latent in the sequence of the seed.
        coordinates: coordinates on the first principal directions, in standard deviations, from -2 `REACH` to 2 `REACH`. None
            keeps the coordinate of the latent.
        first: index of the first class.
        second: index of the second class.
        share: share of the second class, from 0 to 1.
        code: latent code (1, code) in place of that of the seed.
    """

    seed: int
    index: int
    coordinates: tuple[float | None, ...]
    first: int
    second: int
    share: float
    code: Tensor | None = None

    def latent(self, model: Model) -> Tensor:
        """Return the latent code, moved to (x, y), shape (1, code)."""
        z = self._unmoved(model).numpy().copy()
        directions, _ = model.generator.principal_directions(max(2, len(self.coordinates)))
        for wanted, direction in zip(self.coordinates, directions, strict=False):
            if wanted is not None:
                z += (wanted - z @ direction)[:, None] * direction
        return torch.from_numpy(z)

    def where(self, model: Model, count: int = 2) -> list[float]:
        """Return the first coordinates of the unmoved latent, clipped to [-2 `REACH`, 2 `REACH`]."""
        z = self._unmoved(model).numpy()
        directions, _ = model.generator.principal_directions(count)
        return [float(np.clip(z[0] @ direction, -2 * REACH, 2 * REACH)) for direction in directions]

    def moved(self, model: Model, places: Sequence[tuple[float, float]]) -> Tensor:
        """Return the latent codes (n, code) at other first and second coordinates."""
        here = self.latent(model).numpy()
        directions, _ = model.generator.principal_directions(2)
        plane = np.asarray(directions[:2])
        at = here @ plane.T
        return torch.from_numpy((here + (np.asarray(places) - at) @ plane).astype(np.float32))

    def _unmoved(self, model: Model) -> Tensor:
        if self.code is not None:
            return self.code
        return model.generator.extended(model.latents(self.seed, range(self.index, self.index + 1)))

    def shares(self, model: Model) -> Tensor:
        """Return the class shares, shape (1, classes). They sum to 1."""
        shares = torch.zeros(1, len(model.class_names))
        shares[0, self.first] += 1 - self.share
        shares[0, self.second] += self.share
        return shares

    def every_class(self, model: Model) -> tuple[Tensor, Tensor]:
        """Return the latent once per class: z, shape (classes, latent), and labels, shape (classes,)."""
        classes = len(model.class_names)
        return self.latent(model).repeat(classes, 1), torch.arange(classes)


def check_label(model: Model, name: str) -> int:
    """Return the index of a class from its name or number.

    Raises:
        UsageError: if there is no such class, or if several classes are given.
    """
    from digitgan.generation import parse_labels

    if name in model.class_names:  # a class name may contain a comma
        return model.class_names.index(name)
    labels = parse_labels(name, model.class_names, "class")
    if len(labels) != 1:
        raise UsageError(f"class {name!r}: must be a single class")
    return labels[0]


def checked_seed(seed: int) -> int:
    """Return a seed after validation.

    Raises:
        UsageError: if the seed is out of range.
    """
    rng.check_seed(seed)
    return seed


def png(picture: Picture, scale: int = 1) -> bytes:
    """Encode an image as PNG.

    Args:
        picture: image, uint8, shape (height, width[, channels]).
        scale: integer factor that enlarges each pixel.

    Raises:
        UsageError: if the enlarged image has more than `MAX_PICTURE` pixels.
    """
    if picture.shape[0] * picture.shape[1] * scale**2 > MAX_PICTURE:
        raise UsageError(
            f"image size: must be at most {MAX_PICTURE // 10**6} million pixels; request fewer images, or a smaller `scale`"
        )
    return encode_png(enlarged(picture, scale) if scale > 1 else picture, compress_level=1)


def npz(images: Picture, labels: list[int], class_names: tuple[str, ...]) -> bytes:
    """Encode labelled images in the format of `digitgan sample --format npz`."""
    file = io.BytesIO()
    np.savez_compressed(file, images=images, labels=np.asarray(labels, dtype=np.int64), class_names=np.asarray(class_names))
    return file.getvalue()
