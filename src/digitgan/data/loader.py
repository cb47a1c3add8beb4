"""Batches of an image set, in an order that is a function of the seed, from any point on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.data.image_set import ImageSet
from digitgan.errors import UsageError

Indices = npt.NDArray[np.int64]


def to_device(array: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """An array as a tensor of the device, in memory of torch; a GPU is sent it without waiting for what it has still to do."""
    tensor = torch.from_numpy(array)
    # From memory that the system may move, the driver copies in step with the GPU; torch keeps pinned memory until it is read.
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    # NumPy's memory begins at multiples of 16 bytes, torch's of 64, and how MKL's matrix products round may depend on that.
    return tensor.to(device, copy=True)


@final
@dataclass(frozen=True, eq=False)
class Batch:
    """Some images with their labels.

    Attributes:
        images: uint8 (batch, channels, height, width).
        labels: int64 (batch,).
    """

    images: torch.Tensor
    labels: torch.Tensor


@final
class Batches:
    """An image set as an endless sequence of images, epoch after epoch, each epoch in an order of its own.

    Epoch e is the permutation that (seed, "data order", e) names. So a batch is a function of the set, the seed and the
    number of images seen before it: training can start or resume at any point, and nothing about the order needs
    saving.

    The set is not copied in memory; to a GPU it goes once, whole, as uint8.
    """

    def __init__(self, image_set: ImageSet, batch_size: int, seed: int, device: torch.device | str = "cpu") -> None:
        """Take an image set in hand.

        Args:
            image_set: what to draw from; it may be smaller than a batch.
            batch_size: images in a batch, 1 or more.
            seed: decides on the order.
            device: where the batches are to be.

        Raises:
            UsageError: if `batch_size` is below 1.
        """
        if batch_size < 1:
            raise UsageError(f"a batch of {batch_size} images can't be; 1 or more is right")
        self.batch_size = batch_size
        self.images_an_epoch = self._count = len(image_set)
        self._seed = seed
        self._take = _taker(image_set, torch.device(device))
        # A batch at an epoch's end needs two orders; older ones are never asked for again.
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def at(self, images_seen: int) -> Batch:
        """The batch at positions `images_seen` to `images_seen` + `batch_size` of the sequence.

        Raises:
            UsageError: if `images_seen` is negative.
        """
        if images_seen < 0:
            raise UsageError(f"{images_seen} images seen can't be; 0 or more is right")
        return self._take(self._indices(images_seen))

    def _indices(self, images_seen: int) -> Indices:
        parts = []
        wanted = self.batch_size
        epoch, begin = divmod(images_seen, self._count)
        while wanted > 0:
            part = self._order(epoch)[begin : begin + wanted]
            parts.append(part)
            wanted -= len(part)
            epoch, begin = epoch + 1, 0
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _draw_order(self, epoch: int) -> Indices:
        return rng.permutation(self._seed, "data order", epoch, self._count)


def _taker(image_set: ImageSet, device: torch.device) -> Callable[[Indices], Batch]:
    """What makes a batch of the images with given indices.

    Batches are made contiguous, or torch would take them for channels-last, and what convolutions make of them too.
    """
    channels, height, width = image_set.shape
    images, labels = image_set.images.reshape(-1, height, width, channels), image_set.labels

    # By NumPy, not torch: it copies 64 images of 28×28 in 10 µs. Torch would share that out among threads, and on two
    # busy cores it was measured to wait 12 ms for them.
    def in_memory(indices: Indices) -> Batch:
        taken = np.ascontiguousarray(images.take(indices, axis=0).transpose(0, 3, 1, 2))
        return Batch(torch.from_numpy(taken), torch.from_numpy(labels.take(indices)))

    if device.type == "cpu":
        return in_memory

    # Torch warns of read-only arrays and takes none with negative strides; those, and only those, are copied first.
    images_there, labels_there = (
        torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device) for array in (images, labels)
    )

    def on_device(indices: Indices) -> Batch:
        there = to_device(indices, device)
        taken = images_there.index_select(0, there).permute(0, 3, 1, 2).contiguous()
        return Batch(taken, labels_there.index_select(0, there))

    return on_device
