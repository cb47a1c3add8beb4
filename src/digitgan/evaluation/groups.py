"""Groups of similar images in place of classes, for the features of image sets without labels.

The feature classifier learns to tell the groups apart, as in DeepCluster (Caron et al. 2018, arXiv:1807.05520) with a single
round of clustering: k-means of the principal components. Its features then serve as those of labelled images do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.data import ImageSet
from digitgan.errors import UsageError

GROUPS: Final = 16
"""Largest number of groups."""

IMAGES_OF_A_GROUP: Final = 50
"""Number of training images for each group; there are fewer groups of few images."""

COMPONENTS: Final = 32
"""Number of principal components by which images are grouped."""

SAMPLE: Final = 10_000
"""Number of training images from which components and groups are computed, evenly spread."""

AT_ONCE: Final = 10_000

Coordinates = npt.NDArray[np.float32]


def with_groups(training: ImageSet, *others: ImageSet) -> tuple[ImageSet, ...]:
    """Return image sets with the groups of similar training images as classes.

    Args:
        training: the training images, from which the groups are computed.
        others: further image sets, whose images join the nearest groups.

    Raises:
        UsageError: if the training images are too few or too similar for two groups.
    """
    from scipy.cluster.vq import kmeans2, vq  # takes a fifth of a second, and few trainings need it

    check_groups(training)
    count = min(GROUPS, len(training) // IMAGES_OF_A_GROUP)
    places = np.linspace(0, len(training) - 1, min(SAMPLE, len(training))).round().astype(np.int64)
    flat = torch.from_numpy(training.images[places].reshape(len(places), -1).astype(np.float32) / 127.5 - 1)
    mean = flat.mean(dim=0)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        _, values, directions = torch.svd_lowrank(flat - mean, min(COMPONENTS, *flat.shape), niter=4)
    kept = values > 1e-3 * len(places) ** 0.5
    if not bool(kept.any()):
        raise _too_few(training)
    directions = directions[:, kept]
    centres, _ = kmeans2(((flat - mean) @ directions).numpy(), count, minit="++", rng=np.random.default_rng(0))

    def grouped(images: ImageSet) -> npt.NDArray[np.int64]:
        nearest = [vq(part, centres)[0] for part in _coordinates(images, mean, directions)]
        return np.concatenate(nearest).astype(np.int64)

    labels = [grouped(images) for images in (training, *others)]
    names = tuple(f"group {number}" for number in range(1, len(centres) + 1))
    return tuple(
        ImageSet(images.images, found, names, images.name, images.notes)
        for images, found in zip((training, *others), labels, strict=True)
    )


def check_groups(training: ImageSet) -> None:
    """Check that training images are enough for two groups.

    Raises:
        UsageError: if they are too few.
    """
    if len(training) < 2 * IMAGES_OF_A_GROUP:
        raise _too_few(training)


def _too_few(training: ImageSet) -> UsageError:
    least = 2 * IMAGES_OF_A_GROUP
    return UsageError(f"{training.name}: without labels, an evaluation needs at least {least} different training images")


def _coordinates(images: ImageSet, mean: torch.Tensor, directions: torch.Tensor) -> Iterator[Coordinates]:
    """Yield the coordinates of images along the principal components, (n, components)."""
    for start in range(0, len(images), AT_ONCE):
        part = images.images[start : start + AT_ONCE]
        flat = torch.from_numpy(part.reshape(len(part), -1).astype(np.float32) / 127.5 - 1)
        yield ((flat - mean) @ directions).numpy()
