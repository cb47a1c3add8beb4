"""Estimate of the memory of a training, from one step on the meta device: nothing of its size is allocated or computed."""

from __future__ import annotations

import dataclasses
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from digitgan.device import resident_memory
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe
from digitgan.training.noise import CALIBRATION_BATCH_SIZE
from digitgan.training.pretraining import MAX_PIXELS
from digitgan.training.speed import Trial, with_batch_size

META: Final = torch.device("meta")

SCRATCH: Final = 1.25
"""Memory of the activations on a GPU, as a multiple of that of their tensors: cuDNN has scratch memory, and the memory
allocator leaves gaps."""

LIBRARIES: Final = 110e6
"""Memory in bytes that torch and oneDNN take in the first step on a CPU."""

SAVED_COPIES: Final = 1.1
"""Memory that writing a checkpoint takes beside the trainer's, as a multiple of the latter."""

NOT_REUSED: Final = 0.5
"""Share of the memory of the smaller of two phases, a step and generating images, that the allocator does not reuse in the
larger one. This share and `SAVED_COPIES` were fitted to `benchmarks/memory.py`, to two digits."""

PREVIEW_IMAGES: Final = 100
"""Number of images of a preview with ten classes, which are generated at once."""

PRETRAINING_COPIES: Final = 4
"""Arrays of float32 of the size of the images that the principal components take."""


@final
@dataclass(frozen=True)
class MemoryEstimate:
    """The estimated memory of a training, in bytes.

    Attributes:
        parameters: number of parameters of both networks.
        fixed: weights, gradients, optimiser state and moving average.
        activations: the largest sum of the other tensors of a step.
        further: memory that the training takes at its peak beside that which the process has now; on a GPU, that of the GPU.
        total: both together.
    """

    parameters: int
    fixed: int
    activations: int
    further: int
    total: int

    @property
    def text(self) -> str:
        """The total as text, for all messages."""
        return f"about {in_gigabytes(self.total)} in all, images included"

    def facts(self) -> dict[str, int]:
        """Return the estimate as JSON values."""
        return dataclasses.asdict(self)


def estimate_memory(recipe: Recipe, spec: ImageSpec, device: torch.device, images: int, threads: int) -> MemoryEstimate | None:
    """Estimate the memory of a training, at the full size of its networks.

    `benchmarks/memory.py` compares it with the measured peak of trainings of two steps.

    Args:
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        images: number of training images, which the pretraining of the generator reads.
        threads: number of CPU threads, on which microbatches are computed side by side.

    Returns:
        The estimate; None for a loss or network from outside that cannot be computed on the meta device.
    """
    try:
        trial, counted = _counted_steps(recipe, spec)
    except (RuntimeError, NotImplementedError):
        return None  # a loss or network from outside, which the meta device does not compute
    fixed, activations, drawing = counted
    networks = (trial.trainer.generator, trial.trainer.discriminator)
    parameters = sum(weight.numel() for network in networks for weight in network.parameters())
    if device.type != "cpu":
        of_images = images * spec.channels * spec.height * spec.width  # `Batches` keeps them on the device
        further = round(fixed + of_images + SCRATCH * max(activations, drawing))
        return MemoryEstimate(parameters, fixed, activations, further, further)
    activations *= min(threads, recipe.updates.microbatches)
    pretraining = 0
    of_steps = LIBRARIES + max(activations, drawing) + NOT_REUSED * min(activations, drawing) + SAVED_COPIES * fixed
    if recipe.training.generator_pretraining:
        pixels = min(MAX_PIXELS, images * spec.channels * spec.height * spec.width)
        pretraining = PRETRAINING_COPIES * 4 * pixels
    further = fixed + max(round(of_steps), pretraining)
    return MemoryEstimate(parameters, fixed, activations, further, resident_memory() + further)


def _counted_steps(recipe: Recipe, spec: ImageSpec) -> tuple[Trial, tuple[int, int, int]]:
    """Count the bytes of two steps: those that stay, the largest number of others, and those of generating images."""
    if (parts := recipe.updates.microbatches) > 2:  # all parts are alike, and one after another: two of them tell all
        two = with_batch_size(recipe, 2 * recipe.training.batch_size // parts)
        recipe = dataclasses.replace(two, updates=dataclasses.replace(two.updates, microbatches=2))
    recurrent = "recurrent" in (recipe.generator.family, recipe.discriminator.family)
    precision = "float32" if recurrent else recipe.training.precision
    counted = _Counted()
    with counted:
        trial = Trial(recipe, spec, META, precision)
        for _ in range(2):  # gradients and the optimiser's state exist in the second round
            trial.trainer.images_seen = 0
            counted.peak = counted.live
            for step in range(recipe.updates.discriminator_steps):
                trial.trainer.step(trial.batch, trial.noises[step])
        fixed, activations = counted.live, counted.peak - counted.live
        counted.peak = counted.live
        # Before images are generated, batch-norm statistics are gathered, in batches of another size.
        ema = trial.trainer.ema.generator
        gathers = recipe.ema.statistics == "recomputed" and any(isinstance(each, _BatchNorm) for each in ema.modules())
        size = CALIBRATION_BATCH_SIZE if gathers else PREVIEW_IMAGES
        with torch.no_grad():
            ema(*next(trial.trainer.noise_source().calibration_batches(1, size)))
        drawing = counted.peak - fixed
    return trial, (fixed, activations, drawing)


def largest_batch(recipe: Recipe, fits: Callable[[Recipe], bool]) -> int | None:
    """Return the largest batch size that fits, of those by halving the recipe's; None if not even the smallest does.

    Args:
        recipe: the recipe, whose own batch size does not fit.
        fits: a function that returns whether a recipe fits.
    """
    size, parts = recipe.training.batch_size, recipe.updates.microbatches
    while (size := size // 2) >= max(2, parts):
        if size % parts == 0 and fits(with_batch_size(recipe, size)):
            return size
    return None


@final
class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operations make, while the mode is active.

    Attributes:
        live: bytes of the storages that exist.
        peak: the largest number of them; it may be reset.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call an operation and count the storages of its results."""
        found = function(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, Tensor) and each.device.type == "meta":
                storage = each.untyped_storage()
                place = storage._cdata
                if place not in self._sizes:
                    self._sizes[place] = storage.nbytes()
                    self.live += storage.nbytes()
                    self.peak = max(self.peak, self.live)
                    weakref.finalize(storage, self._forget, place)
        return found

    def _forget(self, place: int) -> None:
        self.live -= self._sizes.pop(place, 0)


def in_gigabytes(size: float) -> str:
    """Return a number of bytes as text, such as "1.4 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{math.ceil(size / 1e6)} MB"
