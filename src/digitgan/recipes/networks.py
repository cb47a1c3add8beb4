"""What a recipe can say of the two networks; each section has a class for each family, so that a setting which a family doesn't
know is refused rather than ignored.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final


def setting(default: Any, *, low: float | None = None, high: float | None = None, names: Iterable[str] = ()) -> Any:
    """A field with its default and the values it may take (bounds included)."""
    return field(default=default, metadata={"low": low, "high": high, "names": tuple(names)})


GENERATOR_LABELS: Final = ("none", "one-hot", "embedding", "normalised-embedding")
"""How a label can be joined to the latent."""

DISCRIMINATOR_LABELS: Final = ("none", "one-hot", "row-plane", "mask-plane", "projection")
"""How a label can reach the discriminator."""

INITIALISATIONS: Final = ("he", "keras", "torch")
"""How weights can start: He's for the activation that follows; or the defaults of Keras, or of PyTorch."""


@final
@dataclass(frozen=True)
class ConvolutionalGeneratorRecipe:
    """Latent and label -> dense -> small maps -> transposed convolutions -> image.

    Attributes:
        family: this one.
        latent: width of the latent vector z.
        label_input: how the label is joined to z: "none", "one-hot", "embedding", or "normalised-embedding" (an embedding
            scaled to the length of a latent vector of its width).
        label_embedding: width of that embedding.
        channels: feature maps at each stage, from the smallest size up; a transposed convolution leads from each to the next.
        kernel: side of the transposed convolutions' kernels.
        strides: by how much each of them enlarges the maps; a single one holds for all.
        image_kernel: side of the last layer's kernel.
        image_stride: 1: the last layer is a convolution; more: a transposed convolution that enlarges as much.
        biases: which layers have biases beside their norms': "all", "none", or "ends" (the first and the last).
        norm: after each layer but the last: "none", "batch", or "class-batch" (with a gain and a bias for each class).
        dense_norm: the first norm works on "maps" or on single "units".
        norm_momentum: share of a batch in the running statistics.
        norm_epsilon: added to the variance.
        slope: of the (leaky) ReLU below zero.
        output: "tanh", or "sigmoid" for networks that think of pixels as 0 to 1.
        initialisation: of the weights: "he", "keras" or "torch".
    """

    family: str = setting("convolutional", names=("convolutional",))
    latent: int = setting(64, low=1, high=4096)
    label_input: str = setting("normalised-embedding", names=GENERATOR_LABELS)
    label_embedding: int = setting(64, low=1, high=4096)
    channels: tuple[int, ...] = setting((64, 32, 12), low=1, high=4096)
    kernel: int = setting(4, low=1, high=15)
    strides: tuple[int, ...] = setting((2,), low=1, high=4)
    image_kernel: int = setting(3, low=1, high=15)
    image_stride: int = setting(1, low=1, high=4)
    biases: str = setting("ends", names=("all", "none", "ends"))
    norm: str = setting("class-batch", names=("none", "batch", "class-batch"))
    dense_norm: str = setting("maps", names=("maps", "units"))
    norm_momentum: float = setting(0.1, low=1e-4, high=1.0)
    norm_epsilon: float = setting(1e-5, low=1e-12, high=1.0)
    slope: float = setting(0.0, low=0.0, high=1.0)
    output: str = setting("tanh", names=("tanh", "sigmoid"))
    initialisation: str = setting("he", names=INITIALISATIONS)

    @property
    def conditional(self) -> bool:
        """Whether a label changes what is drawn."""
        return self.label_input != "none" or self.norm == "class-batch"


@final
@dataclass(frozen=True)
class RecurrentGeneratorRecipe:
    """Latent and label -> dense -> one portion of features a row -> LSTM -> the same dense layer for every row.

    Attributes:
        family: this one.
        latent: width of the latent vector z.
        label_input: how the label is joined to z, as in the convolutional family.
        label_embedding: width of its embedding.
        row_features: what the LSTM is given for each row.
        units: of the LSTM.
        autoregressive: whether it is given the row above, as it was drawn, as well.
        output: "tanh", or "sigmoid" for networks that think of pixels as 0 to 1.
        initialisation: of the weights: "keras" or "torch".
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
        """Whether a label changes what is drawn."""
        return self.label_input != "none"


@final
@dataclass(frozen=True)
class KerasGraphGeneratorRecipe:
    """A generator that was made elsewhere: what a description says, layer by layer. It is drawn from, not trained.

    Attributes:
        family: this one.
        latent: width of the latent vector z.
        label_input: how it is told a label: "none", "index", or "one-hot".
        pixels: the range of what its last layer gives: "signed" (-1 to 1), "unit" (0 to 1) or "bytes" (0 to 255).
        layers: the description, JSON: see `digitgan.networks.keras_graph.generator`.
    """

    family: str = setting("layered", names=("layered",))
    latent: int = setting(100, low=1, high=4096)
    label_input: str = setting("none", names=("none", "index", "one-hot"))
    pixels: str = setting("signed", names=("signed", "unit", "bytes"))
    layers: str = setting("")

    @property
    def conditional(self) -> bool:
        """Whether a label changes what is drawn."""
        return self.label_input != "none"


@final
@dataclass(frozen=True)
class ConvolutionalDiscriminatorRecipe:
    """Image and label -> strided convolutions -> (dense features ->) score.

    Attributes:
        family: this one.
        label_input: how the label reaches it: "none"; "one-hot" (as constant planes beside the image, or beside its pixels
            where there is an entry); "row-plane" and "mask-plane" (an embedding as a plane beside the image: a number for
            each row, or for each pixel); "projection" (the product of its embedding with the last features).
        label_biases: whether each convolution but the first has a bias for each class, so that already the early layers know
            what they should be looking at.
        entry_channels: 0: the image goes to the convolutions as it is; more: a dense layer turns its pixels into so many
            maps of a quarter of its sides first.
        channels: feature maps of each convolution; each halves the size.
        kernel: side of the kernels.
        last_kernel: side of the last convolution's.
        features: width of a dense layer before the score; 0 for none.
        norm: after each convolution but the first: "none" or "batch".
        spectral_norm: whether every convolution and dense layer is divided by its largest singular value.
        slope: of the leaky ReLU below zero.
        dropout: share of the values set to zero after each convolution.
        pixels: the range the network thinks of: "signed" (-1 to 1) or "unit" (0 to 1).
        auxiliary_classifier: whether it also tells which class an image is of.
        initialisation: of the weights: "he", "keras" or "torch".
    """

    family: str = setting("convolutional", names=("convolutional",))
    label_input: str = setting("projection", names=DISCRIMINATOR_LABELS)
    label_biases: bool = setting(True)
    entry_channels: int = setting(0, low=0, high=4096)
    channels: tuple[int, ...] = setting((16, 32, 64), low=1, high=4096)
    kernel: int = setting(4, low=2, high=15)
    last_kernel: int = setting(3, low=2, high=15)
    features: int = setting(128, low=0, high=4096)
    norm: str = setting("none", names=("none", "batch"))
    spectral_norm: bool = setting(False)
    slope: float = setting(0.2, low=0.0, high=1.0)
    dropout: float = setting(0.0, low=0.0, high=0.95)
    pixels: str = setting("signed", names=("signed", "unit"))
    auxiliary_classifier: bool = setting(False)
    initialisation: str = setting("he", names=INITIALISATIONS)

    @property
    def conditional(self) -> bool:
        """Whether the score depends on the label."""
        return self.label_input != "none" or (self.label_biases and len(self.channels) > 1)


@final
@dataclass(frozen=True)
class RecurrentDiscriminatorRecipe:
    """Image and label, row by row -> LSTM -> dense features -> score.

    Attributes:
        family: this one.
        label_input: how the label reaches it, as in the convolutional family.
        units: of the LSTM.
        features: width of the dense layer before the score; 0 for none.
        pixels: the range the network thinks of: "signed" (-1 to 1) or "unit" (0 to 1).
        auxiliary_classifier: whether it also tells which class an image is of.
        initialisation: of the weights: "keras" or "torch".
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
        """Whether the score depends on the label."""
        return self.label_input != "none"


GeneratorRecipe = ConvolutionalGeneratorRecipe | RecurrentGeneratorRecipe | KerasGraphGeneratorRecipe
DiscriminatorRecipe = ConvolutionalDiscriminatorRecipe | RecurrentDiscriminatorRecipe

FAMILY_SECTIONS: Final[Mapping[str, Mapping[str, type]]] = types.MappingProxyType(
    {
        "generator": {
            "convolutional": ConvolutionalGeneratorRecipe,
            "recurrent": RecurrentGeneratorRecipe,
            "layered": KerasGraphGeneratorRecipe,
        },
        "discriminator": {"convolutional": ConvolutionalDiscriminatorRecipe, "recurrent": RecurrentDiscriminatorRecipe},
    }
)
"""The sections whose settings depend on their `family`."""
