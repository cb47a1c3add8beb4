"""Handing a model on to other programs: one file a format, one table of formats."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from digitgan import rng
from digitgan.errors import UsageError, nearest
from digitgan.exporters.formats import Format, Images, Labels, Latents, Package, drawn_directly
from digitgan.exporters.huggingface import HuggingFace
from digitgan.exporters.keras import KerasFiles
from digitgan.exporters.programs import Onnx, TorchProgram
from digitgan.exporters.web_page import Web
from digitgan.model.file import Model

__all__ = ["FORMATS", "Format", "Images", "Labels", "Latents", "Package", "drawn_directly", "find_format", "largest_difference"]

FORMATS: Final[Mapping[str, Format]] = types.MappingProxyType(
    {each.name: each for each in (KerasFiles(), Onnx(), TorchProgram(), HuggingFace(), Web())}
)
"""The formats of `digitgan export`."""

COMPARED: Final = 64
"""Images by which what was written is compared with the model itself."""


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: if there is none; the nearest name is suggested.
    """
    if name not in FORMATS:
        raise UsageError(f"--format {name!r}: {nearest(name, FORMATS)}")
    return FORMATS[name]


def largest_difference(written: Format, path: Path, model: Model) -> float:
    """By how much a pixel in [-1, 1] differs at most between what was written and the model, in `COMPARED` images."""
    z = rng.normals(0, "drawn latents", 0, COMPARED, model.generator.latent)
    labels = np.arange(COMPARED, dtype=np.int64) % len(model.class_names)
    return float(np.abs(written.draw(path, z, labels) - drawn_directly(model, z, labels)).max())
