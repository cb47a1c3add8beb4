"""The commands `digitgan export` and `digitgan import`: models for other programs, and generators of Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch

from digitgan import rng
from digitgan.data import DataRequest, ProgressFn
from digitgan.errors import DataError, UsageError, nearest
from digitgan.evaluation import FeatureMoments, classifier_for, classify_images, evenly, frechet_distance
from digitgan.evaluation.sources import train_test_split
from digitgan.exporters import (
    EXPORT_FORMATS,
    ExportedModel,
    ExportFormat,
    Images,
    Labels,
    Latents,
    drawn_directly,
    largest_difference,
)
from digitgan.exporters.keras_import import read_keras
from digitgan.files import claim_output, file_hash, free_path, replacing, whole_folder
from digitgan.images import from_network
from digitgan.model.file import Model, save_model
from digitgan.model.registry import find_model, load, load_discriminator
from digitgan.options import ExportOptions, ImportOptions

QUALITY_IMAGES: Final = 10_000
"""Number of images by which the quality of a quantised model is compared with that of the model."""

CHUNK_SIZE: Final = 500
"""Batch size of that comparison."""


@final
@dataclass(frozen=True)
class ExportResult:
    """The result of `export`.

    Attributes:
        path: The file or folder written.
        files: All files written.
        size: Total size in bytes.
        largest_difference: Largest difference of a pixel in [-1, 1] between the export and the model.
        quality: Metrics of a quantised model ("quantised") and of the model ("float32"); empty without quantisation.
    """

    path: Path
    files: tuple[Path, ...]
    size: int
    largest_difference: float
    quality: dict[str, dict[str, float]]


def export(options: ExportOptions, notify: ProgressFn = lambda line: None) -> ExportResult:
    """Export a model for other programs, and compare the export with the model.

    Args:
        options: The options of `digitgan export`.
        notify: Called with each log line.

    Raises:
        DigitganError: If the model cannot be read, a required package is missing, or the path cannot be written. No partial
            output remains.
    """
    model, format, quantize = options.model, options.format, options.quantize
    form = EXPORT_FORMATS.find(format)
    if options.with_discriminator and not form.takes_discriminator:
        holds = " or ".join(f"--format {each.name}" for each in EXPORT_FORMATS.values() if each.takes_discriminator)
        raise UsageError(f"--with-discriminator: --format {format} holds generators only; use {holds}")
    known = dict.fromkeys(name for each in EXPORT_FORMATS.values() for name in each.quantisations)
    if quantize is not None and quantize not in known:
        raise UsageError(f"--quantize {quantize!r}: unknown; {nearest(quantize, known)}")
    if quantize is not None and quantize not in form.quantisations:
        found = [each for each in EXPORT_FORMATS.values() if each.quantisations]
        right = " or ".join(f"--format {each.name} with {' or '.join(each.quantisations)}" for each in found)
        raise UsageError(f"--quantize {quantize}: not available for --format {format}; use {right}")
    form.check()
    file = find_model(model)
    loaded = load(file)
    discriminator = load_discriminator(model, loaded, "--with-discriminator") if options.with_discriminator else None
    exported = ExportedModel(loaded, discriminator, file_hash(file), model)
    path = options.out or free_path(Path("generator" + form.ending if form.ending else f"{form.name}-model"))
    endings = {name: each.ending for name, each in EXPORT_FORMATS.items()}
    claim_output(path, form.ending, overwrite=options.overwrite, format_name=form.name, endings=endings)
    if form.ending:
        with replacing(path) as opened:
            form.write(exported, Path(opened.name), quantize)
    else:
        with whole_folder(path) as folder:
            form.write(exported, folder, quantize)
    files = (
        (path,)
        if path.is_file()
        else tuple(sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith(".")))
    )
    quality = {} if quantize is None else _quality(form, path, loaded, options.data_dir, notify)
    size = sum(each.stat().st_size for each in files)
    return ExportResult(path, files, size, largest_difference(form, path, loaded), quality)


def _quality(
    form: ExportFormat, path: Path, model: Model, data_dir: Path | None, notify: ProgressFn
) -> dict[str, dict[str, float]]:
    """Measure a quantised model and the model itself against training images, with the same latents.

    Returns:
        The metrics of "float32" and "quantised"; empty if the training images are not available.
    """
    data = model.card.get("data")
    try:
        if data is None:
            raise DataError("the card of the model names no training data")
        training = train_test_split(DataRequest.requested((), data_dir, None, data), notify).training
    except DataError as problem:
        notify(f"quality not measured: {problem}")
        return {}
    classifier = classifier_for(training, notify).classifier
    real = FeatureMoments.of(classify_images(classifier, evenly(training, min(QUALITY_IMAGES, len(training))).images)[0])
    z = rng.normals(0, "drawn latents", 0, QUALITY_IMAGES, model.generator.latent)
    labels = np.arange(QUALITY_IMAGES, dtype=np.int64) % len(model.class_names)
    ways: dict[str, Callable[[Latents, Labels], Images]] = {
        "float32": lambda z, labels: drawn_directly(model, z, labels),
        "quantised": lambda z, labels: form.draw(path, z, labels),
    }
    found = {}
    for name, way in ways.items():
        parts = [
            way(z[first : first + CHUNK_SIZE], labels[first : first + CHUNK_SIZE])
            for first in range(0, QUALITY_IMAGES, CHUNK_SIZE)
        ]
        features, classification = classify_images(classifier, from_network(torch.from_numpy(np.concatenate(parts))))
        metrics: dict[str, Any] = {"frechet_distance": round(frechet_distance(FeatureMoments.of(features), real), 6)}
        if model.recipe.conditional:
            right = float((classification.argmax(axis=1) == labels).mean())
            metrics = {"class_accuracy": round(right, 6), **metrics}
        found[name] = metrics
    return found


@final
@dataclass(frozen=True)
class ImportResult:
    """The result of `import_keras`.

    Attributes:
        path: The model file written.
        model: The imported model.
    """

    path: Path
    model: Model


def import_keras(options: ImportOptions) -> ImportResult:
    """Convert a generator saved by Keras 3 into a model file. No code in the source is executed.

    Raises:
        DigitganError: If a file cannot be read, a layer is not supported (the message names it), or the path cannot be
            written.
    """
    path = options.out or free_path(Path(f"{options.source.stem}.safetensors"))
    claim_output(path, ".safetensors", overwrite=options.overwrite)
    model = read_keras(options.source, options.weights, options.class_names)
    save_model(path, model)
    return ImportResult(path, model)
