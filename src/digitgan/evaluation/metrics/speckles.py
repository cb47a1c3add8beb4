"""Speckles: small bright spots beside the strokes, which real digits rarely have."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from digitgan.images import Picture

BRIGHTER_THAN: Final = 16
"""Level up to which a pixel counts as background."""

LARGEST: Final = 8
"""Number of pixels of the largest speckle."""

_IN_ONE_IMAGE: Final = np.array([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))], dtype=bool)
"""The neighbours of a pixel: the eight around it, in the same image."""


def speckled(images: Picture) -> npt.NDArray[np.bool_]:
    """Return for each image whether it has a speckle.

    A speckle is a connected component, in the 8-neighbourhood, of at most `LARGEST` pixels above `BRIGHTER_THAN`.

    Args:
        images: grey images, uint8 (n, height, width).
    """
    from scipy import ndimage  # takes a tenth of a second, and a training without evaluations does not need it

    components, count = ndimage.label(images > BRIGHTER_THAN, structure=_IN_ONE_IMAGE)
    small = np.bincount(components.ravel(), minlength=count + 1) <= LARGEST
    small[0] = False  # the background
    found: npt.NDArray[np.bool_] = small[components].any(axis=(1, 2))
    return found
