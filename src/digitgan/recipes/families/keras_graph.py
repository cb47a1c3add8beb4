"""The settings of generators imported from Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.recipes.families.base import setting


@final
@dataclass(frozen=True)
class KerasGraphGeneratorRecipe:
    """A generator imported from Keras as a graph of layers. Images can be sampled from it; it cannot be trained.

    Attributes:
        family: "layered".
        latent: Width of the latent z, 1 to 4096.
        label_input: Form of the label input: "none", "index", or "one-hot".
        pixels: Range of the last layer's output: "signed" (-1 to 1), "unit" (0 to 1) or "bytes" (0 to 255).
        layers: Description of the layers as JSON, see `digitgan.networks.keras_graph.generator`.
    """

    family: str = setting("layered", names=("layered",))
    latent: int = setting(100, low=1, high=4096)
    label_input: str = setting("none", names=("none", "index", "one-hot"))
    pixels: str = setting("signed", names=("signed", "unit", "bytes"))
    layers: str = setting("")

    @property
    def conditional(self) -> bool:
        """Return whether the generated image depends on the label."""
        return self.label_input != "none"
