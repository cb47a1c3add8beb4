"""The generator of the style family: a mapping network, and layers that its styles modulate.

Sources: Karras et al. 2019 (arXiv:1812.04948), 2020 (arXiv:1912.04958) and 2020 (arXiv:2006.06676).
"""

from __future__ import annotations

import math
from typing import Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.networks.base import Generator, ImageSpec
from digitgan.networks.conditioning import label_vector
from digitgan.networks.growth import image_growth
from digitgan.networks.latents import Numbers, signed
from digitgan.networks.layers import he_normal, output_layer
from digitgan.networks.stages import stage_sides, stage_widths, upsampled
from digitgan.networks.style_codes import CodeLayout, StyleCode, StyleInput
from digitgan.networks.style_layers import EPSILON, Mapping, ModulatedConvolution, ToImage
from digitgan.recipes import StyleGeneratorRecipe

SAMPLED_STYLES: Final = 4096
"""Number of styles from which the principal components are computed."""

FIRST_STYLES: Final = 64
MAX_FIRST_STYLES: Final = 65_536
"""Number of styles of each class in the average at the start, and of all classes; each class has at least 2."""

COARSE: Final = 3
"""Part of the layers with coarse styles: a third. With half of them, the fine styles of a small network change little."""

PATH_STEP: Final = 0.01
"""Weight of a batch in the moving mean of the path lengths (Karras et al. 2020, appendix B)."""


@final
class StyleStage(nn.Module):
    """The layers of one size: modulated convolutions and the layer of the image.

    In every stage but the first, the first convolution doubles the sides.

    Attributes:
        convolutions: one convolution in the first stage, two in the others.
        image: layer of the image; None in the earlier stages if only the last one makes the image.
        skip: 1x1 convolution around the convolutions; None in the first stage, and if each stage makes an image.
    """

    def __init__(
        self, recipe: StyleGeneratorRecipe, spec: ImageSpec, widths: tuple[int, ...], place: int, *, noise: bool
    ) -> None:
        super().__init__()
        after, last, sums = widths[place], place == len(widths) - 1, recipe.to_image == "sum"
        before = [widths[place - 1], after] if place else [after]
        self.convolutions = nn.ModuleList(
            ModulatedConvolution(width, after, recipe.style, enlarges=place > 0 and index == 0, noise=noise)
            for index, width in enumerate(before)
        )
        images = len(widths) if sums else 1
        self.image = ToImage(after, spec.channels, recipe.style, recipe.patch, images) if sums or last else None
        self.skip = None if sums or not place else nn.Conv2d(before[0], after, 1, bias=False)
        if self.skip is not None:
            he_normal(self.skip, 1.0)

    def forward(self, maps: Tensor, styles: list[Tensor], noises: list[Tensor | None]) -> Tensor:
        """Map (n, before, height, width) to (n, after, …), of twice the sides except in the first stage.

        Args:
            maps: maps of the stage before.
            styles: styles (n, style) of the convolutions.
            noises: noise of the convolutions, see `ModulatedConvolution`.
        """
        after = maps
        for convolution, w, noise in zip(self.convolutions, styles, noises, strict=True):
            after = convolution(after, w, noise)
        if self.skip is None:
            return after
        around = _interpolated(self.skip(maps))
        return (after + around) * math.sqrt(0.5)


@final
class StyleGenerator(Generator):
    """A generator: latent and label -> mapping network -> styles, which modulate each layer from a constant to the image.

    A latent is z followed by the noise of all layers, so that an image is a function of its latent and its label. See
    `CodeLayout` for further inputs. While the network grows and is in training mode, the images have the size of the current
    stage. In evaluation mode they are enlarged to the full size.

    Attributes:
        layout: columns of latents and codes.
        noise_sizes: (height, width) of the noise of each convolution; (0, 0) for no noise.
        average: average style of each class (classes, style), followed in training.
        variance: mean square of the difference of a style to this average (style,).
        path_mean: moving mean of the path lengths, a scalar.
    """

    # Styles of one class can make images of another: with the weight of other families, 9 of 12 of MNIST's test images were
    # found in their class, with this one 11, at the same error.
    inversion_prior = 5e-3
    average: Tensor
    variance: Tensor
    path_mean: Tensor

    def __init__(self, recipe: StyleGeneratorRecipe, spec: ImageSpec) -> None:
        sides = stage_sides(spec.height, spec.width, recipe.smallest, recipe.patch, "generator")
        widths = stage_widths(recipe.width, recipe.max_width, len(sides))
        sizes = [sides[0], *(size for size in sides[1:] for _ in range(2))]
        noise_sizes = tuple(size if recipe.noise and max(size) <= recipe.noise_sides else (0, 0) for size in sizes)
        noise = sum(height * width for height, width in noise_sizes)
        layout = CodeLayout(recipe.latent, noise, recipe.style, 2 * len(sides), recipe.mixing)
        super().__init__(spec, layout.latent)
        self.components, self.code, self.mixing_numbers = layout.components, layout.code, layout.mixing_numbers
        self.layout, self.noise_sizes, self.average_decay = layout, noise_sizes, recipe.average_decay
        label = label_vector(recipe.label_input, spec.classes, recipe.label_embedding)
        self.mapping = Mapping(recipe.latent, label, recipe.style, recipe.mapping_layers, recipe.mapping_learning_rate)
        average, variance = _first_styles(self.mapping, recipe.latent, spec.classes)
        self.register_buffer("average", average)
        self.register_buffer("variance", variance)
        self.register_buffer("path_mean", torch.zeros(()))
        self.constant = nn.Parameter(torch.randn(1, widths[0], *sides[0]))
        self.stages = nn.ModuleList(
            StyleStage(recipe, spec, widths, place, noise=noise_sizes[2 * place] != (0, 0)) for place in range(len(sides))
        )
        self.output = output_layer(recipe.output)
        self.growth = image_growth(sides, recipe.patch) if recipe.to_image == "sum" else None

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        parts = self.layout.parts(z)
        return self.images_of(self.styles(parts, labels), parts.noise)

    def styles(self, parts: StyleInput, labels: Tensor) -> list[Tensor]:
        """Return the style (n, style) of each layer, and follow the average styles in training mode."""
        first = self.mapping(parts.z, labels)
        if self.training:
            self._follow(first.detach().float(), labels)
        if parts.partner is None or parts.crossover is None:
            return [first] * self.layout.layers
        second = self.mapping(parts.partner, labels)
        if parts.shares is not None and parts.offsets is not None:
            average, shares, offsets = self.averages(labels), parts.shares, parts.offsets.chunk(2, dim=1)
            first, second = (
                torch.lerp(average, style, shares[:, place : place + 1]) + offsets[place]
                for place, style in enumerate((first, second))
            )
        return [torch.where(layer < parts.crossover, first, second) for layer in range(self.layout.layers)]

    def images_of(self, styles: list[Tensor], noise: Tensor) -> Tensor:
        """Return images (n, channels, height, width) of the styles (n, style) of each layer and the noise of all layers."""
        noises: list[Tensor | None] = []
        rows = torch.split(noise, [height * width for height, width in self.noise_sizes], dim=1)
        for size, row in zip(self.noise_sizes, rows, strict=True):
            noises.append(row.reshape(-1, 1, *size) if size != (0, 0) else None)
        maps: Tensor = self.constant
        pixels: Tensor | None = None
        top = len(self.stages) - 1
        last, fade = (top, 1.0) if self.growth is None else (self.growth.stage, self.growth.fade)
        for place, stage in enumerate(self.stages):
            if place > last:
                break
            assert isinstance(stage, StyleStage)
            layers = slice(2 * place - 1 if place else 0, 2 * place + 1)
            maps = stage(maps, styles[layers], noises[layers])
            if stage.image is not None:
                drawn = stage.image(maps, styles[2 * place + 1])
                drawn = fade * drawn if place == last and fade < 1 else drawn
                pixels = drawn if pixels is None else _interpolated(pixels) + drawn
        images: Tensor = self.output(pixels)
        return images if self.training else upsampled(images, 2 ** (top - last))

    def averages(self, labels: Tensor) -> Tensor:
        """Return the average styles (n, style) of labels (n,), or weighted sums for class weights (n, classes)."""
        return labels @ self.average if labels.is_floating_point() else self.average[labels]

    def path_lengths(self, z: Tensor, labels: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return path lengths |J_wᵀ y| and their moving mean a (Karras et al. 2020, equation 4); see `Generator.path_lengths`.

        J_w is the derivative of the image with respect to the styles. With a style for each layer, the length is the root of
        the mean over the layers of the squared norms. y is scaled to the number of pixels.
        """
        parts = self.layout.parts(z)
        styles = torch.stack(self.styles(parts, labels), dim=1)
        images = self.images_of(list(styles.unbind(dim=1)), parts.noise)
        along = (images * pixels).sum() / math.sqrt(self.spec.height * self.spec.width)
        (gradient,) = torch.autograd.grad(along, styles, create_graph=True)
        lengths = gradient.float().square().sum(dim=2).mean(dim=1).sqrt()
        self.path_mean.lerp_(lengths.detach().mean(), PATH_STEP)
        return lengths, self.path_mean.clone()

    def check_truncation(self, truncation: float) -> None:
        """Check that a truncation ψ is above 0 and at most 1; see `Generator.check_truncation`."""
        if not 0 < truncation <= 1:
            raise UsageError(
                f"--truncation {truncation:g}: must be above 0 and at most 1 for this model, whose truncation is a share of "
                "the distance from the average style; typical values are 0.5 to 0.8"
            )

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        """Return codes whose style is w' = w̄ + ψ (w - w̄), with the average w̄ of the class (Karras et al. 2019, appendix B).

        See `Generator.truncate`; the noise stays.
        """
        self.check_truncation(truncation)
        parts = self.layout.code_parts(z)
        return self.layout.joined(parts._replace(shares=truncation * parts.shares, offsets=truncation * parts.offsets))

    def extended(self, z: Tensor) -> Tensor:
        """See `Generator.extended`."""
        return self.layout.extended(z)

    def scaled(self, z: Tensor, share: float) -> Tensor:
        """See `Generator.scaled`; the centre is the average style of the class, without noise."""
        parts = self.layout.code_parts(z)
        return self.layout.joined(
            parts._replace(noise=share * parts.noise, shares=share * parts.shares, offsets=share * parts.offsets)
        )

    def mixed(self, z: Tensor, other: Tensor) -> Tensor:
        """See `Generator.mixed`; the first third of the layers has the coarse styles, and the noise is that of z."""
        coarse, fine = self.layout.code_parts(z), self.layout.code_parts(other)
        crossover = torch.full_like(coarse.crossover, max(1, self.layout.layers // COARSE))
        shares, offsets = (
            torch.cat([one.chunk(2, dim=1)[0], two.chunk(2, dim=1)[0]], dim=1)
            for one, two in ((coarse.shares, fine.shares), (coarse.offsets, fine.offsets))
        )
        return self.layout.joined(StyleCode(coarse.z, coarse.noise, fine.z, crossover, shares, offsets))

    def inversion_start(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.inversion_start`; the variables are a style, as its difference to the average of the class."""
        styles: Tensor = self.mapping(z[:, : self.components], labels).detach()
        return (styles - self.averages(labels)) / self._deviations()

    def inverted(self, variables: Tensor) -> Tensor:
        """See `Generator.inverted`; the code has no noise."""
        parts = self.layout.code_parts(variables.new_zeros(len(variables), self.latent))
        offset = variables * self._deviations()
        return self.layout.joined(parts._replace(shares=0 * parts.shares, offsets=torch.cat([offset, offset], dim=1)))

    @torch.no_grad()
    def principal_directions(self, count: int) -> tuple[Numbers, Numbers]:
        """Compute the principal components of sampled styles (GANSpace, Härkönen et al. 2020, arXiv:2004.02546, section 3.1).

        They are those of the differences of styles to the mean of their class; see `Generator.principal_directions`.
        """
        device, classes = self.average.device, self.spec.classes
        z = torch.from_numpy(rng.normals(0, "principal directions", 0, SAMPLED_STYLES, self.components)).to(device)
        styles = self.mapping(z, torch.arange(SAMPLED_STYLES, device=device) % classes).double().cpu().numpy()
        for label in range(classes):
            styles[label::classes] -= styles[label::classes].mean(axis=0)
        _, sizes, components = np.linalg.svd(styles, full_matrices=False)
        directions = np.zeros((len(components[:count]), self.code))
        deviations = sizes[:count, None] / math.sqrt(SAMPLED_STYLES)
        directions[:, self.layout.offsets] = deviations * signed(components)[:count]
        shares = sizes**2 / (sizes**2).sum()
        return directions.astype(np.float32), shares[:count].astype(np.float32)

    def coordinates(self, z: Tensor, labels: Tensor, directions: Tensor) -> Tensor:
        """See `Generator.coordinates`; those of the style of z, as a difference to the average of the class."""
        style = self.mapping(z[:, : self.components], labels)
        parts = self.layout.code_parts(z)
        difference = parts.shares[:, :1] * (style - self.averages(labels)) + parts.offsets[:, : self.layout.style]
        lengths = directions.square().sum(dim=1)
        found: Tensor = difference @ directions[:, self.layout.offsets].T / lengths
        return found

    def _deviations(self) -> Tensor:
        """Return the standard deviations of the elements of a style (style,)."""
        return (self.variance + EPSILON).sqrt()

    @torch.no_grad()
    def _follow(self, styles: Tensor, labels: Tensor) -> None:
        """Move the average style of each class, and the variance, towards those of a batch."""
        shares = labels.float() if labels.is_floating_point() else functional.one_hot(labels, self.spec.classes).float()
        counts = shares.sum(dim=0)[:, None]
        step = (1 - self.average_decay) * (counts > 0)
        self.average.lerp_(shares.T @ styles / counts.clamp(min=1), step)
        self.variance.lerp_((styles - shares @ self.average).square().mean(dim=0), 1 - self.average_decay)


@torch.no_grad()
def _first_styles(mapping: Mapping, latent: int, classes: int) -> tuple[Tensor, Tensor]:
    """Return the average style of each class and the variance before the training, so that short trainings know them too."""
    count = max(2, min(FIRST_STYLES, MAX_FIRST_STYLES // classes))
    z = torch.randn(count * classes, latent)
    styles = mapping(z, torch.arange(len(z)) % classes).view(count, classes, -1)
    return styles.mean(dim=0), styles.var(dim=0).mean(dim=0)


def _interpolated(images: Tensor) -> Tensor:
    """Return images (n, channels, height, width) with twice the sides, interpolated linearly."""
    return functional.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
