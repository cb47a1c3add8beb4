"""digitgan: train a class-conditional GAN in a minute, then draw any labelled digit on demand.

    import digitgan
    images = digitgan.load("mnist").sample(labels=[7] * 10, seed=0)   # uint8 (10, 28, 28)
    result = digitgan.train("fast", data="digits", images=20_000, out="runs/mine")
    figures = digitgan.evaluate("runs/mine").record["figures"]

The names below are imported when they are first used, so that `import digitgan` itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from digitgan.version import __version__

if TYPE_CHECKING:
    from digitgan.api import compare, evaluate, load, train
    from digitgan.assessing import Assessment
    from digitgan.comparing import Comparison
    from digitgan.data import ImageSet, load_image_set
    from digitgan.errors import DigitganError
    from digitgan.model import Model
    from digitgan.recipes import RECIPES, Recipe
    from digitgan.sitting import TrainingResult

__all__ = [
    "RECIPES",
    "Assessment",
    "Comparison",
    "DigitganError",
    "ImageSet",
    "Model",
    "Recipe",
    "TrainingResult",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "load_image_set",
    "train",
]

_HOMES = {
    "RECIPES": "recipes",
    "Recipe": "recipes",
    "DigitganError": "errors",
    "ImageSet": "data",
    "load_image_set": "data",
    "Model": "model",
    "TrainingResult": "sitting",
    "Assessment": "assessing",
    "Comparison": "comparing",
    "compare": "api",
    "evaluate": "api",
    "load": "api",
    "train": "api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
