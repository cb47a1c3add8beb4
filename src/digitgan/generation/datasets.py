"""Drawn images as other frameworks' data: a dataset of PyTorch, and batches that `tf.data` and Keras take."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from digitgan.errors import UsageError
from digitgan.generation.labels import Labels
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model

KEPT: Final = 64
"""Blocks that stay in memory: their neighbours are likely to be asked for next."""


@final
class GeneratedDataset(Dataset[tuple[Tensor, int]]):
    """Images drawn when they are asked for, as a dataset.

    Image i is the one that `model.sample(labels, seed)[i]` is, in whatever order they are asked for, and in each of a
    `DataLoader`'s workers.

        images = digitgan.DrawnImages(digitgan.load("mnist"), count=60_000)
        loader = torch.utils.data.DataLoader(images, batch_size=64, shuffle=True)

    Args:
        model: to draw from.
        labels: class indices, one for each image; left out, all classes take turns.
        count: how many images, where no labels are given.
        seed: of the drawing.

    Raises:
        UsageError: for labels that the model hasn't, or neither or both of labels and count.
    """

    def __init__(
        self, model: Model, labels: Sequence[int] | Labels | None = None, *, count: int | None = None, seed: int = 0
    ) -> None:
        if not isinstance(model, Model):
            raise UsageError(f"{model!r} is no model; digitgan.load({model!r}) gives one")
        if (labels is None) == (count is None):
            raise UsageError("give the labels of the images, or how many there are to be (count)")
        if count is not None and count < 1:
            raise UsageError(f"count {count}: at least 1 is right")
        self.model = model
        self.seed = seed
        self.labels = model.checked(np.arange(count or 0) % len(model.class_names) if labels is None else labels)
        self._block = functools.lru_cache(KEPT)(self._drawn_block)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Image `index` as float32 (channels, height, width) in [0, 1], as torchvision's `ToTensor` gives it, and its label."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        place = index % len(self)
        pixels = self._block(place // BLOCK)[place % BLOCK]
        shaped = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
        return torch.from_numpy(shaped.astype(np.float32) / 255), int(self.labels[place])

    def batches(self, size: int = 64) -> Iterator[tuple[npt.NDArray[np.uint8], Labels]]:
        """All images in order, in batches: uint8 (n, height, width, channels) and int64 (n,), as `tf.data` and Keras take them.

        tf.data.Dataset.from_generator(images.batches, output_signature=images.signature(tf.TensorSpec))
        """
        if size < 1:
            raise UsageError(f"batches of {size}: at least 1 is right")
        for first in range(0, len(self), size):
            labels = self.labels[first : first + size]
            images = self.model.sample(labels, self.seed, first)
            yield images[..., None] if images.ndim == 3 else images, labels

    def signature(self, kind: Any) -> tuple[Any, Any]:
        """What `batches` yields, in terms of TensorFlow: `kind` is `tf.TensorSpec`."""
        spec = self.model.generator.spec
        return kind((None, spec.height, spec.width, spec.channels), "uint8"), kind((None,), "int64")

    def __getstate__(self) -> dict[str, Any]:
        """Without the blocks in memory: a loader's worker draws its own."""
        return {key: value for key, value in self.__dict__.items() if key != "_block"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._block = functools.lru_cache(KEPT)(self._drawn_block)

    def _drawn_block(self, block: int) -> npt.NDArray[np.uint8]:
        first = block * BLOCK
        return self.model.sample(self.labels[first : first + BLOCK], self.seed, first)
