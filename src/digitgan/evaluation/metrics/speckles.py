"""Speckles: small bright spots beside the strokes, as generators leave them.

Of MNIST's test images, 2.3 % have one, mostly where a stroke is interrupted. The limits were chosen by eye for images of 28×28
pixels with light ink on a dark ground. On other images, compare the value with that of real images.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from digitgan.images import Picture

BRIGHTER_THAN: Final = 16
"""Level up to which a pixel counts as background."""

LARGEST: Final = 8
"""Number of pixels of the largest speckle."""

AT_ONCE: Final = 2**20
"""Number of pixels that are labelled at once: labels take eight bytes for each."""

_IN_ONE_IMAGE: Final = np.array([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))], dtype=bool)
"""The neighbours of a pixel: the eight around it, in the same image."""


def speckled(images: Picture) -> npt.NDArray[np.bool_]:
    """Return for each image whether it has a speckle.

    A speckle is a connected component, in the 8-neighbourhood, of at most `LARGEST` pixels above `BRIGHTER_THAN`.

    Args:
        images: grey images, uint8 (n, height, width).
    """
    from scipy import ndimage  # takes a tenth of a second, and a training without evaluations does not need it

    found = np.zeros(len(images), dtype=np.bool_)
    together = max(1, AT_ONCE // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), together):
        part = images[start : start + together]
        components, count = ndimage.label(part > BRIGHTER_THAN, structure=_IN_ONE_IMAGE)
        small = np.bincount(components.ravel(), minlength=count + 1) <= LARGEST
        small[0] = False  # the background
        found[start : start + together] = small[components].any(axis=(1, 2))
    return found
