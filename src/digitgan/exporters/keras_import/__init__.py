"""Generators from Keras: `.keras` files, or an architecture as JSON and weights, into a model to draw from."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import torch

from digitgan import rng
from digitgan.errors import ModelFileError, RecipeError
from digitgan.exporters.keras_import.architecture import Architecture, read_architecture
from digitgan.exporters.keras_import.weights import read_weights
from digitgan.model.file import Model
from digitgan.networks import ImageSpec, build_generator
from digitgan.networks.keras_graph import Layer
from digitgan.networks.keras_graph.generator import KerasGraphGenerator, lay_out
from digitgan.recipes import KerasGraphGeneratorRecipe, Recipe
from digitgan.version import __version__

__all__ = ["read_keras"]

WHOLE: Final = "generator.keras"

MAX_JSON: Final = 32 * 2**20
MAX_WEIGHTS: Final = 256 * 2**20
"""Bytes that are read of an architecture, and of weights: far more than a generator of small images has."""

TRIED: Final = 64
"""Images by which the range of the pixels is checked."""

MAX_SIDE: Final = 4096
"""Pixels of an image's side."""

MAX_CLASSES: Final = 1_000_000


def read_keras(path: Path, weights: Path | None, class_names: Sequence[str] | None) -> Model:
    """A generator that was saved by Keras 3, as a model.

    Nothing in the files is run: layers are those in `digitgan.networks.keras_graph.KINDS`, and weights plain arrays.

    Args:
        path: a `.keras` file; or the JSON of an architecture.
        weights: the `.weights.h5` file of that architecture; None for a `.keras` file.
        class_names: a name for each label; by default the labels themselves.

    Returns:
        A model whose images are the same, rounding aside.

    Raises:
        ModelFileError: where a file is missing, damaged, too large, of another kind, or has a layer that is not known: it is
            named.
        UsageError: where h5py is not installed.
    """
    if path.is_dir() and (path / WHOLE).is_file():
        path = path / WHOLE  # what `digitgan export --format keras` leaves
    if weights is None and path.suffix != ".keras" and path.is_file():
        missing = "its weights are missing; give them as --weights"
        other = "is no .keras file; such a one is right, or an architecture as JSON with --weights"
        raise ModelFileError(f"{path}: {missing if path.suffix == '.json' else other}")
    content = _read(path, MAX_JSON if weights is not None else MAX_WEIGHTS)
    if weights is None:
        text, stored = _unpack(content, path)
        return _model(read_architecture(text, str(path)), stored, path, str(path), class_names, [content])
    stored_bytes = _read(weights, MAX_WEIGHTS)
    architecture = read_architecture(content, str(path))
    return _model(architecture, io.BytesIO(stored_bytes), path, str(weights), class_names, [content, stored_bytes])


def _model(
    architecture: Architecture,
    stored: IO[bytes],
    path: Path,
    weights_source: str,
    class_names: Sequence[str] | None,
    contents: Sequence[bytes],
) -> Model:
    made = KerasGraphGeneratorRecipe(
        latent=architecture.latent,
        label_input=architecture.label_input,
        pixels=architecture.pixels or "signed",
        layers=architecture.description(),
    )
    recipe = Recipe(name="imported", description=f"generator {architecture.name!r}, made elsewhere", generator=made)
    if not 1 <= architecture.classes <= MAX_CLASSES:
        raise ModelFileError(f"{path}: {architecture.classes} classes; 1 to {MAX_CLASSES:,} are right")
    names = tuple(class_names) if class_names is not None else tuple(str(label) for label in range(architecture.classes))
    if len(names) != architecture.classes:
        raise ModelFileError(f"{path}: draws {architecture.classes} classes, and --class-names has {len(names)}")
    try:
        shape = lay_out(made, architecture.classes).shape
        if (
            len(shape) not in (2, 3)
            or shape[2:] not in ((), (1,), (3,))
            or not all(1 <= side <= MAX_SIDE for side in shape[:2])
        ):
            raise ModelFileError(f"{path}: gives arrays of shape {shape}; images (height, width, 1 or 3) are right")
        height, width, channels = (*shape, 1)[:3]
        generator = build_generator(recipe, ImageSpec(channels, height, width, architecture.classes))
    except RecipeError as problem:
        raise ModelFileError(f"{path}: {str(problem).removeprefix('generator.layers: ')}") from problem
    assert isinstance(generator, KerasGraphGenerator)
    layers = {
        each["name"]: layer
        for each, layer in zip(architecture.layers, generator.layers, strict=True)
        if isinstance(layer, Layer)
    }
    for name, arrays in read_weights(stored, architecture.stored, layers, weights_source).items():
        layers[name].put(arrays)
    _check_pixels(generator.eval(), path, known=architecture.pixels is not None)
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    card = {
        "imported_from": path.name,
        "imported_sha256": digest.hexdigest(),
        "versions": {"digitgan": __version__, "torch": str(torch.__version__)},
    }
    return Model(generator.eval(), recipe, names, card)


def _check_pixels(generator: KerasGraphGenerator, path: Path, *, known: bool) -> None:
    """Refuse what gives no pixels in [-1, 1]; where its layers don't tell the range, by what it draws."""
    z = torch.from_numpy(rng.normals(0, "drawn latents", 0, TRIED, generator.latent))
    with torch.inference_mode():
        images = generator(z, torch.arange(TRIED) % generator.spec.classes)
    low, high = float(images.min()), float(images.max())
    if not (low >= -1.001 and high <= 1.001) or not (known or low < 0):
        raise ModelFileError(
            f"{path}: gives values from {low:.3g} to {high:.3g}, and its layers don't say what they mean; a last "
            "activation tanh (-1 to 1) or sigmoid (0 to 1) is right"
        )


def _read(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise ModelFileError(f"{path}: {path.stat().st_size:,} bytes, more than any generator of small images; not read")
        return path.read_bytes()
    except OSError as problem:
        raise ModelFileError(
            f"{path}: cannot be read ({problem.strerror}); a .keras file, or JSON and weights are right"
        ) from problem


def _unpack(content: bytes, path: Path) -> tuple[bytes, IO[bytes]]:
    """The two parts of a `.keras` file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = []
            for name, most in (("config.json", MAX_JSON), ("model.weights.h5", MAX_WEIGHTS)):
                size = archive.getinfo(name).file_size
                if size > most:
                    raise ModelFileError(f"{path}: its {name} claims {size:,} bytes, more than any generator has; not read")
                with archive.open(name) as part:
                    parts.append(part.read(most + 1))
            return parts[0], io.BytesIO(parts[1])
    except (
        zipfile.BadZipFile,
        KeyError,
        EOFError,
        RuntimeError,
        ValueError,
        OSError,
        zlib.error,
    ) as problem:
        raise ModelFileError(
            f"{path}: not a whole .keras file ({problem}); of an architecture as JSON, give the weights with --weights"
        ) from problem
