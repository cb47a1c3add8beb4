"""The model: the generator one draws from, with its recipe and its card, in one safetensors file.

The file's header carries, as text, all it takes to rebuild the generator, and a SHA-256 over that and every weight, so that
an altered file is refused rather than drawn from.
"""

from __future__ import annotations

import dataclasses
import hashlib
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
from digitgan.errors import ModelFileError, RecipeError, UsageError
from digitgan.files import replacing
from digitgan.images import Picture, from_network
from digitgan.model.batching import BLOCK, side_by_side, spans
from digitgan.networks import Generator, ImageSpec, build_generator
from digitgan.recipes import BLANK, Recipe, from_toml, to_toml

FORMAT = "digitgan-model"
VERSION = 1

MAX_BYTES = 256 << 20
"""Of a model file: sixty-four million weights. A file that claims to be one and is larger is not read into memory."""


@final
@dataclass(frozen=True)
class Model:
    """A generator ready to draw from.

    Attributes:
        generator: in evaluation mode.
        recipe: what it was trained by.
        class_names: a name for each label.
        card: where it comes from and what it is worth, as JSON values: seed, images seen, data, seconds, metrics, versions.
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
    ) -> Picture:
        """Draw one image for each label.

        Args:
            labels: class indices, each in [0, len(class_names)).
            seed: image i of this call is a function of (model, seed, start + i, labels[i]) and nothing else.
            start: index of the first image in the endless sequence that the seed names.
            truncation: keeps the latents' numbers within plus and minus this; see `truncated`.

        Returns:
            uint8 (n, height, width), or (n, height, width, channels) for colour.

        Raises:
            UsageError: for a label without a class, no labels at all, a start below 0, or a truncation that is not above it.
        """
        return np.concatenate(list(self.sample_blocks(labels, seed, start, truncation)))

    def sample_blocks(
        self,
        labels: Sequence[int] | npt.NDArray[np.int64],
        seed: int = 0,
        start: int = 0,
        truncation: float | None = None,
    ) -> Iterator[Picture]:
        """`sample`, a block of at most `BLOCK` images at a time, so that any number fits into memory."""
        wanted = self.checked(labels)
        if start < 0:
            raise UsageError(f"start {start}: the images of a seed are counted from 0")
        if truncation is not None and not truncation > 0:
            raise UsageError(f"truncation {truncation}: a number above 0 is right; 1 to 2 is usual")

        def drawn(span: range) -> Picture:
            z = self.latents(seed, span, truncation)
            return self.draw(z, torch.from_numpy(wanted[span.start - start : span.stop - start]), span.start % BLOCK)

        return side_by_side(drawn, spans(start, len(wanted)))

    def checked(self, labels: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Labels as an array (n,) of classes that there are.

        Raises:
            UsageError: for others, or none at all.
        """
        wanted = np.asarray(labels)
        if wanted.ndim != 1 or len(wanted) == 0:
            raise UsageError("no labels to draw; give at least one")
        if wanted.dtype.kind not in "iu":
            raise UsageError(f"labels are class indices, whole numbers; these are {wanted.dtype}")
        if wanted.min() < 0 or wanted.max() >= len(self.class_names):
            wrong = int(wanted.min() if wanted.min() < 0 else wanted.max())
            raise UsageError(f"label {wrong} does not exist: this model draws 0 to {len(self.class_names) - 1}")
        return wanted.astype(np.int64)

    def latents(self, seed: int, span: range, truncation: float | None = None, attempt: int = 0) -> Tensor:
        """The latents (n, latent) of images `span` of a seed.

        Args:
            seed: see `sample`.
            span: indices of images.
            truncation: see `sample`.
            attempt: 0 for the image itself, 1 for what replaces it where it is not wanted, and so on.
        """
        purpose = "drawn latents" if attempt == 0 else f"drawn latents, attempt {attempt}"
        z = rng.normals(seed, purpose, span.start, len(span), self.generator.latent)
        return torch.from_numpy(z if truncation is None else truncated(z, truncation))

    def at_origin(self, labels: Sequence[int] | npt.NDArray[np.int64]) -> Iterator[Picture]:
        """The image of the all-zero latent, the middle of all there are, for each label; in blocks as `sample_blocks`."""
        for chunk in torch.split(torch.from_numpy(self.checked(labels)), BLOCK):
            yield self.draw(torch.zeros(len(chunk), self.generator.latent), chunk)

    @torch.inference_mode()
    def draw(self, z: Tensor, labels: Tensor, place: int = 0) -> Picture:
        """Images of at most `BLOCK` given latents.

        Args:
            z: (n, latent).
            labels: (n,) class indices; or (n, classes) shares of each class, for what lies between classes.
            place: of the first of them in its block.

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
        """`draw`, for any number of latents."""
        chunks = list(zip(torch.split(z, BLOCK), torch.split(labels, BLOCK), strict=True))
        return np.concatenate(list(side_by_side(lambda chunk: self.draw(*chunk), chunks)))

    def to(self, device: torch.device) -> Model:
        """The same model on another device."""
        return dataclasses.replace(self, generator=self.generator.to(device))


def truncated(z: npt.NDArray[np.float32], reach: float) -> npt.NDArray[np.float32]:
    """Standard normal numbers squeezed into plus and minus `reach`, each keeping its rank.

    The truncation trick (Brock et al. 2019, arXiv:1809.11096, section 3.1) in a form that needs no redrawing: the number below
    which a share p of the normal distribution lies becomes the one below which that share of the truncated one does. So an
    image stays itself, and comes nearer to the middle of all there are.
    """
    from scipy.special import ndtr, ndtri

    outside = ndtr(-reach)
    squeezed: npt.NDArray[np.float32] = ndtri(outside + ndtr(z.astype(np.float64)) * (1 - 2 * outside)).astype(np.float32)
    return squeezed.clip(-reach, reach)


def save_model(path: Path, model: Model) -> None:
    """Write a model file, whole or not at all.

    Raises:
        OutputError: if the path can't be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.generator.state_dict().items()}
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "recipe": to_toml(model.recipe),
        "form": json.dumps(dataclasses.asdict(model.generator.spec)),
        "class_names": json.dumps(model.class_names),
        "card": json.dumps(model.card, sort_keys=True),
    }
    header["digest"] = _digest(header, tensors)
    with replacing(path) as file:
        file.write(tensors_to_bytes(tensors, metadata=header))


def load_model(path: Path) -> Model:
    """Read a model file and rebuild its generator.

    Raises:
        ModelFileError: if the file is missing, truncated, altered, of a newer version, or was not written by digitgan.
    """
    header, tensors = _read(path)
    if header.get("format") != FORMAT:
        raise ModelFileError(f"{path}: not a digitgan model; `digitgan train` writes one as model.safetensors")
    if header.get("version") != str(VERSION):
        raise ModelFileError(f"{path}: model version {header.get('version')}, this digitgan reads {VERSION}: upgrade digitgan")
    claimed = header.pop("digest", "")
    if claimed != _digest(header, tensors):
        raise ModelFileError(f"{path}: altered or damaged: its contents do not match its own SHA-256; get the file anew")
    try:
        recipe = from_toml(header["recipe"], str(path), BLANK)
        spec = ImageSpec(**json.loads(header["form"]))
        generator = build_generator(recipe, spec)
        generator.load_state_dict(tensors)
        names, card = json.loads(header["class_names"]), json.loads(header["card"])
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, RecursionError, RecipeError) as problem:
        raise ModelFileError(f"{path}: its recipe and its weights do not go together: {problem}") from problem
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != spec.classes:
        raise ModelFileError(f"{path}: its class names are not {spec.classes} texts; it was not written by digitgan")
    if not isinstance(card, dict):
        raise ModelFileError(f"{path}: its card is no table; it was not written by digitgan")
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise ModelFileError(f"{path}: some of its weights are no numbers: its training has diverged")
    return Model(generator.eval(), recipe, tuple(names), card)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelFileError(f"{path}: has {size:,} bytes, more than a generator of small images can need ({MAX_BYTES:,})")
        content = path.read_bytes()
    except OSError as problem:
        raise ModelFileError(f"{path}: cannot be read ({problem.strerror}); name a run's folder or a model file") from problem
    try:
        tensors = tensors_from_bytes(content)
        (length,) = struct.unpack("<Q", content[:8])
        header: Mapping[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, struct.error, ValueError, RecursionError) as problem:
        raise ModelFileError(f"{path}: not a whole safetensors file ({problem}); truncated, or another format") from problem
    return dict(header), tensors


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(header.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
