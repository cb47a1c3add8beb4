"""The small handwritten digits of scikit-learn, for those who have it installed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from digitgan.data.image_set import ImageSet, Pixels, Split, check_split
from digitgan.errors import DataError

TRAIN_COUNT = 1500
"""Number of training images, the first of 1,797 in the order of scikit-learn. The other 297 are test images."""

GREATEST = 16
"""Largest value of a cell: the number of black pixels in a block of 4×4."""

SIDE = 28
CELLS_PER_SIDE = 8
PIXELS_A_CELL = 3
"""Enlargement of a cell. 8 cells of 3 pixels are 24 pixels, which leaves a margin of 2 on each side of MNIST's 28."""


def sklearn_digits(split: Split) -> ImageSet:
    """Load the handwritten digits of scikit-learn's `load_digits`, enlarged from 8×8 to MNIST's 28×28, white on black.

    Each image is enlarged to 24×24 by bicubic interpolation and has a margin of 2 pixels. The outer pixel of the margin is
    black; strokes at the edge of the 8×8 cells fade into the inner pixel. The detail stays that of the 8×8 cells. The first
    1,500 images are the training set, the last 297 the test set.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
    CC BY 4.0.

    Args:
        split: "train" or "test".

    Returns:
        Images uint8 (1500 or 297, 28, 28), labels, and the classes "0" to "9".

    Raises:
        UsageError: if the split is neither "train" nor "test".
        DataError: if scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # imported here because scikit-learn takes a second to load
    except ImportError as problem:
        raise DataError("digits: needs scikit-learn; install it with: pip install scikit-learn, or use mnist") from problem

    check_split(split)
    cells, labels = load_digits(return_X_y=True)
    part = slice(None, TRAIN_COUNT) if split == "train" else slice(TRAIN_COUNT, None)
    images = np.stack([_enlarged(cell.reshape(CELLS_PER_SIDE, CELLS_PER_SIDE)) for cell in cells[part]])
    return ImageSet(images, labels[part].astype(np.int64), tuple("0123456789"), f"digits ({split})")


def _enlarged(cells: npt.NDArray[np.float64]) -> Pixels:
    """Return a 28×28 uint8 image of 8×8 values in [0, 16]."""
    # In float32: bicubic interpolation overshoots both ends of the range, so only its result is clipped.
    ink = Image.fromarray(np.pad(cells * (255 / GREATEST), 1).astype(np.float32))
    edge = 1 - (SIDE / PIXELS_A_CELL - CELLS_PER_SIDE) / 2
    box = (edge, edge, CELLS_PER_SIDE + 2 - edge, CELLS_PER_SIDE + 2 - edge)
    enlarged = np.asarray(ink.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box))
    clipped: Pixels = np.rint(enlarged.clip(0, 255)).astype(np.uint8)
    return clipped
