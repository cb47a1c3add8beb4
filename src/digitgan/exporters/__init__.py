"""Export of models to other programs: one module per format, registered in `EXPORT_FORMATS`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from digitgan import rng
from digitgan.exporters.base import ExportedModel, ExportFormat, Images, Labels, Latents, drawn_directly
from digitgan.exporters.huggingface import HuggingFace
from digitgan.exporters.keras import KerasFiles
from digitgan.exporters.programs import Onnx, TorchProgram
from digitgan.exporters.web_page import Web
from digitgan.lookup import Registry
from digitgan.model.file import Model

__all__ = [
    "EXPORT_FORMATS",
    "QUANTISATIONS",
    "ExportFormat",
    "ExportedModel",
    "Images",
    "Labels",
    "Latents",
    "drawn_directly",
    "largest_difference",
]

_OWN: Final[tuple[ExportFormat, ...]] = (KerasFiles(), Onnx(), TorchProgram(), HuggingFace(), Web())

EXPORT_FORMATS: Final = Registry[ExportFormat](
    "--format", {each.name: each for each in _OWN}, group="export_formats", kind=ExportFormat
)
"""The formats of `digitgan export`."""

QUANTISATIONS: Final = tuple(dict.fromkeys(name for each in _OWN for name in each.quantisations))
"""The values of `--quantize` of the package's own formats."""

COMPARED_IMAGES: Final = 64
"""Number of images by which an export is compared with the model."""


def largest_difference(written: ExportFormat, path: Path, model: Model) -> float:
    """Return the largest difference of a pixel in [-1, 1] between an export and the model, over `COMPARED_IMAGES` images."""
    z = rng.normals(0, "drawn latents", 0, COMPARED_IMAGES, model.generator.latent)
    labels = np.arange(COMPARED_IMAGES, dtype=np.int64) % len(model.class_names)
    return float(np.abs(written.draw(path, z, labels) - drawn_directly(model, z, labels)).max())
