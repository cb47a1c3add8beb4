"""The base classes of all generators and discriminators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, final

from torch import Tensor, nn

from digitgan.device import initialize_vector_math
from digitgan.networks.growth import GrowthLevel


@final
@dataclass(frozen=True)
class ImageSpec:
    """The shape of the images of a network, and the number of classes.

    Attributes:
        channels: 1 (grey) or 3 (RGB).
        height: in pixels.
        width: in pixels.
        classes: the number of classes.
    """

    channels: int
    height: int
    width: int
    classes: int


@final
class DiscriminatorOutput(NamedTuple):
    """The output of a discriminator.

    Attributes:
        logits: (n,), unbounded; higher means more likely real.
        class_logits: (n, classes), the logits of the auxiliary classifier; None if the discriminator has no such classifier.
    """

    logits: Tensor
    class_logits: Tensor | None


class Generator(nn.Module, ABC):
    """A network that maps latents and labels to images.

    Attributes:
        spec: the shape of the images and the number of classes.
        latent: the width of the latent vector z.
        dense: the first layer. Its input is z followed by the label vector.
        growth: the size that the network has grown to; None for a family that does not grow.
    """

    dense: nn.Linear

    def __init__(self, spec: ImageSpec, latent: int) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec
        self.latent = latent
        self.growth: GrowthLevel | None = None

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Generate images.

        Args:
            z: latents (n, latent).
            labels: class indices (n,), or floating-point class weights (n, classes) to interpolate between classes.

        Returns:
            Images (n, channels, height, width) in [-1, 1].
        """

    def __call__(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `forward`."""
        images: Tensor = super().__call__(z, labels)
        return images


class Discriminator(nn.Module, ABC):
    """A network that scores how real an image is, given its label if the network is conditional.

    Attributes:
        spec: the shape of the images and the number of classes.
        growth: the size that the network has grown to; None for a family that does not grow.
    """

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec
        self.growth: GrowthLevel | None = None

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """Score images (n, channels, height, width) in [-1, 1] with labels (n,)."""

    def __call__(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `forward`."""
        output: DiscriminatorOutput = super().__call__(images, labels)
        return output
