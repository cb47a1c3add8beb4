"""What every format of an exported model is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from digitgan.model import Model
from digitgan.networks import Discriminator

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
