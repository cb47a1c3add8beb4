"""What the rooms draw: latents and labels from a request's few numbers, and pictures from images."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.generation.walking import REACH, principal_directions
from digitgan.images import Picture, enlarged
from digitgan.model.file import Model

MAX_PICTURE: Final = 16_000_000
"""Pixels of one picture."""


@final
@dataclass(frozen=True)
class Spot:
    """A place among all that a model can draw: a latent, moved along its two main directions, and a mixture of two classes.

    Attributes:
        seed: names the latent.
        index: which of the seed's.
        x: how far along the first direction, in standard deviations, from -`REACH` to `REACH`; None: where it is.
        y: along the second.
        first: a class.
        second: another.
        share: of the second, 0 to 1.
    """

    seed: int
    index: int
    x: float | None
    y: float | None
    first: int
    second: int
    share: float

    def latent(self, model: Model) -> Tensor:
        """(1, latent)."""
        z = model.latents(self.seed, range(self.index, self.index + 1)).numpy().copy()
        directions, _ = principal_directions(model, 2)
        for wanted, direction in zip((self.x, self.y), directions, strict=False):
            if wanted is not None:
                z += (wanted - z @ direction)[:, None] * direction
        return torch.from_numpy(z)

    def where(self, model: Model) -> tuple[float, float]:
        """(x, y) of the seed's latent itself, for a page that begins there."""
        z = model.latents(self.seed, range(self.index, self.index + 1)).numpy()
        directions, _ = principal_directions(model, 2)
        x, y = (float(np.clip(z[0] @ direction, -REACH, REACH)) for direction in directions)
        return x, y

    def shares(self, model: Model) -> Tensor:
        """(1, classes), which add up to 1."""
        shares = torch.zeros(1, len(model.class_names))
        shares[0, self.first] += 1 - self.share
        shares[0, self.second] += self.share
        return shares

    def every_class(self, model: Model) -> tuple[Tensor, Tensor]:
        """The same latent as each of the classes: z (classes, latent) and labels (classes,)."""
        classes = len(model.class_names)
        return self.latent(model).repeat(classes, 1), torch.arange(classes)


def check_label(model: Model, name: str) -> int:
    """The class of that name, or of that number.

    Raises:
        UsageError: if there is none.
    """
    from digitgan.generation import parse_labels

    if name in model.class_names:  # which may have a comma in it
        return model.class_names.index(name)
    labels = parse_labels(name, model.class_names, "class")
    if len(labels) != 1:
        raise UsageError(f"class {name!r}: one class is right here")
    return labels[0]


def checked_seed(seed: int) -> int:
    """The seed, seen to be one."""
    rng.check_seed(seed)
    return seed


def png(picture: Picture, scale: int = 1) -> bytes:
    """A picture as PNG, each pixel enlarged.

    Raises:
        UsageError: if it would be too large.
    """
    if picture.shape[0] * picture.shape[1] * scale**2 > MAX_PICTURE:
        raise UsageError(f"a picture of more than {MAX_PICTURE // 10**6} million pixels; fewer images, or a smaller scale")
    file = io.BytesIO()
    Image.fromarray(enlarged(picture, scale) if scale > 1 else picture).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def npz(images: Picture, labels: list[int], class_names: tuple[str, ...]) -> bytes:
    """Labelled images as `digitgan sample --format npz` has them."""
    file = io.BytesIO()
    np.savez_compressed(file, images=images, labels=np.asarray(labels, dtype=np.int64), class_names=np.asarray(class_names))
    return file.getvalue()
