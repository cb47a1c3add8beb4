"""Dynamic batching: a bounded queue that combines small requests for the same model into one batch.

A generator takes hardly longer for thirty images than for one. The waiting requests for a model therefore share a batch. Each
image is bit-identical to that of `Model.draw` for the image alone; see `is_batch_invariant`.
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

MAX_IMAGES_PER_REQUEST: Final = 1_000
"""Largest number of images in one request. `digitgan sample` generates larger sets."""

MAX_WAITING: Final = 2_048
"""Largest number of waiting images: about 0.2 seconds of work. An early rejection is better than a longer wait."""

SECONDS_LEFT: Final = 10.0
"""Timeout of a request, in seconds."""

PADDED_TO: Final = 8
"""Batch sizes are padded to a multiple of this: smaller matrix products use other kernels, which round differently."""


@final
@dataclass(frozen=True, eq=False)
class _Piece:
    """A chunk of one request: at most `BLOCK` images.

    Attributes:
        model: model that generates the images.
        z: latents, shape (n, latent), or latent codes, shape (n, code).
        labels: class indices, shape (n,), or class shares, shape (n, classes).
        place: position of the first image in its block.
        drawn: future that receives the images.
    """

    model: Model
    z: Tensor
    labels: Tensor
    place: int
    drawn: Future[Picture] = field(default_factory=Future)

    def is_compatible_with(self, other: _Piece) -> bool:
        """Return whether both chunks can share a batch."""
        same_model, own, others = self.model is other.model, (self.z, self.labels), (other.z, other.labels)
        return same_model and all(one.shape[1:] == two.shape[1:] for one, two in zip(own, others, strict=True))


@final
class DynamicBatcher:
    """A queue of image requests and the worker threads that process it.

    Args:
        threads: number of worker threads. Each uses one core.
        most_waiting: number of waiting images beyond which requests are rejected.

    Attributes:
        drawn: number of images generated.
        batches: number of batches generated.
        refused: number of rejected requests.
    """

    def __init__(self, threads: int, most_waiting: int = MAX_WAITING) -> None:
        self.most_waiting = most_waiting
        self.drawn = self.batches = self.refused = 0
        self._pieces: deque[_Piece] = deque()
        self._there = threading.Condition()
        self._closed = False
        self._steady: weakref.WeakKeyDictionary[Generator, bool] = weakref.WeakKeyDictionary()
        self._threads = [threading.Thread(target=self._work, name=f"batcher {n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Number of requested images that are not yet being generated."""
        with self._there:
            return sum(len(piece.labels) for piece in self._pieces)

    async def draw(self, model: Model, z: Tensor, labels: Tensor, start: int = 0) -> Picture:
        """Generate images from latents and labels; the result equals that of `Model.draw`.

        Args:
            model: model that generates the images.
            z: latents, shape (n, latent).
            labels: class indices, shape (n,), or class shares, shape (n, classes).
            start: index of the first image. It determines the position in a block.

        Returns:
            Images, uint8, shape (n, height, width[, channels]).

        Raises:
            BusyError: if too many images are waiting, or if the request exceeds the timeout.
        """
        edges = [0, *range(BLOCK - start % BLOCK, len(labels), BLOCK), len(labels)]
        pieces = [_Piece(model, z[first:last], labels[first:last], (start + first) % BLOCK) for first, last in pairwise(edges)]
        with self._there:
            waiting = sum(len(piece.labels) for piece in self._pieces)
            if self._closed or (waiting and waiting + len(labels) > self.most_waiting):
                self.refused += 1
                raise BusyError(f"queue full: {waiting:,} images are waiting; retry in a second")
            self._pieces.extend(pieces)
            self._there.notify(len(pieces))
        try:
            async with asyncio.timeout(SECONDS_LEFT):
                return np.concatenate([await asyncio.wrap_future(piece.drawn) for piece in pieces])
        except TimeoutError:
            self._withdraw(pieces)
            self.refused += 1
            raise BusyError(
                f"timeout: no result within {SECONDS_LEFT:g} seconds; retry later or request fewer images"
            ) from None
        except asyncio.CancelledError:
            self._withdraw(pieces)  # the client has disconnected
            raise

    def close(self) -> None:
        """Stop the threads and cancel the waiting requests."""
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
            # A running future cannot be cancelled, so these chunks can no longer be withdrawn.
            pieces = [piece for piece in pieces if piece.drawn.set_running_or_notify_cancel()]
            if not pieces:
                continue
            try:
                pictures = _together(pieces, self._is_steady)
            except Exception as problem:  # the caller gets the error; the thread continues
                for piece in pieces:
                    piece.drawn.set_exception(problem)
                continue
            self.batches += 1
            for piece, picture in zip(pieces, pictures, strict=True):
                self.drawn += len(picture)
                piece.drawn.set_result(picture)

    def _is_steady(self, model: Model) -> bool:
        if model.generator not in self._steady:
            self._steady[model.generator] = is_batch_invariant(model)
        return self._steady[model.generator]

    def _next(self) -> list[_Piece] | None:
        """Return the chunks of the next batch, at most one block; None after `close`."""
        with self._there:
            while not self._pieces:
                if self._closed:
                    return None
                self._there.wait()
            pieces = [self._pieces.popleft()]
            count = len(pieces[0].labels)
            for other in list(self._pieces):
                if count + len(other.labels) <= BLOCK and other.is_compatible_with(pieces[0]):
                    self._pieces.remove(other)
                    pieces.append(other)
                    count += len(other.labels)
            return pieces


def _together(pieces: list[_Piece], steady: Callable[[Model], bool]) -> list[Picture]:
    """Generate the images of chunks of one model. Each image is bit-identical to the image generated alone."""
    first = pieces[0]
    if len(pieces) == 1 and len(first.labels) > BLOCK // 2:
        return [first.model.draw(first.z, first.labels, first.place)]
    if not steady(first.model):
        return [piece.model.draw(piece.z, piece.labels, piece.place) for piece in pieces]
    z, labels = torch.cat([piece.z for piece in pieces]), torch.cat([piece.labels for piece in pieces])
    drawn = from_network(_drawn(first.model, z, labels))
    ends = list(itertools.accumulate(len(piece.labels) for piece in pieces))
    return [drawn[end - len(piece.labels) : end] for piece, end in zip(pieces, ends, strict=True)]


def is_batch_invariant(model: Model) -> bool:
    """Return whether the images of a model are bit-identical in batches of every size and at every position.

    Rounding depends on the order in which a kernel adds numbers. That order can depend on the batch size and on the position
    in the batch. It does not for convolutional generators on the CPUs that were tested. The check compares all multiples of
    `PADDED_TO` up to `BLOCK`, with permuted positions.
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
    """Generate one batch in one thread; return images in [-1, 1], shape (n, channels, height, width)."""
    count = len(labels)
    padded = count + -count % PADDED_TO
    filled_z, filled_labels = z.new_zeros(padded, z.shape[1]), labels.new_zeros(padded, *labels.shape[1:])
    filled_z[:count], filled_labels[:count] = z, labels
    device = next(model.generator.parameters()).device
    images: Tensor = model.generator(filled_z.to(device), filled_labels.to(device))[:count]
    return images
