"""Augmentation of real and fake images before the discriminator scores them.

Every operation is differentiable, so that the generator learns through it, and a function of uniform random numbers, which the
noise of a step supplies. Sources: Zhao et al. 2020, "Differentiable Augmentation" (arXiv:2006.10738); Karras et al. 2020,
"Training Generative Adversarial Networks with Limited Data" (arXiv:2006.06676), in short ADA.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final, final

import torch
from torch import Tensor

from digitgan.data.shifts import reflected
from digitgan.errors import RecipeError
from digitgan.lookup import Registry
from digitgan.recipes import AugmentationRecipe

TRANSLATION_SHARE: Final = 1 / 8
"""Largest translation, as a share of the side (Zhao et al. 2020, appendix)."""

CUTOUT_SHARE: Final = 1 / 2
"""Side of the square that cutout removes, as a share of the image's side (Zhao et al. 2020, appendix)."""


class Operation(ABC):
    """Base class of the operations.

    Attributes:
        numbers: number of random numbers that the operation takes for each image.
        colour: whether the operation needs images with three channels; it does not change grey ones.
    """

    numbers: ClassVar[int]
    colour: ClassVar[bool] = False

    @abstractmethod
    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Return changed images.

        Args:
            images: (n, channels, height, width), about [-1, 1].
            numbers: uniform random numbers in [0, 1), (n, `numbers`).
        """


@final
class Brightness(Operation):
    """Add a number in [-0.5, 0.5) to all pixels."""

    numbers = 1

    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """See `Operation.changed`."""
        return images + (numbers - 0.5)[:, :, None, None]


@final
class Saturation(Operation):
    """Scale the difference of each pixel's channels from their mean by a factor in [0, 2)."""

    numbers = 1
    colour = True

    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """See `Operation.changed`."""
        grey = images.mean(dim=1, keepdim=True)
        return grey + (images - grey) * (2 * numbers)[:, :, None, None]


@final
class Contrast(Operation):
    """Scale the difference of all pixels from the mean of the image by a factor in [0.5, 1.5)."""

    numbers = 1

    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """See `Operation.changed`."""
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        return mean + (images - mean) * (numbers + 0.5)[:, :, None, None]


@final
class Translation(Operation):
    """Move the image by whole pixels, at most `TRANSLATION_SHARE` of its sides.

    Pixels beyond the border are those inside of it, reflected, as in Karras et al. 2020. Zhao et al. 2020 set them to 0. The
    feature network of a projected discriminator has never seen such bars.
    """

    numbers = 2

    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """See `Operation.changed`."""
        for dim, number in zip((2, 3), numbers.unbind(dim=1), strict=True):
            images = _moved(images, dim, number)
        return images


def _moved(images: Tensor, dim: int, number: Tensor) -> Tensor:
    """Move images along a dimension by a whole number of pixels, which a uniform number (n,) selects."""
    side = images.shape[dim]
    most = int(side * TRANSLATION_SHARE + 0.5)
    shifts = (number * (2 * most + 1)).long() - most
    shape = [len(images), 1, 1, 1]
    shape[dim] = side
    return images.gather(dim, reflected(shifts, side).view(shape).expand_as(images))


@final
class Cutout(Operation):
    """Set a square of `CUTOUT_SHARE` of the sides to 0; its centre is any pixel."""

    numbers = 2

    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """See `Operation.changed`."""
        hidden = []
        for side, number in zip(images.shape[2:], numbers.unbind(dim=1), strict=True):
            length = int(side * CUTOUT_SHARE + 0.5)
            first = (number * (side + 1 - length % 2)).long() - length // 2
            places = torch.arange(side, device=images.device) - first[:, None]
            hidden.append((places >= 0) & (places < length))
        rows, columns = hidden
        return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)


@final
class Flips(Operation):
    """Mirror half of the images from left to right."""

    numbers = 1

    def changed(self, images: Tensor, numbers: Tensor) -> Tensor:
        """See `Operation.changed`."""
        return torch.where((numbers < 0.5)[:, :, None, None], images.flip(3), images)


AUGMENTATIONS: Final = Registry[Operation](
    "augmentation.operations:",
    {
        "brightness": Brightness(),
        "saturation": Saturation(),
        "contrast": Contrast(),
        "translation": Translation(),
        "cutout": Cutout(),
    },
    RecipeError,
    group="augmentations",
    kind=Operation,
)
"""The operations that `augmentation.operations` may list, in the order in which they are applied."""


def check_operations(recipe: AugmentationRecipe) -> list[str]:
    """Return the names of the operations of a recipe.

    Raises:
        RecipeError: if an operation is unknown or named twice.
    """
    names = [name.strip() for name in recipe.operations.split(",") if name.strip()]
    for name in names:
        AUGMENTATIONS.find(name)
        if names.count(name) > 1:
            raise RecipeError(f"augmentation.operations: names {name!r} twice; name each operation once")
    return names


def operations_of(recipe: AugmentationRecipe, channels: int) -> list[Operation]:
    """Return the operations of a recipe for images with this number of channels; none if it has no augmentation.

    Raises:
        RecipeError: if an operation is unknown or named twice, or if none changes such images.
    """
    if recipe.name == "none":
        return []
    names = check_operations(recipe)
    found: list[Operation] = [Flips()] if recipe.flips else []
    chosen = [AUGMENTATIONS.find(name) for name in AUGMENTATIONS if name in names]
    found += [operation for operation in chosen if channels > 1 or not operation.colour]
    if not found:
        raise RecipeError(
            f'augmentation.name = "{recipe.name}" with augmentation.operations = "{recipe.operations}": no operation changes '
            f'{"grey" if channels == 1 else "these"} images; name others, such as translation, or set name = "none"'
        )
    return found


@final
class Augmenter:
    """The augmentation of a training, and its probability.

    Args:
        recipe: settings of the augmentation.
        channels: number of channels of the images.
        device: device of the images.

    Attributes:
        numbers: number of random numbers that each image takes.
        state: the probability of each operation, and the sum of the signs since its last change (ADA), as one tensor. It is
            part of checkpoints.
    """

    def __init__(self, recipe: AugmentationRecipe, channels: int, device: torch.device) -> None:
        self.recipe = recipe
        self.operations = operations_of(recipe, channels)
        self.numbers = numbers_of(self.operations)
        self.state = torch.tensor([0.0 if self.adaptive else recipe.probability, 0.0], device=device)

    @property
    def adaptive(self) -> bool:
        """True if the probability follows the discriminator."""
        return self.recipe.name == "adaptive"

    @property
    def probability(self) -> Tensor:
        """The probability of each operation, a scalar in [0, 1] on the device."""
        return self.state[0]

    def augmented(self, images: Tensor, numbers: Tensor | None) -> Tensor:
        """Apply each operation to each image with the current probability.

        Args:
            images: (n, channels, height, width) in [-1, 1].
            numbers: uniform random numbers in [0, 1), (n, `numbers`); None leaves the images as they are.
        """
        if numbers is None or not self.operations:
            return images
        numbers = numbers.to(images.dtype) if images.dtype == torch.float64 else numbers
        for operation in self.operations:
            gate, own, numbers = numbers[:, :1], numbers[:, 1 : 1 + operation.numbers], numbers[:, 1 + operation.numbers :]
            changed = operation.changed(images, own).to(images.dtype)
            images = torch.where((gate < self.probability)[:, :, None, None], changed, images)
        return images.contiguous(memory_format=torch.channels_last)

    def follow(self, accuracy_real: Tensor, step: int, batch_size: int) -> None:
        """Move the probability after a step, so that the discriminator stays as sure as the recipe allows.

        r_t = E[sign(D(real))] (Karras et al. 2020, equation 1) is twice the accuracy on real images minus 1. Above the target
        the discriminator overfits, and the probability increases. A loss that compares pairs has no score of 0; its accuracy
        is the share of real images that score higher than fakes.

        Args:
            accuracy_real: accuracy of the discriminator on the real images of the step, a scalar.
            step: number of the step, from 0.
            batch_size: number of real images of the step.
        """
        if not self.adaptive:
            return
        recipe = self.recipe
        probability, signs = self.state.unbind()
        signs = signs + (2 * accuracy_real - 1)
        if (step + 1) % recipe.interval == 0:
            move = torch.sign(signs / recipe.interval - recipe.target) * (recipe.interval * batch_size / recipe.horizon)
            probability = (probability + move).clamp(0, 1)
            signs = torch.zeros_like(signs)
        self.state.copy_(torch.stack([probability, signs]))


def numbers_of(operations: list[Operation]) -> int:
    """Return how many random numbers these operations take for each image: one decides whether each is applied."""
    return sum(1 + operation.numbers for operation in operations)
