"""The settings of the two networks.

The sections `generator` and `discriminator` have a class for each network family. A setting that a family lacks raises an error
instead of being ignored.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from digitgan.errors import RecipeError
from digitgan.lookup import Registry


def setting(default: Any, *, low: float | None = None, high: float | None = None, names: Iterable[str] = ()) -> Any:
    """Return a dataclass field with a default and the values it accepts.

    Args:
        default: the field's default.
        low: the least number accepted.
        high: the largest number accepted.
        names: the names accepted, for a field of text.
    """
    return field(default=default, metadata={"low": low, "high": high, "names": tuple(names)})


GENERATOR_LABELS: Final = ("none", "one-hot", "embedding", "normalised-embedding")
"""The ways to join the label to the latent."""

DISCRIMINATOR_LABELS: Final = ("none", "one-hot", "row-plane", "mask-plane", "projection")
"""The ways to pass the label to the discriminator."""

INITIALISATIONS: Final = ("he", "keras", "torch")
"""The initial weights: He et al. 2015, for the activation that follows, or the defaults of Keras or of PyTorch."""


@final
@dataclass(frozen=True)
class ConvolutionalGeneratorRecipe:
    """A convolutional generator: latent and label -> dense layer -> small maps -> transposed convolutions -> image.

    The sides of the images must be multiples of the product of all strides.

    Attributes:
        family: "convolutional".
        latent: Width of the latent z, 1 to 4096.
        label_input: Form in which the label is joined to z: "none", "one-hot", "embedding", or "normalised-embedding" (an
            embedding scaled to the square root of its width, the expected norm of a latent of that width).
        label_embedding: Width of the label embedding, 1 to 4096.
        channels: Number of feature maps at each stage, 1 to 4096 each, beginning with the smallest maps. A transposed
            convolution connects each stage to the next.
        kernel: Side of the kernels of the transposed convolutions in pixels, 1 to 15.
        strides: Strides of the transposed convolutions, 1 to 4 each. A single value applies to all of them.
        image_kernel: Side of the kernel of the last layer in pixels, 1 to 15.
        image_stride: Stride of the last layer, 1 to 4. With 1 the last layer is a convolution, else a transposed convolution.
        biases: Layers that have a bias in addition to their norm: "all", "none", or "ends" (the first and the last).
        norm: Normalisation after each layer except the last: "none", "batch", or "class-batch" (batch normalisation with a gain
            and a bias for each class, de Vries et al. 2017).
        dense_norm: Channels of the first normalisation: the "maps", or the "units" of the dense layer.
        norm_momentum: Weight of a batch in the running statistics, in PyTorch's convention, in [1e-4, 1].
        norm_epsilon: Number added to the variance in the normalisation, in [1e-12, 1].
        slope: Slope of the leaky ReLU below zero, in [0, 1]. 0 is a ReLU.
        output: Activation of the last layer: "tanh", or "sigmoid", whose [0, 1] is scaled to [-1, 1].
        initialisation: Initial weights: "he" (He et al. 2015), or the defaults of "keras" or "torch".
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
        """Return whether the generated image depends on the label."""
        return self.label_input != "none" or self.norm == "class-batch"


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


@final
@dataclass(frozen=True)
class ConvolutionalDiscriminatorRecipe:
    """A convolutional discriminator: image and label -> strided convolutions -> dense features, if any -> score.

    Attributes:
        family: "convolutional".
        label_input: Form of the label input: "none"; "one-hot" (a constant plane for each class as a further image channel, or
            a vector with the pixels if `entry_channels` is above 0); "row-plane" or "mask-plane" (an embedding as a further
            image channel, with a number for each row or for each pixel); or "projection" (the product of an embedding with the
            last features, Miyato and Koyama 2018).
        label_biases: If true, each convolution except the first has a bias for each class, so that early layers depend on the
            label too.
        entry_channels: Number of maps that a dense layer makes of the pixels before the convolutions, 0 to 4096. The maps have
            a quarter of the image's sides. 0 passes the image to the convolutions.
        channels: Number of feature maps of each convolution, 1 to 4096 each. Each convolution has stride 2.
        kernel: Side of the kernels in pixels, 2 to 15.
        last_kernel: Side of the kernel of the last convolution in pixels, 2 to 15.
        features: Width of a dense layer before the score, 0 to 4096. 0 omits the layer.
        norm: Normalisation after each convolution except the first: "none" or "batch".
        spectral_norm: If true, the weights of every convolution and dense layer are divided by their largest singular value
            (Miyato et al. 2018).
        slope: Slope of the leaky ReLU below zero, in [0, 1].
        dropout: Share of the values set to zero after each convolution, in [0, 0.95].
        pixels: Range of the pixels that the layers receive: "signed" (-1 to 1) or "unit" (0 to 1).
        auxiliary_classifier: If true, the discriminator also predicts the class of an image (Odena et al. 2017).
        initialisation: Initial weights: "he" (He et al. 2015), or the defaults of "keras" or "torch".
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
        """Return whether the score depends on the label."""
        return self.label_input != "none" or (self.label_biases and len(self.channels) > 1)


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


GeneratorRecipe = ConvolutionalGeneratorRecipe | RecurrentGeneratorRecipe | KerasGraphGeneratorRecipe
DiscriminatorRecipe = ConvolutionalDiscriminatorRecipe | RecurrentDiscriminatorRecipe

GENERATOR_FAMILIES: Final = Registry[type](
    "generator.family =",
    {
        "convolutional": ConvolutionalGeneratorRecipe,
        "recurrent": RecurrentGeneratorRecipe,
        "layered": KerasGraphGeneratorRecipe,
    },
    RecipeError,
)
"""The settings of each family of generators: frozen dataclasses whose fields are made by `setting`."""

DISCRIMINATOR_FAMILIES: Final = Registry[type](
    "discriminator.family =",
    {"convolutional": ConvolutionalDiscriminatorRecipe, "recurrent": RecurrentDiscriminatorRecipe},
    RecipeError,
)
"""The settings of each family of discriminators."""

FAMILY_SECTIONS: Final[Mapping[str, Registry[type]]] = types.MappingProxyType(
    {"generator": GENERATOR_FAMILIES, "discriminator": DISCRIMINATOR_FAMILIES}
)
"""The sections of a recipe whose settings depend on their `family`."""
