"""The names from which packages that extend digitgan build: base classes, types of arguments, errors and the registries.

    from digitgan.plugins import Loss

They are covered by the deprecation policy, unlike the modules in which they are defined. Each is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitgan.data import DATASETS, READERS, Dataset, DatasetFile, DataSource, ImageSet, Layout, Reader, Reading, Split
    from digitgan.errors import DataError, DigitganError, ModelFileError, OutputError, RecipeError, SizeError, UsageError
    from digitgan.evaluation import METRICS, Comparison, Metric
    from digitgan.evaluation.metrics import Interval, interval
    from digitgan.exporters import FORMATS as EXPORT_FORMATS
    from digitgan.exporters import Format as ExportFormat
    from digitgan.exporters import Images as ExportedImages
    from digitgan.exporters import Labels as ExportLabels
    from digitgan.exporters import Latents as ExportLatents
    from digitgan.exporters import Package
    from digitgan.files import replacing
    from digitgan.generation.walking import WALKS, WalkKind
    from digitgan.generation.writers import WRITERS as IMAGE_FORMATS
    from digitgan.generation.writers import Writer as ImageFormat
    from digitgan.lookup import Registry
    from digitgan.networks import (
        DISCRIMINATORS,
        GENERATORS,
        Discriminator,
        DiscriminatorOutput,
        Generator,
        ImageSpec,
        build_generator,
    )
    from digitgan.recipes import DISCRIMINATOR_FAMILIES, GENERATOR_FAMILIES, RECIPES, Recipe, from_toml, to_toml
    from digitgan.recipes.families import setting
    from digitgan.training.augmentation import AUGMENTATIONS, Operation
    from digitgan.training.losses import LOSSES, Loss
    from digitgan.training.penalties import PENALTIES, LabelledImages, Penalty, Score

_HOMES = {
    "data": (
        "DATASETS",
        "READERS",
        "DataSource",
        "Dataset",
        "DatasetFile",
        "ImageSet",
        "Layout",
        "Reader",
        "Reading",
        "Split",
    ),
    "errors": ("DataError", "DigitganError", "ModelFileError", "OutputError", "RecipeError", "SizeError", "UsageError"),
    "evaluation": ("METRICS", "Comparison", "Metric"),
    "evaluation.metrics": ("Interval", "interval"),
    "exporters": ("Package",),
    "files": ("replacing",),
    "generation.walking": ("WALKS", "WalkKind"),
    "lookup": ("Registry",),
    "networks": (
        "DISCRIMINATORS",
        "GENERATORS",
        "Discriminator",
        "DiscriminatorOutput",
        "Generator",
        "ImageSpec",
        "build_generator",
    ),
    "recipes": ("DISCRIMINATOR_FAMILIES", "GENERATOR_FAMILIES", "RECIPES", "Recipe", "from_toml", "to_toml"),
    "recipes.families": ("setting",),
    "training.augmentation": ("AUGMENTATIONS", "Operation"),
    "training.losses": ("LOSSES", "Loss"),
    "training.penalties": ("PENALTIES", "LabelledImages", "Penalty", "Score"),
}

_RENAMED = {
    "EXPORT_FORMATS": ("exporters", "FORMATS"),
    "ExportFormat": ("exporters", "Format"),
    "ExportedImages": ("exporters", "Images"),
    "ExportLabels": ("exporters", "Labels"),
    "ExportLatents": ("exporters", "Latents"),
    "IMAGE_FORMATS": ("generation.writers", "WRITERS"),
    "ImageFormat": ("generation.writers", "Writer"),
}

_PLACES = {name: (home, name) for home, names in _HOMES.items() for name in names} | _RENAMED

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "DISCRIMINATORS",
    "DISCRIMINATOR_FAMILIES",
    "EXPORT_FORMATS",
    "GENERATORS",
    "GENERATOR_FAMILIES",
    "IMAGE_FORMATS",
    "LOSSES",
    "METRICS",
    "PENALTIES",
    "READERS",
    "RECIPES",
    "WALKS",
    "Comparison",
    "DataError",
    "DataSource",
    "Dataset",
    "DatasetFile",
    "DigitganError",
    "Discriminator",
    "DiscriminatorOutput",
    "ExportFormat",
    "ExportLabels",
    "ExportLatents",
    "ExportedImages",
    "Generator",
    "ImageFormat",
    "ImageSet",
    "ImageSpec",
    "Interval",
    "LabelledImages",
    "Layout",
    "Loss",
    "Metric",
    "ModelFileError",
    "Operation",
    "OutputError",
    "Package",
    "Penalty",
    "Reader",
    "Reading",
    "Recipe",
    "RecipeError",
    "Registry",
    "Score",
    "SizeError",
    "Split",
    "UsageError",
    "WalkKind",
    "build_generator",
    "from_toml",
    "interval",
    "replacing",
    "setting",
    "to_toml",
]


if not TYPE_CHECKING:  # type checkers would take every misspelt name for one of type Any

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, there = _PLACES[name]
        return getattr(importlib.import_module(f"digitgan.{home}"), there)


def __dir__() -> list[str]:
    return sorted(__all__)
