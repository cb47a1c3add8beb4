"""What every metric sees: arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
"""(n, width): one vector an image."""

Probabilities = npt.NDArray[np.floating]
"""(n, classes): one distribution an image, each row summing to 1."""

Vector = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
