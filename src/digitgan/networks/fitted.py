"""Networks for images of a size that their family cannot make: they are built for the nearest larger size that it can.

The generator's images are cut to the size of the image set, at the middle. The discriminator's are padded by reflection. The
networks do not grow then, because images of the smaller stages would have to be padded too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, TypeVar, final

import torch
from torch import Tensor
from torch.nn import functional

from digitgan.errors import SizeError
from digitgan.networks.base import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from digitgan.networks.latents import Numbers

MAX_ADDED: Final = 16
"""Largest number of pixels that are added to a side."""

Network = TypeVar("Network", Generator, Discriminator)


def larger_spec(build: Callable[[ImageSpec], Network], spec: ImageSpec) -> ImageSpec | None:
    """Return the nearest larger image size for which a network can be built; None if it is too far away.

    Args:
        build: a function that builds the network, and raises `SizeError` for a size that it cannot make.
        spec: the size that the network cannot make.
    """
    added = [(rows, columns) for rows in range(MAX_ADDED + 1) for columns in range(MAX_ADDED + 1) if rows or columns]
    # Padding must be smaller than the image that it reflects.
    most = min(MAX_ADDED, spec.height - 1, spec.width - 1)
    for rows, columns in sorted(added, key=lambda each: (max(each), sum(each))):
        if max(rows, columns) > most:
            break
        larger = dataclasses.replace(spec, height=spec.height + rows, width=spec.width + columns)
        try:
            with torch.device("meta"):
                build(larger)
        except SizeError:
            continue
        return larger
    return None


def fitted(build: Callable[[ImageSpec], Network], spec: ImageSpec) -> Network:
    """Return a network for images of a size, built for a larger size if its family cannot make this one.

    Args:
        build: see `larger_spec`.
        spec: the images.

    Raises:
        SizeError: if the family can make neither this size nor one that is at most `MAX_ADDED` pixels larger.
    """
    try:
        return build(spec)
    except SizeError:
        larger = larger_spec(build, spec)
        if larger is None:
            raise
    network = build(larger)
    return CroppedGenerator(network, spec) if isinstance(network, Generator) else PaddedDiscriminator(network, spec)


@final
class CroppedGenerator(Generator):
    """A generator whose images are the middle of those of a larger one.

    Attributes:
        inner: the larger generator.
        margins: the numbers of pixels cut off at the left, at the right, above and below.
    """

    def __init__(self, inner: Generator, spec: ImageSpec) -> None:
        super().__init__(spec, inner.latent)
        self.inner = inner
        self.components, self.code, self.mixing_numbers = inner.components, inner.code, inner.mixing_numbers
        self.inversion_prior = inner.inversion_prior
        self.margins = _margins(inner.spec, spec)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        left, _, top, _ = self.margins
        return self.inner(z, labels)[:, :, top : top + self.spec.height, left : left + self.spec.width]

    def check_truncation(self, truncation: float) -> None:
        """See `Generator.check_truncation`."""
        self.inner.check_truncation(truncation)

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        """See `Generator.truncate`."""
        return self.inner.truncate(z, truncation)

    def extended(self, z: Tensor) -> Tensor:
        """See `Generator.extended`."""
        return self.inner.extended(z)

    def scaled(self, z: Tensor, share: float) -> Tensor:
        """See `Generator.scaled`."""
        return self.inner.scaled(z, share)

    def mixed(self, z: Tensor, other: Tensor) -> Tensor:
        """See `Generator.mixed`."""
        return self.inner.mixed(z, other)

    def inversion_start(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.inversion_start`."""
        return self.inner.inversion_start(z, labels)

    def inverted(self, variables: Tensor) -> Tensor:
        """See `Generator.inverted`."""
        return self.inner.inverted(variables)

    def path_lengths(self, z: Tensor, labels: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Generator.path_lengths`. The pixels that are cut off have no weight."""
        return self.inner.path_lengths(z, labels, functional.pad(pixels, self.margins))

    def coordinates(self, z: Tensor, labels: Tensor, directions: Tensor) -> Tensor:
        """See `Generator.coordinates`."""
        return self.inner.coordinates(z, labels, directions)

    def principal_directions(self, count: int) -> tuple[Numbers, Numbers]:
        """See `Generator.principal_directions`."""
        return self.inner.principal_directions(count)


@final
class PaddedDiscriminator(Discriminator):
    """A discriminator that scores images padded by reflection to the size of a larger one.

    Attributes:
        inner: the larger discriminator.
        margins: the numbers of pixels added at the left, at the right, above and below.
    """

    def __init__(self, inner: Discriminator, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.inner = inner
        self.margins = _margins(inner.spec, spec)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.forward`."""
        return self.inner(self._padded(images), labels)

    def frozen_part(self, images: Tensor) -> tuple[Tensor, ...]:
        """See `Discriminator.frozen_part`."""
        return self.inner.frozen_part(self._padded(images))

    def trained_part(self, inputs: tuple[Tensor, ...], labels: Tensor) -> DiscriminatorOutput:
        """See `Discriminator.trained_part`."""
        return self.inner.trained_part(inputs, labels)

    def _padded(self, images: Tensor) -> Tensor:
        return functional.pad(images, self.margins, mode="reflect").contiguous(memory_format=torch.channels_last)


def _margins(larger: ImageSpec, spec: ImageSpec) -> tuple[int, int, int, int]:
    rows, columns = larger.height - spec.height, larger.width - spec.width
    return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2
