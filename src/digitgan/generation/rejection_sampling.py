"""Rejection sampling: an image that a filter rejects is sampled again, from the next latent of its index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.device import one_thread
from digitgan.errors import UsageError
from digitgan.generation.labels import Labels
from digitgan.images import Picture
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model

MAX_ATTEMPTS: Final = 100
"""Attempts per image. If 100 in a row are rejected, the acceptance rate of the class is close to zero."""

Accepted = npt.NDArray[np.bool_]
Attempts = npt.NDArray[np.int64]
Uniforms = npt.NDArray[np.float64]


class Filter(ABC):
    """A filter that accepts or rejects generated images.

    Attributes:
        name: The command-line option of the filter.
    """

    name: str

    @abstractmethod
    def accepts(self, images: Picture, labels: Labels, uniforms: Uniforms) -> Accepted:
        """Return which images are accepted.

        Args:
            images: uint8 (n, height, width[, channels]).
            labels: int64 (n,), the labels that the images were generated from.
            uniforms: float64 (n,) in [0, 1), a number of each image and attempt, for a filter that accepts by chance.

        Returns:
            bool (n,).
        """


@final
@dataclass(frozen=True)
class Block:
    """Images generated in one batch, at most `BLOCK`.

    Attributes:
        images: uint8 (n, height, width[, channels]).
        labels: int64 (n,).
        attempts: int64 (n,), number of images sampled for each accepted one.
    """

    images: Picture
    labels: Labels
    attempts: Attempts


def rejection_sampler(
    model: Model, seed: int, truncation: float | None, filters: Sequence[Filter], labels_of: Callable[[range], Labels]
) -> Callable[[range], Block]:
    """Return a function that generates a span of images and samples each one again until all filters accept it.

    Image i remains a function of the model, the seed, i, its label and the filters alone. Each attempt has latents of its own.
    Filters always receive a whole block, so that rounding does not depend on the span.

    Args:
        model: The model to sample from.
        seed: Seed of the latents.
        truncation: See `Model.sample`.
        filters: Filters that an image has to pass; empty to accept every image.
        labels_of: Returns the labels of a span.

    Returns:
        A function of a span, which must lie within one block. It raises UsageError if `MAX_ATTEMPTS` attempts at an image
        are all rejected.
    """

    def draw(span: range) -> Block:
        labels = labels_of(span)
        images = model.draw(model.latents(seed, span, truncation), torch.from_numpy(labels), span.start % BLOCK)
        attempts = np.ones(len(span), dtype=np.int64)
        place = span.start % BLOCK
        missing = ~_accepted(filters, images, labels, acceptance_numbers(seed, span, 0), place)
        while missing.any():
            attempt = int(attempts[missing][0])
            if attempt == MAX_ATTEMPTS:
                refuse(filters, model.class_names[int(labels[missing][0])])
            again = model.draw(model.latents(seed, span, truncation, attempt), torch.from_numpy(labels), place)
            images[missing] = again[missing]
            attempts[missing] += 1
            missing &= ~_accepted(filters, images, labels, acceptance_numbers(seed, span, attempt), place)
        return Block(images, labels, attempts)

    return draw


def acceptance_numbers(seed: int, span: range, attempt: int) -> Uniforms:
    """Return the number in [0, 1) of each image of a span, by which a filter may accept an attempt at it."""
    return rng.uniforms(seed, f"acceptance, attempt {attempt}", span.start, len(span), 1)[:, 0]


def refuse(filters: Sequence[Filter], class_name: str) -> None:
    """Raise the error for an acceptance rate that is too low.

    Raises:
        UsageError: Always. The message names the options and the class.
    """
    options = " and ".join(each.name for each in filters)
    raise UsageError(f"{options}: almost no image of class {class_name} is accepted; relax the filter or use a better model")


def _accepted(filters: Sequence[Filter], images: Picture, labels: Labels, uniforms: Uniforms, place: int) -> Accepted:
    places = slice(place, place + len(images))
    block, block_labels = np.zeros((BLOCK, *images.shape[1:]), dtype=np.uint8), np.full(BLOCK, labels[0])
    block_uniforms = np.zeros(BLOCK)
    block[places], block_labels[places], block_uniforms[places] = images, labels, uniforms
    found = np.ones(len(images), dtype=bool)
    with one_thread():
        for each in filters:
            found &= each.accepts(block, block_labels, block_uniforms)[places]
    return found
