"""Real handwritten digits that need no network: scikit-learn ships them, and so they are wherever this program is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from digitgan.data.image_set import ImageSet, Pixels
from digitgan.data.splits import Split, check_split

TRAIN_COUNT = 1500
"""Of 1,797, in scikit-learn's own order; the other 297 are kept back to test with."""

GREATEST = 16
"""The digits' ink goes from 0 to 16: how many of a cell's 4×4 pixels were black."""

SIDE = 28
CELLS = 8
PIXELS_A_CELL = 3
"""8 cells of 3 pixels are 24, which leaves MNIST's 28 a margin of 2."""


def embedded_digits(split: Split) -> ImageSet:
    """The 1,797 handwritten digits of scikit-learn's `load_digits`, enlarged from 8×8 to MNIST's 28×28, white on black.

    Each is enlarged to 24×24 by bicubic interpolation, in a margin of 2 pixels: the outer one is black, into the inner
    one strokes fade that reach the edge of the 8×8 cells. It stays a coarse picture: there is no more in it than in
    those cells. The first 1,500 are for training, the last 297 for testing.

    The digits: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998, CC BY 4.0.

    Returns:
        images uint8 (1500 or 297, 28, 28), classes "0" to "9".

    Raises:
        UsageError: for a split that is neither "train" nor "test".
    """
    from sklearn.datasets import load_digits  # scikit-learn takes a second to import

    check_split(split)
    cells, labels = load_digits(return_X_y=True)
    part = slice(None, TRAIN_COUNT) if split == "train" else slice(TRAIN_COUNT, None)
    images = np.stack([_enlarged(cell.reshape(CELLS, CELLS)) for cell in cells[part]])
    return ImageSet(images, labels[part].astype(np.int64), tuple("0123456789"), f"digits ({split})")


def _enlarged(cells: npt.NDArray[np.float64]) -> Pixels:
    """28×28 uint8 of 8×8 values in [0, 16]."""
    # In floats: the cubic overshoots both ends of the range, and only its result is to be clipped.
    ink = Image.fromarray(np.pad(cells * (255 / GREATEST), 1).astype(np.float32))
    edge = 1 - (SIDE / PIXELS_A_CELL - CELLS) / 2
    box = (edge, edge, CELLS + 2 - edge, CELLS + 2 - edge)
    enlarged = np.asarray(ink.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box))
    clipped: Pixels = np.rint(enlarged.clip(0, 255)).astype(np.uint8)
    return clipped
