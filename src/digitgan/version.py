"""The version of the package, and the versions of the packages that a result depends on."""

from __future__ import annotations

import platform

__version__ = "0.2.0"


def versions() -> dict[str, str]:
    """Return the versions of the packages on which a bit-identical result depends."""
    import numpy as np
    import torch

    return {
        "digitgan": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
