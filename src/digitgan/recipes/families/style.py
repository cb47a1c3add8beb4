"""The settings of the style family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.recipes.families.base import DISCRIMINATOR_LABELS, GENERATOR_LABELS, setting


@final
@dataclass(frozen=True)
class StyleGeneratorRecipe:
    """A style generator: latent and label -> mapping network -> style w, which modulates every convolution of the image.

    The maps double their sides from stage to stage. The number of stages follows from the size of the images.

    Attributes:
        family: "style".
        latent: Width of the latent z, 1 to 4096. The numbers of the noise of all layers follow it.
        label_input: Form in which the label is joined to z, as in `ConvolutionalGeneratorRecipe`.
        label_embedding: Width of the label embedding, 1 to 4096.
        style: Width of the style w, 1 to 4096.
        mapping_layers: Number of dense layers of the mapping network, 2 to 8.
        mapping_learning_rate: Factor of the learning rate in the mapping network, in [0.0001, 1].
        width: Number of feature maps of the last stage, 1 to 4096. Each earlier stage has twice as many, up to `max_width`.
        max_width: Largest number of feature maps of a stage, 1 to 4096.
        smallest: Least side of the maps of the first stage in pixels, 2 to 32.
        patch: Side of the square of pixels that one position of the last maps makes, 1 to 4. Above 1 the last maps are
            smaller than the image by this factor, which makes the network faster (sub-pixel convolution, Shi et al. 2016).
        to_image: Layers that make the image: "sum" (an image from each stage, enlarged and added; Karras et al. 2020) or "last"
            (the last maps alone, with residual connections between the stages).
        noise: If true, noise is added after each convolution, with a weight that is learned and 0 at first.
        noise_sides: Largest side in pixels of maps with noise, 2 to 4096. The random numbers of larger maps take more time.
        mixing: Share of the generated images in training whose later layers have the style of another latent, in [0, 1].
        average_decay: Share of the average style of a class that each step of the training keeps, in [0, 0.999999].
        output: Activation of the last layer: "tanh", or "sigmoid", whose [0, 1] is scaled to [-1, 1].
    """

    family: str = setting("style", names=("style",))
    latent: int = setting(64, low=1, high=4096)
    label_input: str = setting("normalised-embedding", names=GENERATOR_LABELS)
    label_embedding: int = setting(64, low=1, high=4096)
    style: int = setting(64, low=1, high=4096)
    mapping_layers: int = setting(2, low=2, high=8)
    mapping_learning_rate: float = setting(0.1, low=1e-4, high=1.0)
    width: int = setting(16, low=1, high=4096)
    max_width: int = setting(64, low=1, high=4096)
    smallest: int = setting(4, low=2, high=32)
    patch: int = setting(1, low=1, high=4)
    to_image: str = setting("sum", names=("last", "sum"))
    noise: bool = setting(True)
    noise_sides: int = setting(16, low=2, high=4096)
    mixing: float = setting(0.5, low=0.0, high=1.0)
    average_decay: float = setting(0.995, low=0.0, high=0.999999)
    output: str = setting("tanh", names=("tanh", "sigmoid"))

    @property
    def conditional(self) -> bool:
        """Return whether the generated image depends on the label."""
        return self.label_input != "none"


@final
@dataclass(frozen=True)
class StyleDiscriminatorRecipe:
    """A residual discriminator: image -> residual blocks, each with half the sides -> dense features -> score.

    Attributes:
        family: "style".
        label_input: Form of the label input, as in `ConvolutionalDiscriminatorRecipe`.
        width: Number of feature maps of the first stage, 1 to 4096. Each later stage has twice as many, up to `max_width`.
        max_width: Largest number of feature maps of a stage, 1 to 4096.
        smallest: Least side of the maps of the last stage in pixels, 2 to 32.
        patch: Side of the square of pixels that the first layer joins to one position, 1 to 4 (space to depth).
        deviation_group: Number of images of a group whose standard deviation the last convolution receives as a further map
            (minibatch standard deviation, Karras et al. 2018), 0 to 1024. 0 or 1 omits the map.
        from_image: Layer that receives the image: "first" (one layer, at the full size) or "each" (one layer for each stage,
            so that the network can begin at a smaller size). `training.growth` needs "each".
        features: Width of the dense layer before the score, 1 to 4096.
        auxiliary_classifier: If true, the discriminator also predicts the class of an image (Odena et al. 2017).
    """

    family: str = setting("style", names=("style",))
    label_input: str = setting("projection", names=DISCRIMINATOR_LABELS)
    width: int = setting(16, low=1, high=4096)
    max_width: int = setting(64, low=1, high=4096)
    smallest: int = setting(4, low=2, high=32)
    patch: int = setting(1, low=1, high=4)
    deviation_group: int = setting(4, low=0, high=1024)
    from_image: str = setting("first", names=("first", "each"))
    features: int = setting(128, low=1, high=4096)
    auxiliary_classifier: bool = setting(False)

    @property
    def conditional(self) -> bool:
        """Return whether the score depends on the label."""
        return self.label_input != "none"
