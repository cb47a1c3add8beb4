"""The size that a network has grown to (Karras et al. 2018, arXiv:1710.10196)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.networks.stages import upsampled


@final
class GrowthLevel(nn.Module):
    """The level of growth of a network, as a number that its state contains.

    Level k shows that stages 0 to k take part. Between k - 1 and k, stage k is being faded in; the fraction is its weight.
    A network starts fully grown.

    Args:
        sides: (height, width) of the image at each stage in pixels, beginning with the smallest.

    Attributes:
        sides: see above.
        level: the level, a scalar in the state of the network.
        number: the level as a number, so that reading it does not wait for a device and exported programs have a fixed one.
    """

    level: Tensor

    def __init__(self, sides: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.sides = sides
        self.number = float(len(sides) - 1)
        self.register_buffer("level", torch.tensor(self.number))

    @property
    def stage(self) -> int:
        """The index of the largest stage that takes part."""
        return math.ceil(self.number)

    @property
    def fade(self) -> float:
        """The weight of the largest stage, in (0, 1]."""
        return self.number - (self.stage - 1) if self.number < self.stage else 1.0

    @property
    def grown(self) -> bool:
        """True if all stages take part with their full weight."""
        return self.number == len(self.sides) - 1

    def set(self, level: float) -> None:
        """Set the level, in [0, number of stages - 1], rounded as the state stores it."""
        self.number = float(torch.tensor(level))
        self.level.fill_(self.number)

    def resized(self, images: Tensor) -> Tensor:
        """Return images of the full size (n, channels, height, width) as the network sees them at this level.

        Pixels are averaged to the size of the current stage. While a stage is faded in, they are mixed with the pixels of the
        stage before, as the images of the generator are.
        """
        if self.grown:
            return images
        images = self.reduced(images)
        if self.fade < 1:
            coarse = upsampled(functional.avg_pool2d(images, 2), 2)
            images = coarse + self.fade * (images - coarse)
        return images.contiguous(memory_format=torch.channels_last)

    def reduced(self, images: Tensor) -> Tensor:
        """Average images of the full size (n, channels, height, width) to the size of the current stage."""
        halvings = len(self.sides) - 1 - self.stage
        return functional.avg_pool2d(images, 2**halvings) if halvings else images

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self.number = float(self.level)


def image_growth(sides: tuple[tuple[int, int], ...], patch: int) -> GrowthLevel:
    """Return the level of growth of a network whose maps have these sides, where a position makes `patch` pixels a side."""
    return GrowthLevel(tuple((height * patch, width * patch) for height, width in sides))
