"""The settings of the residual family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.recipes.families.base import GENERATOR_LABELS, setting


@final
@dataclass(frozen=True)
class ResidualGeneratorRecipe:
    """A residual generator: latent and label -> dense layer -> small maps -> residual blocks -> image.

    The maps double their sides from stage to stage. The number of stages follows from the size of the images.

    Attributes:
        family: "residual".
        latent: Width of the latent z, 1 to 4096.
        label_input: Form in which the label is joined to z, as in `ConvolutionalGeneratorRecipe`.
        label_embedding: Width of the label embedding, 1 to 4096.
        width: Number of feature maps of the last stage, 1 to 4096. Each earlier stage has twice as many, up to `max_width`.
        max_width: Largest number of feature maps of a stage, 1 to 4096.
        smallest: Least side of the maps of the first stage in pixels, 2 to 32.
        patch: Side of the square of pixels that one position of the last maps makes, 1 to 4. Above 1 the last maps are
            smaller than the image by this factor, which makes the network faster (sub-pixel convolution, Shi et al. 2016).
        blocks: Number of residual blocks of each stage, 1 to 16.
        block: Layers of a block: "basic" (two 3x3 convolutions, Miyato et al. 2018) or "bottleneck" (a 1x1, a grouped 3x3 and
            a 1x1 convolution, Xie et al. 2017, Huang et al. 2024).
        expansion: Number of maps inside a bottleneck block, as a multiple of its width, in [0.25, 8].
        group_width: Number of maps of each group of the grouped convolution, 1 to 4096.
        norm: Normalisation before the convolutions: "none" (with the initial weights of Zhang et al. 2019, "Fixup"), "batch" or
            "class-batch".
        label_biases: If true, the maps of each stage have a bias for each class.
        attention: Side of the maps after which a self-attention layer follows (Zhang et al. 2019, "SAGAN"), 0 to 64. 0 omits
            the layer.
        to_image: Layer that makes the image: "last" (from the last maps alone) or "sum" (the sum of an image from each stage,
            enlarged; Karras et al. 2020). `training.growth` needs "sum".
        norm_momentum: Weight of a batch in the running statistics, in PyTorch's convention, in [1e-4, 1].
        slope: Slope of the leaky ReLU below zero, in [0, 1]. 0 is a ReLU.
    """

    family: str = setting("residual", names=("residual",))
    latent: int = setting(64, low=1, high=4096)
    label_input: str = setting("normalised-embedding", names=GENERATOR_LABELS)
    label_embedding: int = setting(64, low=1, high=4096)
    width: int = setting(64, low=1, high=4096)
    max_width: int = setting(256, low=1, high=4096)
    smallest: int = setting(4, low=2, high=32)
    patch: int = setting(1, low=1, high=4)
    blocks: int = setting(1, low=1, high=16)
    block: str = setting("basic", names=("basic", "bottleneck"))
    expansion: float = setting(1.0, low=0.25, high=8.0)
    group_width: int = setting(16, low=1, high=4096)
    norm: str = setting("class-batch", names=("none", "batch", "class-batch"))
    label_biases: bool = setting(False)
    attention: int = setting(0, low=0, high=64)
    to_image: str = setting("last", names=("last", "sum"))
    norm_momentum: float = setting(0.1, low=1e-4, high=1.0)
    slope: float = setting(0.0, low=0.0, high=1.0)

    @property
    def conditional(self) -> bool:
        """Return whether the generated image depends on the label."""
        return self.label_input != "none" or self.norm == "class-batch" or self.label_biases


@final
@dataclass(frozen=True)
class ResidualDiscriminatorRecipe:
    """A residual discriminator: image -> residual blocks, each stage with half the sides -> features -> score.

    Attributes:
        family: "residual".
        label_input: Form of the label input: "none" or "projection" (the product of an embedding with the last features,
            Miyato and Koyama 2018).
        label_biases: If true, the maps of each stage except the first have a bias for each class.
        width: Number of feature maps of the first stage, 1 to 4096. Each later stage has twice as many, up to `max_width`.
        max_width: Largest number of feature maps of a stage, 1 to 4096.
        smallest: Least side of the maps of the last stage in pixels, 2 to 32.
        patch: Side of the square of pixels that the first layer joins to one position, 1 to 4 (space to depth).
        blocks: Number of residual blocks of each stage, 1 to 16.
        block: Layers of a block: "basic" or "bottleneck", as in `ResidualGeneratorRecipe`.
        expansion: Number of maps inside a bottleneck block, as a multiple of its width, in [0.25, 8].
        group_width: Number of maps of each group of the grouped convolution, 1 to 4096.
        attention: Side of the maps after which a self-attention layer follows (Zhang et al. 2019, "SAGAN"), 0 to 64. 0 omits
            the layer.
        from_image: Layer that receives the image: "first" (one layer, at the full size) or "each" (one layer for each stage,
            so that the network can begin at a smaller size). `training.growth` needs "each".
        features: Width of a dense layer before the score, 0 to 4096. 0 sums the last maps over the pixels instead.
        spectral_norm: If true, the weights of every convolution and dense layer are divided by their largest singular value
            (Miyato et al. 2018).
        slope: Slope of the leaky ReLU below zero, in [0, 1].
        auxiliary_classifier: If true, the discriminator also predicts the class of an image (Odena et al. 2017).
    """

    family: str = setting("residual", names=("residual",))
    label_input: str = setting("projection", names=("none", "projection"))
    label_biases: bool = setting(False)
    width: int = setting(64, low=1, high=4096)
    max_width: int = setting(256, low=1, high=4096)
    smallest: int = setting(4, low=2, high=32)
    patch: int = setting(1, low=1, high=4)
    blocks: int = setting(1, low=1, high=16)
    block: str = setting("basic", names=("basic", "bottleneck"))
    expansion: float = setting(1.0, low=0.25, high=8.0)
    group_width: int = setting(16, low=1, high=4096)
    attention: int = setting(0, low=0, high=64)
    from_image: str = setting("first", names=("first", "each"))
    features: int = setting(128, low=0, high=4096)
    spectral_norm: bool = setting(False)
    slope: float = setting(0.2, low=0.0, high=1.0)
    auxiliary_classifier: bool = setting(False)

    @property
    def conditional(self) -> bool:
        """Return whether the score depends on the label."""
        return self.label_input != "none" or self.label_biases
