"""Drawing for many at once: a bounded queue, and small requests for the same model drawn together.

A generator needs hardly longer for thirty images than for one. So what waits for the same model is drawn as one batch. What
comes out is nevertheless, to the last bit, what `Model.draw` gives for each image by itself: see `_together`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from digitgan.blocks import BLOCK
from digitgan.images import Picture, from_network
from digitgan.model import Model
from digitgan.studio.refusals import BusyError

MOST_IMAGES: Final = 1_000
"""Images in one request: more is what `digitgan sample` is for."""

MOST_WAITING: Final = 2_048
"""Images that may wait: about a fifth of a second's work, beyond which it is kinder to refuse than to let wait."""

SECONDS_LEFT: Final = 10.0
"""How long a request waits for its images before it is told that there are none."""

MARGIN: Final = 5e-3
"""In levels of 256: how far from a rounding boundary a pixel must be for its level to be certain. Images drawn in other company
differ from those drawn alone by rounding of float32 sums, a hundredth of this."""


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
class Painter:
    """Draws for requests, in threads of its own.

    Args:
        threads: how many; each computes alone.
        most_waiting: images that may wait before a request is refused.

    Attributes:
        drawn: images so far.
        batches: in which they were drawn.
        refused: requests so far.
    """

    def __init__(self, threads: int, most_waiting: int = MOST_WAITING) -> None:
        self.most_waiting = most_waiting
        self.drawn = self.batches = self.refused = 0
        self._pieces: deque[_Piece] = deque()
        self._there = threading.Condition()
        self._closed = False
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
            try:
                pictures = _together(pieces)
            except Exception as problem:  # it is whoever asked that must hear of it; the thread goes on
                for piece in pieces:
                    if not piece.drawn.cancelled():
                        piece.drawn.set_exception(problem)
                continue
            self.batches += 1
            for piece, picture in zip(pieces, pictures, strict=True):
                self.drawn += len(picture)
                if not piece.drawn.cancelled():
                    piece.drawn.set_result(picture)

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


def _together(pieces: list[_Piece]) -> list[Picture]:
    """The images of pieces of one model, each to the last bit as it would be alone and in its place.

    Sums round differently in a batch of another size, or at another place in it, so that a pixel differs by something like a
    ten-thousandth of a level. That changes its level only where it lies that near to a boundary between two; images with such a
    pixel are drawn again, in their places.
    """
    first = pieces[0]
    if len(pieces) == 1 and len(first.labels) > BLOCK // 2:
        return [first.model.draw(first.z, first.labels, first.place)]
    z, labels = torch.cat([piece.z for piece in pieces]), torch.cat([piece.labels for piece in pieces])
    device = next(first.model.generator.parameters()).device
    with torch.inference_mode():
        images = first.model.generator(z.to(device), labels.to(device)).float()
        levels = images.add(1).mul_(127.5)
        uncertain = ((levels - levels.floor() - 0.5).abs() < MARGIN).flatten(1).any(1).tolist()
        drawn = from_network(images)
    pictures, begin = [], 0
    for piece in pieces:
        end = begin + len(piece.labels)
        picture = drawn[begin:end]
        if any(uncertain[begin:end]):
            picture = piece.model.draw(piece.z, piece.labels, piece.place)
        pictures.append(picture)
        begin = end
    return pictures
