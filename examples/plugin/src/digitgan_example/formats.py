"""An export format: the weights of the generator as one NumPy archive, for a reader in any language with an NPZ library."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan.plugins import ExportedModel, ExportFormat, ImageSpec, build_generator, from_toml, to_toml

RECIPE: Final = "recipe.toml"
SHAPE: Final = "shape"
"""The names of the two entries that are not weights."""


@final
class NumpyArchive(ExportFormat):
    """The weights by their names in the generator, float32; the recipe as TOML, and channels, height, width and classes."""

    name: ClassVar[str] = "numpy"
    ending: ClassVar[str] = ".npz"

    def check(self) -> None:
        """See `ExportFormat.check`: NumPy is always there."""

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        """See `ExportFormat.write`."""
        generator = exported.model.generator
        shape = np.array([generator.spec.channels, generator.spec.height, generator.spec.width, generator.spec.classes])
        weights = {name: tensor.numpy() for name, tensor in generator.state_dict().items()}
        with path.open("wb") as file:
            np.savez(file, **{RECIPE: np.array(to_toml(exported.model.recipe)), SHAPE: shape}, **weights)

    def draw(self, path: Path, z: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See `ExportFormat.draw`. digitgan compares these images with those of the model."""
        with np.load(path) as archive:
            recipe = from_toml(str(archive[RECIPE]), path.name)
            generator = build_generator(recipe, ImageSpec(*archive[SHAPE].tolist())).eval()
            weights = {name: torch.from_numpy(archive[name]) for name in archive.files if name not in (RECIPE, SHAPE)}
        generator.load_state_dict(weights)
        with torch.inference_mode():
            return generator(torch.from_numpy(z), torch.from_numpy(labels)).numpy()


NUMPY: Final = NumpyArchive()
