"""The array types of the metrics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
"""Feature vectors (n, width), one for each image."""

Probabilities = npt.NDArray[np.floating]
"""Class probabilities (n, classes), one distribution for each image. Each row sums to 1."""

Vector = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
