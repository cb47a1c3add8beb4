"""What every generator and every discriminator is, whatever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, final

from torch import Tensor, nn

from digitgan.device import initialize_vector_math


@final
@dataclass(frozen=True)
class ImageSpec:
    """The images a network makes or judges.

    Attributes:
        channels: 1 (grey) or 3 (RGB).
        height: in pixels.
        width: in pixels.
        classes: how many labels there are.
    """

    channels: int
    height: int
    width: int
    classes: int


@final
class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of images.

    Attributes:
        logits: (n,), any real number, higher for more real.
        class_logits: (n, classes) logits of the auxiliary classifier; None where the discriminator has none.
    """

    logits: Tensor
    class_logits: Tensor | None


class Generator(nn.Module, ABC):
    """Turns latents and labels into images.

    Attributes:
        spec: the images it makes.
        latent: width of the latent vector z.
        dense: the first layer, of z and then the label's vector.
    """

    dense: nn.Linear

    def __init__(self, spec: ImageSpec, latent: int) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec
        self.latent = latent

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images (n, channels, height, width) in [-1, 1] from z (n, latent) and labels (n,).

        In place of labels there may be shares of the classes (n, classes), floating-point: what lies between classes.
        """

    def __call__(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `forward`."""
        images: Tensor = super().__call__(z, labels)
        return images


class Discriminator(nn.Module, ABC):
    """Scores how real an image is, as an image of its label where it is told one.

    Attributes:
        spec: the images it judges.
    """

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec

    @abstractmethod
    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """A judgement of images (n, channels, height, width) in [-1, 1] with labels (n,)."""

    def __call__(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `forward`."""
        output: DiscriminatorOutput = super().__call__(images, labels)
        return output
