"""The names from which packages that extend digitgan build: base classes, types of arguments, errors and the registries.

    from digitgan.plugins import Loss

They are covered by the deprecation policy, unlike the modules in which they are defined.
"""

from __future__ import annotations

from typing import Any

from digitgan.data import DATASETS, READERS, Dataset, DatasetFile, DataSource, ImageSet, Layout, Reader, Reading, Split
from digitgan.errors import DataError, DigitganError, ModelFileError, OutputError, RecipeError, SizeError, UsageError
from digitgan.evaluation import METRICS, Comparison, Metric
from digitgan.evaluation.metrics import Interval, interval
from digitgan.exporters import EXPORT_FORMATS, ExportedModel, ExportFormat
from digitgan.files import replacing
from digitgan.generation.walking import WALKS, WalkKind
from digitgan.generation.writers import WRITERS, Writer
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


def registries() -> list[Registry[Any]]:
    """Return all registries to which packages can add entries: those of this module."""
    return [each for each in globals().values() if isinstance(each, Registry)]


__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "DISCRIMINATORS",
    "DISCRIMINATOR_FAMILIES",
    "EXPORT_FORMATS",
    "GENERATORS",
    "GENERATOR_FAMILIES",
    "LOSSES",
    "METRICS",
    "PENALTIES",
    "READERS",
    "RECIPES",
    "WALKS",
    "WRITERS",
    "Comparison",
    "DataError",
    "DataSource",
    "Dataset",
    "DatasetFile",
    "DigitganError",
    "Discriminator",
    "DiscriminatorOutput",
    "ExportFormat",
    "ExportedModel",
    "Generator",
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
    "Writer",
    "build_generator",
    "from_toml",
    "interval",
    "replacing",
    "setting",
    "to_toml",
]
