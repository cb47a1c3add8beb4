"""The interface of an export format."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.model.file import Model
from digitgan.networks import Discriminator
from digitgan.recipes import to_toml
from digitgan.version import __version__

Latents = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.float32]


@final
@dataclass(frozen=True)
class ExportedModel:
    """A model to be exported.

    Attributes:
        model: The generator on the CPU, with recipe, class names and card.
        discriminator: The discriminator of the same run; None to export the generator alone.
        sha256: SHA-256 of the model file.
        source: Name or path of the model, as the user gave it.
    """

    model: Model
    discriminator: Discriminator | None
    sha256: str
    source: str


class ExportFormat(ABC):
    """An export format.

    Attributes:
        name: Value of `--format`.
        ending: Extension of the file; empty for a folder.
        takes_discriminator: Whether the format can hold a discriminator.
        quantisations: Supported values of `--quantize`.
    """

    name: ClassVar[str]
    ending: ClassVar[str] = ""
    takes_discriminator: ClassVar[bool] = False
    quantisations: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self) -> None:
        """Check that the required packages are installed.

        Raises:
            UsageError: If one is missing; the message holds the pip command.
        """

    @abstractmethod
    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """Write a model.

        Args:
            exported: The model.
            path: A file, or an existing empty folder. It is moved to its final place after this method has returned.
            quantize: One of `quantisations`; None for float32.
        """

    @abstractmethod
    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """Generate images from the written files alone.

        Args:
            path: The file or folder written.
            z: float32 (n, latent).
            labels: int64 (n,).

        Returns:
            float32 (n, channels, height, width) in [-1, 1].
        """


def facts(exported: ExportedModel, quantize: str | None = None) -> dict[str, Any]:
    """Return what a program needs to know to use the generator, as JSON values."""
    model = exported.model
    return {
        "recipe": model.recipe.name,
        "recipe_toml": to_toml(model.recipe),
        "class_names": list(model.class_names),
        "conditional": model.recipe.conditional,
        "latent": model.generator.latent,
        "image_spec": dataclasses.asdict(model.generator.spec),
        "images": "float32 NCHW in [-1, 1]",
        "z": "float32 (n, latent), standard normal",
        "labels": "int64 (n,), each an index of class_names",
        "precision": quantize or "float32",
        "model_sha256": exported.sha256,
        "digitgan": __version__,
    }


def drawn_directly(model: Model, z: Latents, labels: Labels) -> Images:
    """Generate images (n, channels, height, width) in [-1, 1] with the model itself."""
    with torch.inference_mode():
        images: Images = model.generator(torch.from_numpy(z), torch.from_numpy(labels)).contiguous().numpy()
    return images
