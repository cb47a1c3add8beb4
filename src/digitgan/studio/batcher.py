"""Drawing for many at once: a bounded queue, and small requests for the same model drawn together.

A generator needs hardly longer for thirty images than for one. So what waits for the same model is drawn as one batch. What
comes out is nevertheless, to the last bit, what `Model.draw` gives for each image by itself: see `is_steady`.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from digitgan.images import Picture, from_network
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model
from digitgan.networks import Generator
from digitgan.studio.errors import BusyError

MAX_IMAGES: Final = 1_000
"""Images in one request: more is what `digitgan sample` is for."""

MAX_WAITING: Final = 2_048
"""Images that may wait: about a fifth of a second's work, beyond which it is kinder to refuse than to let wait."""

SECONDS_LEFT: Final = 10.0
"""How long a request waits for its images before it is told that there are none."""

PADDED_TO: Final = 8
"""Batches are filled up to a multiple of this: matrix products of fewer rows take other ways, and round otherwise."""


@final
@dataclass(frozen=True, eq=False)
class _Piece:
    """At most a block of one request's images.

    Attributes:
        model: that draws them.
        z: (n, latent).
        labels: (n,) class indices, or (n, classes) shares.
        place: of the first of them in its block.
        drawn: where they go.
    """

    model: Model
    z: Tensor
    labels: Tensor
    place: int
    drawn: Future[Picture] = field(default_factory=Future)

    def goes_with(self, other: _Piece) -> bool:
        """Whether they can be drawn as one batch."""
        return self.model is other.model and self.labels.shape[1:] == other.labels.shape[1:]


@final
class DynamicBatcher:
    """Draws for requests, in threads of its own.

    Args:
        threads: how many; each computes alone.
        most_waiting: images that may wait before a request is refused.

    Attributes:
        drawn: images so far.
        batches: in which they were drawn.
        refused: requests so far.
    """

    def __init__(self, threads: int, most_waiting: int = MAX_WAITING) -> None:
        self.most_waiting = most_waiting
        self.drawn = self.batches = self.refused = 0
        self._pieces: deque[_Piece] = deque()
        self._there = threading.Condition()
        self._closed = False
        self._steady: weakref.WeakKeyDictionary[Generator, bool] = weakref.WeakKeyDictionary()
        self._threads = [threading.Thread(target=self._work, name=f"painter {n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Images that are asked for and not yet begun."""
        with self._there:
            return sum(len(piece.labels) for piece in self._pieces)

    async def draw(self, model: Model, z: Tensor, labels: Tensor, start: int = 0) -> Picture:
        """What `Model.draw` makes of latents and labels.

        Args:
            model: whose.
            z: (n, latent).
            labels: (n,) class indices, or (n, classes) shares.
            start: index of the first image, which decides on its place in a block.

        Returns:
            uint8 (n, height, width[, channels]).

        Raises:
            BusyError: if too many wait already, or it takes too long.
        """
        edges = [0, *range(BLOCK - start % BLOCK, len(labels), BLOCK), len(labels)]
        pieces = [_Piece(model, z[first:last], labels[first:last], (start + first) % BLOCK) for first, last in pairwise(edges)]
        with self._there:
            waiting = sum(len(piece.labels) for piece in self._pieces)
            if self._closed or (waiting and waiting + len(labels) > self.most_waiting):
                self.refused += 1
                raise BusyError(f"{waiting:,} images are waiting to be drawn already; ask again in a second")
            self._pieces.extend(pieces)
            self._there.notify(len(pieces))
        try:
            async with asyncio.timeout(SECONDS_LEFT):
                return np.concatenate([await asyncio.wrap_future(piece.drawn) for piece in pieces])
        except TimeoutError:
            self._withdraw(pieces)
            self.refused += 1
            raise BusyError(f"no images within {SECONDS_LEFT:g} seconds: too much is asked of this machine") from None
        except asyncio.CancelledError:
            self._withdraw(pieces)  # whoever asked has gone
            raise

    def close(self) -> None:
        """End the threads; what waits is refused."""
        with self._there:
            self._closed = True
            for piece in self._pieces:
                piece.drawn.cancel()
            self._pieces.clear()
            self._there.notify_all()
        for thread in self._threads:
            thread.join()

    def _withdraw(self, pieces: list[_Piece]) -> None:
        with self._there:
            for piece in pieces:
                if piece in self._pieces:
                    self._pieces.remove(piece)

    def _work(self) -> None:
        torch.set_num_threads(1)
        while (pieces := self._next()) is not None:
            # From here on nobody can withdraw them: a future that is running can't be cancelled.
            pieces = [piece for piece in pieces if piece.drawn.set_running_or_notify_cancel()]
            if not pieces:
                continue
            try:
                pictures = _together(pieces, self._is_steady)
            except Exception as problem:  # it is whoever asked that must hear of it; the thread goes on
                for piece in pieces:
                    piece.drawn.set_exception(problem)
                continue
            self.batches += 1
            for piece, picture in zip(pieces, pictures, strict=True):
                self.drawn += len(picture)
                piece.drawn.set_result(picture)

    def _is_steady(self, model: Model) -> bool:
        if model.generator not in self._steady:
            self._steady[model.generator] = is_steady(model)
        return self._steady[model.generator]

    def _next(self) -> list[_Piece] | None:
        """What is drawn next, as one batch of at most a block; None at the end."""
        with self._there:
            while not self._pieces:
                if self._closed:
                    return None
                self._there.wait()
            pieces = [self._pieces.popleft()]
            count = len(pieces[0].labels)
            for other in list(self._pieces):
                if count + len(other.labels) <= BLOCK and other.goes_with(pieces[0]):
                    self._pieces.remove(other)
                    pieces.append(other)
                    count += len(other.labels)
            return pieces


def _together(pieces: list[_Piece], steady: Callable[[Model], bool]) -> list[Picture]:
    """The images of pieces of one model, each to the last bit as it would be alone and in its place."""
    first = pieces[0]
    if len(pieces) == 1 and len(first.labels) > BLOCK // 2:
        return [first.model.draw(first.z, first.labels, first.place)]
    if not steady(first.model):
        return [piece.model.draw(piece.z, piece.labels, piece.place) for piece in pieces]
    z, labels = torch.cat([piece.z for piece in pieces]), torch.cat([piece.labels for piece in pieces])
    drawn = from_network(_drawn(first.model, z, labels))
    ends = list(itertools.accumulate(len(piece.labels) for piece in pieces))
    return [drawn[end - len(piece.labels) : end] for piece, end in zip(pieces, ends, strict=True)]


def is_steady(model: Model) -> bool:
    """Whether an image of this model is the same to the last bit in a batch of any size (of `PADDED_TO`), at any place.

    Floating-point sums round by the order in which a kernel takes them, which may depend on both. On the CPUs that were looked
    at it doesn't, for convolutional generators; it is tried here, with every size and places turned about.
    """
    z, shares = model.latents(0, range(BLOCK)), torch.full((BLOCK, len(model.class_names)), 1 / len(model.class_names))
    for labels in (torch.arange(BLOCK) % len(model.class_names), shares):
        alone = _drawn(model, z, labels)
        for size in range(PADDED_TO, BLOCK, PADDED_TO):
            turned = torch.arange(size).roll(size // 3) + (BLOCK - size) // 2
            if not torch.equal(_drawn(model, z[turned], labels[turned]), alone[turned]):
                return False
    return True


@torch.inference_mode()
def _drawn(model: Model, z: Tensor, labels: Tensor) -> Tensor:
    """Images (n, channels, height, width) in [-1, 1], drawn as one batch, by one thread."""
    count = len(labels)
    padded = count + -count % PADDED_TO
    filled_z, filled_labels = z.new_zeros(padded, z.shape[1]), labels.new_zeros(padded, *labels.shape[1:])
    filled_z[:count], filled_labels[:count] = z, labels
    device = next(model.generator.parameters()).device
    images: Tensor = model.generator(filled_z.to(device), filled_labels.to(device))[:count]
    return images
