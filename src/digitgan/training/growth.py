"""Growing resolution: the size of both networks as a function of the images seen (Karras et al. 2018, arXiv:1710.10196)."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, final

from digitgan.errors import RecipeError
from digitgan.networks import CroppedGenerator, Discriminator, Generator, PaddedDiscriminator
from digitgan.recipes import Recipe

GROWING: Final = ("residual", "style")
"""The families whose networks can grow."""

ENTRY: Final = re.compile(r"\s*(\d{1,6}|1/[1-9]\d{0,2})\s*@\s*(\d{1,12}|\d{1,3}(?:\.\d{1,6})?%)\s*")
"""An entry of `training.growth`: a size in pixels or as a part of the height, and its end in images or as a share."""


@final
@dataclass(frozen=True)
class GrowthSchedule:
    """The schedule of a growing network.

    Attributes:
        stages: index of the network's stage in each phase of the run, increasing; the last one is the full size.
        starts: number of images seen at which each phase begins; the first is 0.
        images: length of the run.
        fade: share of each phase after the first over which its size is faded in.
    """

    stages: tuple[int, ...]
    starts: tuple[float, ...]
    images: int
    fade: float

    def level(self, images_seen: int) -> float:
        """Return the level of the networks, see `GrowthLevel`."""
        phase = bisect_right(self.starts, images_seen) - 1
        if phase == 0:
            return float(self.stages[0])
        before, now = self.stages[phase - 1], self.stages[phase]
        end = self.starts[phase + 1] if phase + 1 < len(self.starts) else self.images
        length = self.fade * (end - self.starts[phase])
        share = (images_seen - self.starts[phase]) / length if length > 0 else 1.0
        return before + min(1.0, share) * (now - before)

    def phases(self) -> list[tuple[int, float]]:
        """Return (stage, number of images) of each phase of the run."""
        ends = (*self.starts[1:], float(self.images))
        return [(stage, end - start) for stage, start, end in zip(self.stages, self.starts, ends, strict=True)]


def growth_of(recipe: Recipe, generator: Generator, discriminator: Discriminator) -> GrowthSchedule | None:
    """Return the schedule of a recipe for its networks; None if the recipe has no growth.

    Raises:
        RecipeError: if the networks cannot grow or grow through different sizes, or if the schedule names a size that they do
            not have, goes down, or does not end before the run.
    """
    text, images = recipe.training.growth, recipe.training.images
    if not text.strip():
        return None
    asked = f'training.growth = "{text}"'
    check_can_grow(recipe)
    for part, network in (("generator", generator), ("discriminator", discriminator)):
        if isinstance(network, CroppedGenerator | PaddedDiscriminator):
            spec, inner = network.spec, network.inner.spec
            raise RecipeError(
                f"{asked} with images of {spec.width}x{spec.height}: networks grow only to sizes that they can make, and these "
                f'make {inner.width}x{inner.height}. Bring the images to another size (--size), or set growth = ""'
            )
        if network.growth is None:  # of a family from outside
            family = getattr(recipe, part).family
            raise RecipeError(f'{asked} with {part}.family = "{family}": this network cannot grow; set growth = ""')
    assert generator.growth is not None
    assert discriminator.growth is not None
    sides = generator.growth.sides
    if sides != discriminator.growth.sides:
        raise RecipeError(
            f"{asked}: the generator has the sizes {_listed(sides)}, the discriminator {_listed(discriminator.growth.sides)}; "
            "give smallest and patch of both networks the same values"
        )
    stages: list[int] = []
    starts = [0.0]
    for entry in text.split(","):
        stage, end = _parsed(entry, sides, images, asked)
        if stages and stage <= stages[-1]:
            raise RecipeError(f"{asked}: the sizes must increase; {entry.strip()!r} is not larger than the one before it")
        if end <= starts[-1]:
            raise RecipeError(f"{asked}: each size must end later than the one before it; {entry.strip()!r} does not")
        if end >= images:
            raise RecipeError(
                f"{asked} with a run of {images:,} images: {entry.strip()!r} does not end before the run. Train longer "
                "(--images), or grow earlier"
            )
        stages.append(stage)
        starts.append(end)
    return GrowthSchedule((*stages, len(sides) - 1), tuple(starts), images, recipe.training.growth_fade)


def check_can_grow(recipe: Recipe) -> None:
    """Check that the networks of a recipe can grow, if it has a growth.

    Raises:
        RecipeError: if they cannot. The message names the setting of a family that can grow, or the recipe.
    """
    text = recipe.training.growth
    if not text.strip():
        return
    for part in ("generator", "discriminator"):
        settings = getattr(recipe, part)
        name, needed = ("to_image", "sum") if part == "generator" else ("from_image", "each")
        if settings.family not in GROWING:
            raise RecipeError(
                f'training.growth = "{text}" with {part}.family = "{settings.family}": networks of this family cannot grow. '
                'Take a recipe that grows, such as `progressive`, or set growth = ""'
            )
        if (value := getattr(settings, name, needed)) != needed:
            raise RecipeError(
                f'training.growth = "{text}" with {part}.{name} = "{value}": this network cannot grow. Set {part}.{name} = '
                f'"{needed}", or growth = ""'
            )


def _parsed(entry: str, sides: tuple[tuple[int, int], ...], images: int, asked: str) -> tuple[int, float]:
    """Return the stage and the end of an entry such as "8@100000" or "1/4@30%"."""
    found = ENTRY.fullmatch(entry)
    if found is None:
        raise RecipeError(f'{asked}: {entry.strip()!r} must be SIZE@IMAGES, such as "8@100000", "16@30%" or "1/4@30%"')
    size, end = found.groups()
    full = sides[-1][0]
    height = Fraction(size) * full if "/" in size else Fraction(size)
    heights = [side for side, _ in sides[:-1]]
    if height >= full:
        raise RecipeError(f"{asked}: {size} is not below the height of the images, {full}; the run ends at that size anyway")
    if height not in heights:
        near = f"{min(heights, key=lambda side: abs(side - height))}" if heights else "none"
        raise RecipeError(
            f"{asked}: these networks have no size of {size} for images of {full} pixels; the nearest is {near} "
            f'(all: {_listed(sides[:-1])}). Set growth to one of these sizes, or to "", or bring the images to a larger size '
            "(--size)"
        )
    position = float(end[:-1]) / 100 * images if end.endswith("%") else float(end)
    return heights.index(int(height)), position


def _listed(sides: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{width}x{height}" for height, width in sides) or "none"
