"""Import of generators from Keras 3: `.keras` files, or an architecture as JSON with its weights."""

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
"""Maximum bytes read of an architecture and of weights, far above the size of a generator of small images."""

TRIED: Final = 64
"""Number of images by which the range of the pixels is checked."""

MAX_SIDE: Final = 4096
"""Maximum height and width of an image, in pixels."""

MAX_CLASSES: Final = 1_000_000


def read_keras(path: Path, weights: Path | None, class_names: Sequence[str] | None) -> Model:
    """Read a generator saved by Keras 3.

    No code in the files is executed: only layers of `digitgan.networks.keras_graph.KINDS` are built, and weights are read as
    plain arrays.

    Args:
        path: A `.keras` file, the JSON of an architecture, or the folder of an export.
        weights: The `.weights.h5` file of the architecture; None for a `.keras` file.
        class_names: A name per label; by default the labels themselves.

    Returns:
        A model that generates the same images up to rounding.

    Raises:
        ModelFileError: If a file is missing, damaged, too large or of another kind, or has an unsupported layer. The message
            names the layer.
        UsageError: If h5py is not installed.
    """
    if path.is_dir() and (path / WHOLE).is_file():
        path = path / WHOLE  # the folder of `digitgan export --format keras`
    if weights is None and path.suffix != ".keras" and path.is_file():
        missing = "has no weights; give them with --weights"
        other = "is not a .keras file; give one, or an architecture as JSON with --weights"
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
    recipe = Recipe(name="imported", description=f"generator {architecture.name!r}, imported from Keras", generator=made)
    if not 1 <= architecture.classes <= MAX_CLASSES:
        raise ModelFileError(f"{path}: {architecture.classes} classes; must be between 1 and {MAX_CLASSES:,}")
    names = tuple(class_names) if class_names is not None else tuple(str(label) for label in range(architecture.classes))
    if len(names) != architecture.classes:
        raise ModelFileError(
            f"{path}: has {architecture.classes} classes, --class-names {len(names)} names; give one per class"
        )
    try:
        shape = lay_out(made, architecture.classes).shape
        if (
            len(shape) not in (2, 3)
            or shape[2:] not in ((), (1,), (3,))
            or not all(1 <= side <= MAX_SIDE for side in shape[:2])
        ):
            raise ModelFileError(f"{path}: outputs shape {shape}; must be images (height, width, 1 or 3)")
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
    """Check that the pixels lie in [-1, 1], or, if the layers do not determine the range, that images suggest it.

    Raises:
        ModelFileError: If they do not.
    """
    z = torch.from_numpy(rng.normals(0, "drawn latents", 0, TRIED, generator.latent))
    with torch.inference_mode():
        images = generator(z, torch.arange(TRIED) % generator.spec.classes)
    low, high = float(images.min()), float(images.max())
    if not (low >= -1.001 and high <= 1.001) or not (known or low < 0):
        raise ModelFileError(
            f"{path}: outputs values from {low:.3g} to {high:.3g} of unknown range; end it with the activation tanh (-1 to 1) "
            "or sigmoid (0 to 1)"
        )


def _read(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise ModelFileError(f"{path}: {path.stat().st_size:,} bytes exceed the maximum of {most:,}; use a smaller file")
        return path.read_bytes()
    except OSError as problem:
        raise ModelFileError(
            f"{path}: cannot be read ({problem.strerror}); give a .keras file, or JSON with --weights"
        ) from problem


def _unpack(content: bytes, path: Path) -> tuple[bytes, IO[bytes]]:
    """Return the architecture and the weights of a `.keras` file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = []
            for name, most in (("config.json", MAX_JSON), ("model.weights.h5", MAX_WEIGHTS)):
                size = archive.getinfo(name).file_size
                if size > most:
                    raise ModelFileError(f"{path}: {name} declares {size:,} bytes; the maximum is {most:,}")
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
            f"{path}: not a complete .keras file ({problem}); for an architecture as JSON, add --weights"
        ) from problem
