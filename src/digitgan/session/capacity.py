"""Checks that a training fits this machine: its memory, and the size of its model file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from digitgan.data.conversion.options import parse_size
from digitgan.device import available_memory
from digitgan.errors import OutOfMemoryError, RecipeError, UsageError
from digitgan.model.file import MAX_MODEL_BYTES
from digitgan.networks import ImageSpec, build_discriminator, build_generator
from digitgan.options import TrainOptions
from digitgan.recipes import Recipe
from digitgan.session.recipe import checked_recipe, requested_recipe, with_precision
from digitgan.training.memory import estimate_memory, in_gigabytes, largest_batch

SMALL_BATCH = 128 * 64 * 64
"""Number of pixels of a batch whose step needs no estimate on a machine with `AMPLE` memory: the largest takes 5 GB."""

SMALL_NETWORKS = 50_000_000
"""Number of parameters of both networks up to which the same is true."""

AMPLE = 8e9

SMALLER_SIDES = (128, 64, 32)

MORE_MICROBATCHES = (2, 4, 8, 16, 32)


def check_capacity(recipe: Recipe, spec: ImageSpec, device: torch.device, images: int, threads: int) -> None:
    """Check that a training fits the memory, and its model the limit of a model file, before anything is allocated.

    Args:
        recipe: recipe with a resolved precision.
        spec: shape of the images.
        device: device of the training.
        images: number of training images.
        threads: number of CPU threads.

    Raises:
        OutOfMemoryError: if the memory is too small. The message names the settings with which it would fit.
        RecipeError: if the model file would be larger than `MAX_MODEL_BYTES`.
    """
    with torch.device("meta"):
        generator, discriminator = build_generator(recipe, spec), build_discriminator(recipe, spec)
    size = sum(tensor.numel() * tensor.element_size() for tensor in generator.state_dict().values())
    if size > MAX_MODEL_BYTES:
        raise RecipeError(
            f"recipe {recipe.name} with images of {spec.width}x{spec.height}: its model file would have {in_gigabytes(size)}. "
            f"Files of more than {in_gigabytes(MAX_MODEL_BYTES)} are neither written nor read. Bring the images to a smaller "
            "size with --size, or take another recipe"
        )
    available = available_memory(device)
    parameters = sum(weight.numel() for network in (generator, discriminator) for weight in network.parameters())
    small = recipe.training.batch_size * spec.height * spec.width <= SMALL_BATCH and parameters <= SMALL_NETWORKS
    if available is None or (small and available >= AMPLE):
        return

    def fits(changed: Recipe, shape: ImageSpec) -> bool:
        try:
            found = estimate_memory(checked_recipe(changed), shape, device, images, threads)
        except RecipeError:
            return False  # the recipe does not allow the change
        return found is not None and found.further <= available

    needed = estimate_memory(recipe, spec, device, images, threads)
    if needed is None or needed.further <= available:
        return
    cures = _cures(recipe, spec, fits)
    raise OutOfMemoryError(
        f"recipe {recipe.name} with images of {spec.width}x{spec.height} in batches of {recipe.training.batch_size}: the "
        f"training would take about {in_gigabytes(needed.further)} of memory, and {in_gigabytes(available)} are available. "
        + (f"It would fit with {', or with '.join(cures)}" if cures else "No smaller batch or size fits: free memory")
    )


def check_stated_size(options: TrainOptions, device: torch.device, threads: int) -> None:
    """Check that a training fits if its options state recipe and size, before its images are read and converted.

    The images count as grey unless the options say otherwise, and as those of two classes: the least that they can be.

    Raises:
        DigitganError: see `check_capacity`.
    """
    size = options.size
    if size is None or (options.recipe is None and options.config is None) or options.from_ is not None:
        return
    width, height = parse_size(size)
    recipe = with_precision(requested_recipe(options), device)
    channels = 3 if options.colour == "rgb" else 1
    try:
        spec = ImageSpec(channels, height, width, 2 if recipe.conditional else 1)
        check_capacity(recipe, spec, device, 1, threads)
    except (UsageError, RecipeError) as problem:
        if "model file" in str(problem):
            raise
        # The networks may not make such images: the check after the images are read says so with all facts.


def _cures(recipe: Recipe, spec: ImageSpec, fits: Callable[[Recipe, ImageSpec], bool]) -> list[str]:
    """Return the options with which a training would fit: a smaller batch, microbatches, a smaller size."""
    found = []
    if (size := largest_batch(recipe, lambda changed: fits(changed, spec))) is not None:
        found.append(f"--set training.batch_size={size}")
    for count in MORE_MICROBATCHES:
        if count > recipe.updates.microbatches and recipe.training.batch_size % count == 0:
            changed = dataclasses.replace(recipe, updates=dataclasses.replace(recipe.updates, microbatches=count))
            if fits(changed, spec):
                found.append(f"--set updates.microbatches={count}")
                break
    for side in SMALLER_SIDES:
        if side < max(spec.height, spec.width):
            smaller = dataclasses.replace(spec, height=side, width=side)
            if fits(recipe, smaller):
                found.append(f"--size {side}")
                break
    return found
