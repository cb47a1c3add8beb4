"""Generated images as data for other frameworks: a PyTorch dataset, and batches for `tf.data` and Keras."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.generation.labels import Labels
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model

CACHED_BLOCKS: Final = 64
"""Blocks cached in memory, since neighbouring images are often read together."""


@final
class GeneratedDataset(Dataset[tuple[Tensor, int]]):
    """A dataset of images that are generated on access.

    Item i equals `model.sample(labels, seed)[i]`, whatever the order of access, also in the workers of a `DataLoader`.

        images = digitgan.GeneratedDataset(digitgan.load("mnist"), count=60_000)
        loader = torch.utils.data.DataLoader(images, batch_size=64, shuffle=True)

    Args:
        model: The model to sample from.
        labels: Class indices, one per image. By default the classes alternate.
        count: Number of images. Give either `labels` or `count`.
        seed: Seed of the latents.

    Raises:
        UsageError: If a label is not one of the model's, if neither or both of `labels` and `count` are given, or if the seed
            is negative.
    """

    def __init__(
        self, model: Model, labels: Sequence[int] | Labels | None = None, *, count: int | None = None, seed: int = 0
    ) -> None:
        if not isinstance(model, Model):
            raise UsageError(f"model {model!r}: must be a Model; load one with digitgan.load")
        if (labels is None) == (count is None):
            raise UsageError("labels, count: give exactly one of them")
        if count is not None and count < 1:
            raise UsageError(f"count {count}: must be 1 or more")
        rng.check_seed(seed)
        self.model = model
        self.seed = seed
        self.labels = model.checked(np.arange(count or 0) % len(model.class_names) if labels is None else labels)
        self._block = functools.lru_cache(CACHED_BLOCKS)(self._drawn_block)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one image and its label.

        Returns:
            The image as float32 (channels, height, width) in [0, 1], like torchvision's `ToTensor`, and the class index.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index}: the dataset has {len(self)} images")
        place = index % len(self)
        pixels = self._block(place // BLOCK)[place % BLOCK]
        shaped = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
        return torch.from_numpy(shaped.astype(np.float32) / 255), int(self.labels[place])

    def batches(self, size: int = 64) -> Iterator[tuple[npt.NDArray[np.uint8], Labels]]:
        """Yield all images in order, in batches for `tf.data` and Keras.

        Args:
            size: Images per batch; the last batch may be smaller.

        Yields:
            Images as uint8 (n, height, width, channels), and labels as int64 (n,).

        Raises:
            UsageError: If `size` is below 1.

        Example:
            tf.data.Dataset.from_generator(images.batches, output_signature=images.signature(tf.TensorSpec))
        """
        if size < 1:
            raise UsageError(f"size {size}: must be 1 or more")
        for first in range(0, len(self), size):
            labels = self.labels[first : first + size]
            images = self.model.sample(labels, self.seed, first)
            yield images[..., None] if images.ndim == 3 else images, labels

    def signature(self, kind: Any) -> tuple[Any, Any]:
        """Return the TensorFlow signature of what `batches` yields; `kind` is `tf.TensorSpec`."""
        spec = self.model.generator.spec
        return kind((None, spec.height, spec.width, spec.channels), "uint8"), kind((None,), "int64")

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the cached blocks; each worker of a loader generates its own."""
        return {key: value for key, value in self.__dict__.items() if key != "_block"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._block = functools.lru_cache(CACHED_BLOCKS)(self._drawn_block)

    def _drawn_block(self, block: int) -> npt.NDArray[np.uint8]:
        first = block * BLOCK
        return self.model.sample(self.labels[first : first + BLOCK], self.seed, first)
