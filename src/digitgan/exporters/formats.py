"""What every format of an exported model is."""

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
class Package:
    """What is handed on.

    Attributes:
        model: the generator, with recipe, class names and card; on the CPU.
        discriminator: that of the same run; None where it stays.
        sha256: of the model file.
        source: what the user called it.
    """

    model: Model
    discriminator: Discriminator | None
    sha256: str
    source: str


class Format(ABC):
    """A way of writing a model down for other programs.

    Attributes:
        name: as `--format` takes it.
        ending: of the file; empty for a folder.
        takes_discriminator: whether it can hold one.
        quantisations: what `--quantize` may be.
    """

    name: ClassVar[str]
    ending: ClassVar[str] = ""
    takes_discriminator: ClassVar[bool] = False
    quantisations: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self) -> None:
        """Make sure that what it needs is installed.

        Raises:
            UsageError: where it isn't; it names the pip command.
        """

    @abstractmethod
    def write(self, package: Package, path: Path, quantize: str | None) -> None:
        """Write it.

        Args:
            package: what.
            path: a file, or a folder that is there and empty; it takes its final place only when this has returned.
            quantize: one of `quantisations`; None for float32 throughout.
        """

    @abstractmethod
    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        """Images (n, channels, height, width) in [-1, 1] from z (n, latent) and labels (n,), by what was written alone."""


def facts(package: Package, quantize: str | None = None) -> dict[str, Any]:
    """What a program's reader has to know, as JSON values."""
    model = package.model
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
        "model_sha256": package.sha256,
        "digitgan": __version__,
    }


def drawn_directly(model: Model, z: Latents, labels: Labels) -> Images:
    """Images (n, channels, height, width) in [-1, 1] by the model itself."""
    with torch.inference_mode():
        images: Images = model.generator(torch.from_numpy(z), torch.from_numpy(labels)).contiguous().numpy()
    return images
