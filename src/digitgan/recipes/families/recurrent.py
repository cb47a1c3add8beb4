"""The settings of the recurrent family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.recipes.families.base import DISCRIMINATOR_LABELS, GENERATOR_LABELS, setting


@final
@dataclass(frozen=True)
class RecurrentGeneratorRecipe:
    """A recurrent generator: latent and label -> dense layer -> features for each row -> LSTM -> one dense layer for all rows.

    Attributes:
        family: "recurrent".
        latent: Width of the latent z, 1 to 4096.
        label_input: Form in which the label is joined to z, as in `ConvolutionalGeneratorRecipe`.
        label_embedding: Width of the label embedding, 1 to 4096.
        row_features: Number of features that the LSTM receives for each row of the image, 1 to 4096.
        units: Number of units of the LSTM, 1 to 4096.
        autoregressive: If true, the LSTM also receives the generated row above.
        output: Activation of the last layer: "tanh", or "sigmoid", whose [0, 1] is scaled to [-1, 1].
        initialisation: Initial weights: the defaults of "keras" or "torch".
    """

    family: str = setting("recurrent", names=("recurrent",))
    latent: int = setting(100, low=1, high=4096)
    label_input: str = setting("embedding", names=GENERATOR_LABELS)
    label_embedding: int = setting(16, low=1, high=4096)
    row_features: int = setting(64, low=1, high=4096)
    units: int = setting(128, low=1, high=4096)
    autoregressive: bool = setting(False)
    output: str = setting("sigmoid", names=("tanh", "sigmoid"))
    initialisation: str = setting("keras", names=("keras", "torch"))

    @property
    def conditional(self) -> bool:
        """Return whether the generated image depends on the label."""
        return self.label_input != "none"


@final
@dataclass(frozen=True)
class RecurrentDiscriminatorRecipe:
    """A recurrent discriminator: the rows of image and label -> LSTM -> dense features, if any -> score.

    Attributes:
        family: "recurrent".
        label_input: Form of the label input, as in `ConvolutionalDiscriminatorRecipe`.
        units: Number of units of the LSTM, 1 to 4096.
        features: Width of a dense layer before the score, 0 to 4096. 0 omits the layer.
        pixels: Range of the pixels that the layers receive: "signed" (-1 to 1) or "unit" (0 to 1).
        auxiliary_classifier: If true, the discriminator also predicts the class of an image (Odena et al. 2017).
        initialisation: Initial weights: the defaults of "keras" or "torch".
    """

    family: str = setting("recurrent", names=("recurrent",))
    label_input: str = setting("row-plane", names=DISCRIMINATOR_LABELS)
    units: int = setting(128, low=1, high=4096)
    features: int = setting(64, low=0, high=4096)
    pixels: str = setting("unit", names=("signed", "unit"))
    auxiliary_classifier: bool = setting(False)
    initialisation: str = setting("keras", names=("keras", "torch"))

    @property
    def conditional(self) -> bool:
        """Return whether the score depends on the label."""
        return self.label_input != "none"
