"""digitgan: train a class-conditional GAN in a minute, then generate any labelled digit on demand.

    import digitgan
    images = digitgan.load("mnist").sample(labels=[7] * 10, seed=0)   # uint8 (10, 28, 28)
    result = digitgan.train("fast", images=20_000, out="runs/mine")
    metrics = digitgan.evaluate("runs/mine").record["metrics"]
    digitgan.sample_to_files("runs/mine", per_class=100_000, format="npz", shard_size=50_000)

The names below are imported on first use, which keeps `import digitgan` fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from digitgan.version import __version__

if TYPE_CHECKING:
    from digitgan.api import compare, evaluate, export, import_keras, load, load_data, sample_to_files, train
    from digitgan.comparison import Comparison
    from digitgan.data import Conversion, ImageSet, ReadOptions, load_image_set
    from digitgan.errors import DigitganError
    from digitgan.evaluation.run import EvaluationResult
    from digitgan.exporters.export_import import ExportResult, ImportResult
    from digitgan.generation import SampleResult, invert, write
    from digitgan.generation.generated_dataset import GeneratedDataset
    from digitgan.model.file import Model
    from digitgan.recipes import RECIPES, Recipe
    from digitgan.session.session import TrainingResult

__all__ = [
    "RECIPES",
    "Comparison",
    "Conversion",
    "DigitganError",
    "EvaluationResult",
    "ExportResult",
    "GeneratedDataset",
    "ImageSet",
    "ImportResult",
    "Model",
    "ReadOptions",
    "Recipe",
    "SampleResult",
    "TrainingResult",
    "__version__",
    "compare",
    "evaluate",
    "export",
    "import_keras",
    "invert",
    "load",
    "load_data",
    "load_image_set",
    "sample_to_files",
    "train",
    "write",
]

_HOMES = {
    "RECIPES": "recipes",
    "Recipe": "recipes",
    "DigitganError": "errors",
    "Conversion": "data",
    "ImageSet": "data",
    "ReadOptions": "data",
    "load_image_set": "data",
    "Model": "model.file",
    "TrainingResult": "session.session",
    "EvaluationResult": "evaluation.run",
    "Comparison": "comparison",
    "SampleResult": "generation",
    "GeneratedDataset": "generation.generated_dataset",
    "ExportResult": "exporters.export_import",
    "ImportResult": "exporters.export_import",
    "invert": "generation",
    "write": "generation",
    "compare": "api",
    "sample_to_files": "api",
    "evaluate": "api",
    "export": "api",
    "import_keras": "api",
    "load": "api",
    "load_data": "api",
    "train": "api",
}


if not TYPE_CHECKING:  # type checkers would take every misspelt name for one of type Any

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
