"""Batches of an image set, in an order that is a function of the seed, from any position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """Copy an array to a tensor on a device. A transfer to a GPU does not wait for the work queued there."""
    tensor = torch.from_numpy(array)
    # From pageable memory the driver's copy waits for the GPU. PyTorch keeps pinned memory alive until it has been read.
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    # NumPy aligns memory to 16 bytes, PyTorch to 64, and the rounding of MKL's matrix products may depend on the alignment.
    return tensor.to(device, copy=True)


@final
@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of images with their labels.

    Attributes:
        images: uint8 (batch, channels, height, width).
        labels: int64 (batch,).
    """

    images: torch.Tensor
    labels: torch.Tensor


@final
class Batches:
    """An image set as an endless sequence of batches, in a new order in each epoch.

    The order of epoch e is the permutation drawn from (seed, "data order", e), of all images or of equal shares of each class.
    A batch is thus a function of the image set, the seed and the number of images seen before it. Training can start or resume
    at any position without a saved order.

    The image set is not copied in main memory. On a GPU it is copied to the device once, as uint8.

    Attributes:
        batch_size: the number of images in a batch.
        images_an_epoch: the number of images in the image set.
    """

    def __init__(
        self,
        image_set: ImageSet,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        mirror: bool = False,
        balance: str = "none",
    ) -> None:
        """Prepare an image set for batching.

        Args:
            image_set: the image set. It may be smaller than a batch.
            batch_size: the number of images in a batch, 1 or more.
            seed: the seed of the order.
            device: the device of the batches.
            mirror: whether half of the images are mirrored from left to right, as a function of the seed and the position.
            balance: share of each class in an epoch: "none" shows each image once, "uniform" each class equally often, and
                "square-root" each class by the square root of its number of images.

        Raises:
            UsageError: if `batch_size` is below 1.
        """
        if batch_size < 1:
            raise UsageError(f"batch size {batch_size}: must be 1 or more")
        self.batch_size = batch_size
        self.images_an_epoch = self._count = len(image_set)
        self._seed = seed
        self._mirror = mirror
        classes = [np.flatnonzero(image_set.labels == label) for label in range(len(image_set.class_names))]
        self._classes = [indices for indices in classes if len(indices)] if balance != "none" else []
        weights = [1.0 if balance == "uniform" else len(indices) ** 0.5 for indices in self._classes]
        self._shares = _whole_shares(weights, self._count)
        self._take = _batch_maker(image_set, torch.device(device))
        # A batch across the end of an epoch needs two orders.
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def at(self, images_seen: int) -> Batch:
        """Return the batch at positions `images_seen` to `images_seen` + `batch_size` of the sequence.

        Raises:
            UsageError: if `images_seen` is negative.
        """
        if images_seen < 0:
            raise UsageError(f"images seen {images_seen}: must be 0 or more")
        batch = self._take(self._indices(images_seen))
        if not self._mirror:
            return batch
        coins = rng.integers(self._seed, "mirrored images", images_seen, self.batch_size, 2)
        mirrored = to_device(coins == 1, batch.images.device)[:, None, None, None]
        return Batch(torch.where(mirrored, batch.images.flip(3), batch.images), batch.labels)

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
        order = rng.permutation(self._seed, "data order", epoch, self._count)
        return self._balanced(epoch)[order] if self._classes else order

    def _balanced(self, epoch: int) -> Indices:
        """Return the images of an epoch in which each class has its share, class by class.

        Each class is an endless sequence of permutations of its images, and each epoch takes the next part of it.
        """
        parts = []
        for place, indices in enumerate(self._classes):
            share = self._shares[place]
            rounds_of_epoch = range(epoch * share // len(indices), -(-(epoch + 1) * share // len(indices)))
            rounds = [rng.permutation(self._seed, f"order of class {place}", each, len(indices)) for each in rounds_of_epoch]
            begin = epoch * share - rounds_of_epoch.start * len(indices)
            parts.append(indices[np.concatenate(rounds)[begin : begin + share]])
        return np.concatenate(parts)


def _whole_shares(weights: Sequence[float], total: int) -> list[int]:
    """Return whole numbers in proportion to weights, whose sum is `total`; the first of equal remainders are rounded up."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(each) for each in exact]
    left = total - sum(shares)
    for place in sorted(range(len(exact)), key=lambda place: shares[place] - exact[place])[:left]:
        shares[place] += 1
    return shares


def _batch_maker(image_set: ImageSet, device: torch.device) -> Callable[[Indices], Batch]:
    """Return a function that makes a batch of the images with given indices.

    Batches are contiguous. Otherwise PyTorch would switch convolutions on them to the channels-last layout.
    """
    channels, height, width = image_set.shape
    images, labels = image_set.images.reshape(-1, height, width, channels), image_set.labels

    # NumPy copies 64 images of 28×28 in 10 µs. PyTorch divides the copy among threads; on two busy cores it was measured to
    # wait 12 ms for them.
    def in_memory(indices: Indices) -> Batch:
        taken = np.ascontiguousarray(images.take(indices, axis=0).transpose(0, 3, 1, 2))
        return Batch(torch.from_numpy(taken), torch.from_numpy(labels.take(indices)))

    if device.type == "cpu":
        return in_memory

    # PyTorch warns about read-only arrays and rejects negative strides. Only such arrays are copied.
    images_there, labels_there = (
        torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device) for array in (images, labels)
    )

    def on_device(indices: Indices) -> Batch:
        there = to_device(indices, device)
        taken = images_there.index_select(0, there).permute(0, 3, 1, 2).contiguous()
        return Batch(taken, labels_there.index_select(0, there))

    return on_device
