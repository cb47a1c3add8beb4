"""`digitgan export` and `import`: from names and paths to models that other programs read, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch

from digitgan import rng
from digitgan.data import ProgressFn
from digitgan.errors import DataError, UsageError
from digitgan.evaluation import FeatureMoments, classifier_for, classify_images, evenly, frechet_distance
from digitgan.evaluation.run import train_test_split
from digitgan.exporters import (
    FORMATS,
    Format,
    Images,
    Labels,
    Latents,
    Package,
    drawn_directly,
    find_format,
    largest_difference,
)
from digitgan.exporters.keras_import import read_keras
from digitgan.files import claim_output, file_hash, free_path, replacing, whole_folder
from digitgan.images import from_network
from digitgan.model.file import Model, save_model
from digitgan.model.registry import DEFAULT_MODEL, find_model, load
from digitgan.networks import Discriminator, build_discriminator
from digitgan.runs import RunFolder
from digitgan.training.checkpoint import newest_discriminator

JUDGED: Final = 10_000
"""Images by which the quality of a quantised model is compared with that of the model itself."""

CHUNK_SIZE: Final = 500
"""Images drawn at once for that."""


@final
@dataclass(frozen=True)
class ExportResult:
    """What `export` left.

    Attributes:
        path: the file or folder.
        files: all of them.
        size: of all together, in bytes.
        largest_difference: of a pixel in [-1, 1], between what was written and the model.
        quality: of a quantised model: figures of it ("quantised") and of the model ("float32"); empty otherwise.
    """

    path: Path
    files: tuple[Path, ...]
    size: int
    largest_difference: float
    quality: dict[str, dict[str, float]]


def export(
    model: Path | str = DEFAULT_MODEL,
    *,
    format: str = "onnx",
    with_discriminator: bool = False,
    quantize: str | None = None,
    out: Path | str | None = None,
    overwrite: bool = False,
    data_dir: Path | str | None = None,
    notify: ProgressFn = lambda line: None,
) -> ExportResult:
    """Write a model down for other programs, and compare what was written with the model.

    Args:
        model: a run's folder, a numbered model of it, a model file, or the name of a shipped model.
        format: "onnx", "keras", "torch" or "huggingface".
        with_discriminator: also the discriminator of the run; in Keras' format.
        quantize: "fp16" or "int8", in ONNX.
        out: where to; by default the format's usual name, or the next free one.
        overwrite: replace what is there.
        data_dir: where downloaded data sets lie, with which the quality of a quantised model is measured.
        notify: takes a line now and then.

    Raises:
        DigitganError: where the model can't be read, something that the format needs isn't installed, or the path can't be
            written; nothing half-written remains.
    """
    form = find_format(format)
    if with_discriminator and not form.takes_discriminator:
        holds = " or ".join(f"--format {each.name}" for each in FORMATS.values() if each.takes_discriminator)
        raise UsageError(f"--with-discriminator: --format {format} holds generators only; {holds} is right")
    if quantize is not None and quantize not in form.quantisations:
        found = [each for each in FORMATS.values() if each.quantisations]
        right = " or ".join(f"--format {each.name} with {' or '.join(each.quantisations)}" for each in found)
        raise UsageError(f"--quantize {quantize}: {right} is right")
    form.check()
    file = find_model(str(model))
    loaded = load(file)
    discriminator = _discriminator(str(model), loaded) if with_discriminator else None
    package = Package(loaded, discriminator, file_hash(file), str(model))
    path = Path(out) if out is not None else free_path(Path("generator" + form.ending if form.ending else f"{form.name}-model"))
    claim_output(path, overwrite=overwrite, folder=not form.ending)
    if form.ending:
        with replacing(path) as opened:
            form.write(package, Path(opened.name), quantize)
    else:
        with whole_folder(path) as folder:
            form.write(package, folder, quantize)
    files = (path,) if path.is_file() else tuple(sorted(each for each in path.iterdir() if not each.name.startswith(".")))
    quality = {} if quantize is None else _quality(form, path, loaded, data_dir, notify)
    size = sum(each.stat().st_size for each in files)
    return ExportResult(path, files, size, largest_difference(form, path, loaded), quality)


def _discriminator(name: str, model: Model) -> Discriminator:
    """The discriminator of a run's newest checkpoint.

    Raises:
        UsageError: for a model that is no run's folder.
        RunError: for a run without a whole checkpoint.
    """
    run = RunFolder(Path(name))
    if not run.record.is_file():
        raise UsageError(
            f"--with-discriminator: {name} is a generator alone; name the folder of a run, whose checkpoint has both"
        )
    discriminator = build_discriminator(model.recipe, model.generator.spec)
    newest_discriminator(run.checkpoints, discriminator)
    return discriminator.eval()


def _quality(
    form: Format, path: Path, model: Model, data_dir: Path | str | None, notify: ProgressFn
) -> dict[str, dict[str, float]]:
    """Figures of a quantised model beside those of the model itself, against training images; of the same latents."""
    source = model.card.get("data", {}).get("source")
    try:
        if source is None:
            raise DataError("the model's card names no data")
        training = train_test_split(source, None if data_dir is None else Path(data_dir), notify).training
    except DataError as problem:
        notify(f"its quality was not measured: {problem}")
        return {}
    classifier = classifier_for(training, notify).classifier
    real = FeatureMoments.of(classify_images(classifier, evenly(training, min(JUDGED, len(training))).images)[0])
    z = rng.normals(0, "drawn latents", 0, JUDGED, model.generator.latent)
    labels = np.arange(JUDGED, dtype=np.int64) % len(model.class_names)
    ways: dict[str, Callable[[Latents, Labels], Images]] = {
        "float32": lambda z, labels: drawn_directly(model, z, labels),
        "quantised": lambda z, labels: form.draw(path, z, labels),
    }
    found = {}
    for name, way in ways.items():
        parts = [
            way(z[first : first + CHUNK_SIZE], labels[first : first + CHUNK_SIZE]) for first in range(0, JUDGED, CHUNK_SIZE)
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
    """What `import_keras` left.

    Attributes:
        path: the model file.
        model: what is in it.
    """

    path: Path
    model: Model


def import_keras(
    source: Path | str,
    *,
    weights: Path | str | None = None,
    class_names: Sequence[str] | None = None,
    out: Path | str | None = None,
    overwrite: bool = False,
) -> ImportResult:
    """Take a generator that was saved by Keras 3 into a model file. Nothing in it is run.

    Args:
        source: a `.keras` file, or an architecture as JSON.
        weights: the `.weights.h5` file that belongs to the JSON.
        class_names: a name for each label; by default the labels themselves.
        out: the model file; by default `NAME.safetensors`, or the next free one.
        overwrite: replace what is there.

    Raises:
        DigitganError: where a file can't be read, has a layer that is not known (it is named), or the path can't be written.
    """
    path = Path(out) if out is not None else free_path(Path(f"{Path(source).stem}.safetensors"))
    claim_output(path, overwrite=overwrite)
    model = read_keras(Path(source), None if weights is None else Path(weights), class_names)
    save_model(path, model)
    return ImportResult(path, model)
