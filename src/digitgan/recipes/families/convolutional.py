"""The settings of the convolutional family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.recipes.families.base import DISCRIMINATOR_LABELS, GENERATOR_LABELS, INITIALISATIONS, setting


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
        kernel: Sides of the kernels of the transposed convolutions in pixels, 1 to 15 each. A single value applies to all of
            them.
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
    kernel: tuple[int, ...] = setting((4,), low=1, high=15, single=True)
    strides: tuple[int, ...] = setting((2,), low=1, high=4, single=True)
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
    def layers(self) -> list[tuple[int, int]]:
        """Return the kernel and the stride of each transposed convolution."""
        count = max(len(self.channels) - 1, len(self.kernel), len(self.strides))
        kernels, strides = (each if len(each) > 1 else each * count for each in (self.kernel, self.strides))
        return list(zip(kernels, strides, strict=False))[: len(self.channels) - 1]

    @property
    def conditional(self) -> bool:
        """Return whether the generated image depends on the label."""
        return self.label_input != "none" or self.norm == "class-batch"


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
