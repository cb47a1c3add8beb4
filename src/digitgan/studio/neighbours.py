"""The training images that are nearest to a generated one, by which a visitor sees whether a model copies."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from digitgan.data import ImageSet
from digitgan.data.data_request import DataRequest
from digitgan.data.named.datasets import DATASETS
from digitgan.errors import DigitganError, UsageError
from digitgan.images import Picture
from digitgan.model.file import Model

MAX_SETS: Final = 2
"""Number of image sets that stay in memory."""

MAX_BYTES: Final = 400_000_000
"""Largest size of an image set that is searched."""

CHUNK_VALUES: Final = 8_000_000
"""Number of pixels that are compared at once, as float32."""

TYPICAL: Final = 100
"""Number of training images whose own nearest neighbour gives the typical distance."""


@final
@dataclass(frozen=True)
class Neighbours:
    """The nearest training images.

    Attributes:
        images: the images, the nearest first, uint8 (count, height, width[, channels]).
        labels: their class names.
        distances: root mean squared difference of the pixels, in levels of 255.
        typical: the median of this distance between a training image and the nearest other one.
    """

    images: Picture
    labels: list[str]
    distances: list[float]
    typical: float


@final
class NeighbourSearch:
    """A search for the nearest training images of models; the latest image sets stay in memory."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, _Searched] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(self, model: Model, record: Any, image: Picture, count: int) -> Neighbours:
        """Find the training images of a model that are nearest to an image.

        Args:
            model: the model.
            record: entry `data` of the record of its run; None for a shipped model, whose card names its data set.
            image: uint8 (height, width[, channels]).
            count: number of images.

        Raises:
            UsageError: if the training images are not at hand, or are too many.
        """
        with self._lock:
            searched = self._of(model, record)
            order, distances = searched.nearest(image, count)
            found = searched.image_set
            names = [found.class_names[label] for label in found.labels[order]]
            rounded = [round(float(distance), 2) for distance in distances]
            return Neighbours(found.images[order], names, rounded, searched.typical())

    def _of(self, model: Model, record: Any) -> _Searched:
        data = model.card.get("data") if record is None else record
        facts = data if isinstance(data, dict) else {}
        key, source = str(facts.get("content_hash")), facts.get("source") or facts.get("name")
        if record is None and source not in DATASETS:  # a card may name any path
            raise UsageError("the training images of this model are not at hand")
        if key not in self._sets:
            shape, images = facts.get("shape"), facts.get("images")
            if isinstance(shape, list) and isinstance(images, int) and images * math.prod(shape) > MAX_BYTES:
                raise UsageError(f"the {images:,} training images of this model are too many for this search")
            try:
                request = DataRequest.requested((), None, None, {**facts, "source": source})
                image_set = request.load()
            except DigitganError as problem:
                raise UsageError(f"the training images of this model cannot be read: {problem}") from problem
            if image_set.images.shape[1:] != self._shape(model):
                raise UsageError("the training images of this model have another shape now")
            if image_set.images.nbytes > MAX_BYTES:
                raise UsageError(f"the training images take {image_set.images.nbytes / 1e6:,.0f} MB, too much for this search")
            self._sets[key] = _Searched(image_set)
        self._sets.move_to_end(key)
        while len(self._sets) > MAX_SETS:
            self._sets.popitem(last=False)
        return self._sets[key]

    @staticmethod
    def _shape(model: Model) -> tuple[int, ...]:
        spec = model.generator.spec
        return (spec.height, spec.width) if spec.channels == 1 else (spec.height, spec.width, spec.channels)


class _Searched:
    """An image set with the squared norms of its images."""

    def __init__(self, image_set: ImageSet) -> None:
        self.image_set = image_set
        self._flat = image_set.images.reshape(len(image_set), -1)
        self._norms = np.concatenate([(part.astype(np.float32) ** 2).sum(axis=1) for part in self._chunks()])
        self._typical: float | None = None

    def _chunks(self) -> list[npt.NDArray[np.uint8]]:
        size = max(1, CHUNK_VALUES // self._flat.shape[1])
        return [self._flat[start : start + size] for start in range(0, len(self._flat), size)]

    def _squared(self, queries: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the squared distances (images, queries)."""
        products = np.concatenate([part.astype(np.float32) @ queries.T for part in self._chunks()])
        squared: npt.NDArray[np.float32] = self._norms[:, None] - 2 * products + (queries**2).sum(axis=1)
        return np.maximum(squared, 0)

    def nearest(self, image: Picture, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the places of the nearest images and their distances."""
        squared = self._squared(image.reshape(1, -1).astype(np.float32))[:, 0]
        count = min(count, len(squared))
        places = np.argpartition(squared, count - 1)[:count]
        places = places[squared[places].argsort()]
        return places, np.sqrt(squared[places] / image.size)

    def typical(self) -> float:
        """Return the median distance of a training image to the nearest other one."""
        if self._typical is None:
            places = np.linspace(0, len(self._flat) - 1, min(TYPICAL, len(self._flat))).astype(np.int64)
            squared = self._squared(self._flat[places].astype(np.float32))
            squared[places, np.arange(len(places))] = np.inf  # not itself
            nearest = np.sqrt(squared.min(axis=0) / self._flat.shape[1])
            self._typical = round(float(np.median(nearest)), 2) if len(self._flat) > 1 else 0.0
        return self._typical
