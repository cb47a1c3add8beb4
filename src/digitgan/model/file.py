"""The model: a generator with its recipe and its card, in one safetensors file.

The header of the file contains the information to rebuild the generator, and a SHA-256 of this information and all weights.
An altered file is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import html
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from digitgan import rng
from digitgan.device import one_thread
from digitgan.errors import ModelFileError, OutputError, RecipeError, UsageError
from digitgan.files import replacing
from digitgan.images import Picture, Pictures, as_pictures, enlarged, from_network, grid, inline_png
from digitgan.lookup import missing_origin
from digitgan.model.batching import BLOCK, side_by_side, spans
from digitgan.networks import Generator, ImageSpec, build_generator
from digitgan.recipes import BLANK, Recipe, from_toml, to_toml

MODEL_FORMAT = "digitgan-model"
MODEL_FORMAT_VERSION = 1

MAX_HEADER_BYTES = 1 << 24
MAX_MODEL_BYTES = 1 << 30
"""Largest size of a model file, written or read: 1 GiB, or 268 million parameters in float32."""


NOTEBOOK_CLASSES, NOTEBOOK_ROWS = 10, 2
"""The number of classes that a notebook shows of a model, and of images of each class."""


@final
@dataclass(frozen=True)
class Model:
    """A trained generator with its recipe, class names and card.

    Attributes:
        generator: the generator, in evaluation mode.
        recipe: the recipe of the training.
        class_names: the name of each class.
        card: the origin and quality of the model as JSON values: seed, images seen, data, seconds, metrics, versions.
    """

    generator: Generator
    recipe: Recipe
    class_names: tuple[str, ...]
    card: dict[str, Any]

    def sample(
        self,
        labels: Sequence[int] | npt.NDArray[np.int64],
        seed: int = 0,
        start: int = 0,
        truncation: float | None = None,
    ) -> Pictures:
        """Generate one image for each label.

        Args:
            labels: class indices, each in [0, len(class_names)).
            seed: the random seed. Image i of a call is a function of (model, seed, start + i, labels[i]) only.
            start: the index of the first image in the infinite sequence of the seed.
            truncation: lower values give more typical and less varied images; see `Generator.truncate`.

        Returns:
            uint8 (n, height, width), or (n, height, width, channels) for colour. A notebook shows the array as a picture.

        Raises:
            UsageError: if there are no labels, a label has no class, `seed` or `start` is negative, or `truncation` is out of
                the range of the generator's family.
        """
        return as_pictures(np.concatenate(list(self.sample_blocks(labels, seed, start, truncation))))

    def sample_blocks(
        self,
        labels: Sequence[int] | npt.NDArray[np.int64],
        seed: int = 0,
        start: int = 0,
        truncation: float | None = None,
    ) -> Iterator[Picture]:
        """Yield the images of `sample` in blocks of at most `BLOCK`, so that any number of images fits into memory."""
        wanted = self.checked(labels)
        rng.check_seed(seed)
        if start < 0:
            raise UsageError(f"start {start}: must be 0 or more")
        if truncation is not None:
            self.generator.check_truncation(truncation)

        def drawn(span: range) -> Picture:
            z = self.latents(seed, span, truncation)
            return self.draw(z, torch.from_numpy(wanted[span.start - start : span.stop - start]), span.start % BLOCK)

        return side_by_side(drawn, spans(start, len(wanted)))

    def checked(self, labels: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return labels as an int64 array (n,).

        Raises:
            UsageError: if there are no labels, they are not integers, or one of them has no class.
        """
        wanted = np.asarray(labels)
        if wanted.ndim != 1 or len(wanted) == 0:
            raise UsageError("labels: must be a list of at least one class index")
        if wanted.dtype.kind not in "iu":
            raise UsageError(f"labels: must be integer class indices, not {wanted.dtype}")
        if wanted.min() < 0 or wanted.max() >= len(self.class_names):
            wrong = int(wanted.min() if wanted.min() < 0 else wanted.max())
            last = len(self.class_names) - 1
            allowed = f"from 0 to {last} for this model" if last else "0, because this model has no other class"
            raise UsageError(f"label {wrong}: must be {allowed}")
        return wanted.astype(np.int64)

    def latents(self, seed: int, span: range, truncation: float | None = None, attempt: int = 0) -> Tensor:
        """Return the latents (n, latent), or with a truncation the latent codes (n, code), of the images `span` of a seed.

        Args:
            seed: see `sample`.
            span: the indices of the images.
            truncation: see `sample`.
            attempt: 0 for the image itself, 1 for its replacement if a filter rejects it, and so on.
        """
        purpose = "drawn latents" if attempt == 0 else f"drawn latents, attempt {attempt}"
        z = torch.from_numpy(rng.normals(seed, purpose, span.start, len(span), self.generator.latent))
        return z if truncation is None else self.generator.truncate(z, truncation)

    def at_origin(self, labels: Sequence[int] | npt.NDArray[np.int64]) -> Iterator[Picture]:
        """Yield the image at the centre of the latents for each label, in blocks of at most `BLOCK`.

        The centre is the zero latent, or the average style of the class.
        """
        for chunk in torch.split(torch.from_numpy(self.checked(labels)), BLOCK):
            yield self.draw(self.generator.scaled(torch.zeros(len(chunk), self.generator.latent), 0.0), chunk)

    @torch.inference_mode()
    def draw(self, z: Tensor, labels: Tensor, place: int = 0) -> Picture:
        """Generate images for at most `BLOCK` latents.

        Args:
            z: latents (n, latent) or latent codes (n, code).
            labels: class indices (n,), or class weights (n, classes) to interpolate between classes.
            place: the position of the first image in its block.

        Returns:
            uint8 (n, height, width[, channels]).
        """
        places = slice(place, place + len(labels))
        device = next(self.generator.parameters()).device
        filled_z, filled_labels = torch.zeros(BLOCK, z.shape[1]), labels.new_zeros(BLOCK, *labels.shape[1:])
        filled_z[places], filled_labels[places] = z, labels
        with one_thread():
            return from_network(self.generator(filled_z.to(device), filled_labels.to(device))[places])

    def draw_many(self, z: Tensor, labels: Tensor) -> Picture:
        """Generate images as `draw` does, for any number of latents."""
        chunks = list(zip(torch.split(z, BLOCK), torch.split(labels, BLOCK), strict=True))
        return np.concatenate(list(side_by_side(lambda chunk: self.draw(*chunk), chunks)))

    def _repr_html_(self) -> str:
        """Return the model for a notebook: its facts, and images of the first classes."""
        spec, shown = self.generator.spec, min(NOTEBOOK_CLASSES, len(self.class_names))
        names = ", ".join(self.class_names[:shown]) + (", …" if shown < len(self.class_names) else "")
        facts = f"{self.recipe.name}, {spec.height}×{spec.width}×{spec.channels}, {len(self.class_names)} classes: {names}"
        rows = np.tile(np.arange(shown), NOTEBOOK_ROWS) if len(self.class_names) > 1 else np.zeros(20, dtype=np.int64)
        columns = shown if len(self.class_names) > 1 else 10
        return f"<p>{html.escape(facts)}</p>{inline_png(enlarged(grid(np.asarray(self.sample(rows)), columns), 2))}"

    def to(self, device: torch.device) -> Model:
        """Return the model on another device."""
        return dataclasses.replace(self, generator=self.generator.to(device))


def save_model(path: Path, model: Model, *, half: bool = False) -> None:
    """Write a model file atomically.

    Args:
        path: the file.
        model: the model.
        half: whether kernels and embeddings are rounded to float16, so that the file is half as large. A model that is read
            from it computes in float32 as any other.

    Raises:
        OutputError: if the path cannot be written, or the file would be larger than `MAX_MODEL_BYTES`.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.generator.state_dict().items()}
    if half:
        tensors = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    header = {
        "format": MODEL_FORMAT,
        "version": str(MODEL_FORMAT_VERSION),
        "recipe": to_toml(model.recipe),
        "form": json.dumps(dataclasses.asdict(model.generator.spec)),
        "class_names": json.dumps(model.class_names),
        "card": json.dumps(model.card, sort_keys=True),
    }
    header["digest"] = tensors_sha256(tensors, header)
    content = tensors_to_bytes(tensors, metadata=header)
    if len(content) > MAX_MODEL_BYTES:
        raise OutputError(f"{path}: would have {len(content):,} bytes; a model file has at most {MAX_MODEL_BYTES:,}")
    with replacing(path) as file:
        file.write(content)


def load_model(path: Path) -> Model:
    """Read a model file and rebuild its generator.

    Raises:
        ModelFileError: if the file is missing, truncated, altered, of another version, or not written by digitgan.
    """
    header, tensors = _read(path)
    if header.get("format") != MODEL_FORMAT:
        raise ModelFileError(f"{path}: not a digitgan model; use a model.safetensors that `digitgan train` wrote")
    if header.get("version") != str(MODEL_FORMAT_VERSION):
        raise ModelFileError(
            f"{path}: model version {header.get('version')} is not supported (this digitgan reads {MODEL_FORMAT_VERSION}); "
            "upgrade digitgan"
        )
    claimed = header.pop("digest", "")
    if claimed != tensors_sha256(tensors, header):
        raise ModelFileError(f"{path}: altered or damaged: its contents do not match its SHA-256; get a new copy of the file")
    try:
        names, card = json.loads(header["class_names"]), json.loads(header["card"])
        recipe = _recipe(path, header["recipe"], card)
        spec = ImageSpec(**json.loads(header["form"]))
        generator = build_generator(recipe, spec)
        generator.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, RecursionError, RecipeError) as problem:
        raise ModelFileError(f"{path}: the recipe does not match the weights: {problem}") from problem
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != spec.classes:
        raise ModelFileError(f"{path}: class_names must be a list of {spec.classes} strings; digitgan did not write this file")
    if not isinstance(card, dict):
        raise ModelFileError(f"{path}: card must be a JSON object; digitgan did not write this file")
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise ModelFileError(f"{path}: some weights are not finite, because the training diverged; use another model")
    return Model(generator.eval(), recipe, tuple(names), card)


def _recipe(path: Path, text: str, card: Any) -> Recipe:
    """Return the recipe of a model file.

    Raises:
        ModelFileError: if the recipe names a family of networks of a package or module that is not there.
        RecipeError: if it is invalid for another reason.
    """
    try:
        return from_toml(text, str(path), BLANK)
    except RecipeError as problem:
        if isinstance(card, dict) and (missing := missing_origin(card.get("origins"))):
            raise ModelFileError(f"{path}: {missing}") from problem
        raise


def read_spec(path: Path) -> ImageSpec | None:
    """Return the image shape and the number of classes of a model file without reading its weights; None if it is damaged."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = file.read(min(length, MAX_HEADER_BYTES))
        return ImageSpec(**json.loads(json.loads(header)["__metadata__"]["form"]))
    except (OSError, struct.error, ValueError, KeyError, TypeError, RecursionError):
        return None


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelFileError(f"{path}: has {size:,} bytes; a model file has at most {MAX_MODEL_BYTES:,}")
        content = path.read_bytes()
    except OSError as problem:
        raise ModelFileError(f"{path}: cannot be read ({problem.strerror}); name a run folder or a model file") from problem
    try:
        tensors = tensors_from_bytes(content)
        (length,) = struct.unpack("<Q", content[:8])
        header: Mapping[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, struct.error, ValueError, RecursionError) as problem:
        raise ModelFileError(f"{path}: not a complete safetensors file ({problem}); get a new copy of the file") from problem
    return dict(header), tensors


def tensors_sha256(tensors: Mapping[str, Tensor], header: Mapping[str, str] | None = None) -> str:
    """Return the SHA-256 of named tensors and of an optional header, independent of the order and of the file format."""
    digest = hashlib.sha256(json.dumps(sorted((header or {}).items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
