"""The base classes of all generators and discriminators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import torch
from torch import Tensor, nn

from digitgan.device import initialize_vector_math
from digitgan.errors import RecipeError, UsageError
from digitgan.networks.growth import GrowthLevel
from digitgan.networks.latents import Numbers, directions_of_layer, truncated

MIN_REACH: Final = 0.1
MAX_REACH: Final = 100.0
"""Range of the bound of truncated latents, in standard deviations."""

WITH_STYLES: Final = 'generator.family = "style"'
"""The setting of the generators that have styles, in error messages."""


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

    `forward` also takes latent codes. A code is a latent, together with what truncation, mixing and inversion add to it. Most
    families add nothing.

    Attributes:
        spec: the shape of the images and the number of classes.
        latent: the width of the latent vector z.
        components: the number of first elements of z that choose the image; the others are noise of single layers.
        code: the width of a latent code.
        mixing_numbers: the number of further standard normal numbers that follow a latent in training, for style mixing.
        dense: the first layer, whose input is z followed by the label vector; a family without it overrides
            `principal_directions`.
        inversion_prior: the weight of the mean square of the variables in the loss of an inversion. Without it, an unusual
            image is matched by latents far outside the prior, whose neighbours are no plausible images.
        growth: the size that the network has grown to; None for a family that does not grow.
    """

    dense: nn.Linear
    inversion_prior: float = 2e-3

    def __init__(self, spec: ImageSpec, latent: int) -> None:
        super().__init__()
        initialize_vector_math()
        self.spec = spec
        self.latent = self.components = self.code = latent
        self.mixing_numbers = 0
        self.growth: GrowthLevel | None = None

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Generate images.

        Args:
            z: latents (n, latent) or latent codes (n, code).
            labels: class indices (n,), or floating-point class weights (n, classes) to interpolate between classes.

        Returns:
            Images (n, channels, height, width) in [-1, 1].
        """

    def __call__(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `forward`."""
        images: Tensor = super().__call__(z, labels)
        return images

    def check_truncation(self, truncation: float) -> None:
        """Check that a truncation is in the range of this family.

        Raises:
            UsageError: if it is not.
        """
        if not MIN_REACH <= truncation <= MAX_REACH:
            raise UsageError(
                f"--truncation {truncation:g}: must be between {MIN_REACH:g} and {MAX_REACH:g}; typical values are 1 to 2"
            )

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        """Return latent codes (n, code) of more typical and less varied images than those of the latents (n, latent).

        Args:
            z: latents on the CPU.
            truncation: the bound of the absolute values of the latents, see `truncated`.

        Raises:
            UsageError: if the truncation is out of range.
        """
        self.check_truncation(truncation)
        return torch.from_numpy(truncated(z.numpy(), truncation))

    def extended(self, z: Tensor) -> Tensor:
        """Return latents (n, latent) as latent codes (n, code) of the same images; codes stay as they are."""
        return z

    def scaled(self, z: Tensor, share: float) -> Tensor:
        """Return latent codes (n, code) at a share of the way from the centre of the latents, 0, to latents or codes, 1."""
        return share * z

    def mixed(self, z: Tensor, other: Tensor) -> Tensor:
        """Return latent codes (n, code) with the coarse styles of latents z and the fine styles of others, (n, latent) each.

        Raises:
            UsageError: if the family has no styles.
        """
        raise UsageError(
            f"--kind style-mix: this model has no styles, or lost them when it was imported; use one with {WITH_STYLES}"
        )

    def inversion_start(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return the variables (n, variables) of an inversion at its start; their prior is standard normal.

        Args:
            z: latents (n, latent) at which the inversion starts.
            labels: class indices (n,).
        """
        return z

    def inverted(self, variables: Tensor) -> Tensor:
        """Return the latent codes (n, code) of the variables (n, variables) of an inversion, with a graph."""
        return variables

    def path_lengths(self, z: Tensor, labels: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the path lengths (n,) of images with a graph, and their moving mean, a scalar, after these images.

        Args:
            z: latents of a training step (n, latent + mixing_numbers).
            labels: class indices (n,).
            pixels: standard normal numbers in the shape of the images.

        Raises:
            RecipeError: if the family has no styles.
        """
        raise RecipeError(f"penalty.path_length: this generator has no styles; set it to 0, or use {WITH_STYLES}")

    def coordinates(self, z: Tensor, labels: Tensor, directions: Tensor) -> Tensor:
        """Return the coordinates (n, count) of latents or codes along principal directions, in standard deviations.

        Args:
            z: latents (n, latent) or codes (n, code).
            labels: class indices (n,).
            directions: the directions (count, code).
        """
        return z @ directions.T

    def principal_directions(self, count: int) -> tuple[Numbers, Numbers]:
        """Compute the directions of latent codes that change the image most; see `directions_of_layer`.

        Returns:
            Orthogonal directions (count, code) of the length of one standard deviation, in descending order; and (count,), the
            fraction of the total variance that each explains.
        """
        weight = self.dense.weight[:, : self.latent].detach().double().cpu().numpy()
        return directions_of_layer(weight, count)


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

    def frozen_part(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what the trained layers take: the images themselves, unless there are frozen layers before them.

        A training computes it once for each image. Each returned tensor has one row for each image.
        """
        return (images,)

    def trained_part(self, inputs: tuple[Tensor, ...], labels: Tensor) -> DiscriminatorOutput:
        """Score images by what `frozen_part` returned for them; `forward` is both parts."""
        (images,) = inputs
        return self(images, labels)
