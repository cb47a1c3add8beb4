"""Drawing only what is wanted: an image that a filter doesn't want is drawn anew, from the next latent of its index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.device import one_thread
from digitgan.errors import UsageError
from digitgan.generation.labels import Labels
from digitgan.images import Picture
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model

MAX_ATTEMPTS: Final = 100
"""For one image; where the hundredth is not wanted either, hardly any of its class would be."""

Yes = npt.NDArray[np.bool_]
Attempts = npt.NDArray[np.int64]


class Filter(ABC):
    """Says which images are wanted.

    Attributes:
        name: the option it comes from.
    """

    name: str

    @abstractmethod
    def wants(self, images: Picture, labels: Labels) -> Yes:
        """(n,), for uint8 images (n, height, width[, channels]) and the labels (n,) they were drawn by."""


@final
@dataclass(frozen=True)
class Block:
    """Images drawn together, at most `BLOCK`.

    Attributes:
        images: uint8 (n, height, width[, channels]).
        labels: (n,).
        attempts: (n,), how many were drawn for each.
    """

    images: Picture
    labels: Labels
    attempts: Attempts


def filtered(
    model: Model, seed: int, truncation: float | None, filters: Sequence[Filter], labels_of: Callable[[range], Labels]
) -> Callable[[range], Block]:
    """A function that draws a span of images, of one block, each as often as it takes until all filters want it.

    Image i is still a function of the model, the seed, i, its label and the filters alone: it has latents of its own for each
    attempt, and filters always see a whole block, so that they round alike whatever was asked for.

    Args:
        model: to draw from.
        seed: of the drawing.
        truncation: see `Model.sample`.
        filters: what an image has to pass; none to take each as it comes.
        labels_of: gives the labels of a span.

    Returns:
        The function. It raises UsageError where an image of a class is not to be had in `MAX_ATTEMPTS`.
    """

    def draw(span: range) -> Block:
        labels = labels_of(span)
        images = model.draw(model.latents(seed, span, truncation), torch.from_numpy(labels), span.start % BLOCK)
        attempts = np.ones(len(span), dtype=np.int64)
        place = span.start % BLOCK
        missing = ~_wanted(filters, images, labels, place)
        while missing.any():
            attempt = int(attempts[missing][0])
            if attempt == MAX_ATTEMPTS:
                refuse(filters, model.class_names[int(labels[missing][0])])
            again = model.draw(model.latents(seed, span, truncation, attempt), torch.from_numpy(labels), place)
            images[missing] = again[missing]
            attempts[missing] += 1
            missing &= ~_wanted(filters, images, labels, place)
        return Block(images, labels, attempts)

    return draw


def refuse(filters: Sequence[Filter], class_name: str) -> None:
    """Refuse to go on.

    Raises:
        UsageError: always; it names the options, and the class of which there are too few.
    """
    options = " and ".join(each.name for each in filters)
    raise UsageError(f"{options}: hardly any image of class {class_name} passes; ask for less, or draw from a better model")


def _wanted(filters: Sequence[Filter], images: Picture, labels: Labels, place: int) -> Yes:
    places = slice(place, place + len(images))
    block, block_labels = np.zeros((BLOCK, *images.shape[1:]), dtype=np.uint8), np.zeros(BLOCK, dtype=np.int64)
    block[places], block_labels[places] = images, labels
    found = np.ones(len(images), dtype=bool)
    with one_thread():
        for each in filters:
            found &= each.wants(block, block_labels)[places]
    return found
