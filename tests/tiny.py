"""The tiny recipe: `fast` with small networks (milliseconds per step) and ten steps.

A test that trains adds only the settings it needs. A test that needs a finished run takes the fixture `tiny_run` or
`tiny_run_copy`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import digitgan
from digitgan.recipes import Recipe, find_recipe, with_settings

BATCH, IMAGES = 16, 160

SETTINGS = (
    "generator.channels=[8, 8]",
    "generator.latent=8",
    "generator.label_embedding=8",
    "discriminator.channels=[8, 8]",
    "discriminator.features=16",
    "training.precision=float32",
    f"training.batch_size={BATCH}",
    f"training.images={IMAGES}",
    "training.previews=4",
)
"""The settings that make `fast` tiny. If a setting is given twice, the last value counts."""


def options(*settings: str, data: str = "digits", named: bool = True) -> tuple[str, ...]:
    """Return the recipe as options of `digitgan train`, with further settings.

    Args:
        settings: further settings.
        data: training images.
        named: whether the options include the name of the recipe, which `digitgan compare` takes by itself.
    """
    return (*(["fast"] if named else []), f"--data={data}", *(f"--set={setting}" for setting in (*SETTINGS, *settings)))


STYLE = (
    "generator.latent=8",
    "generator.label_embedding=8",
    "generator.style=8",
    "generator.width=4",
    "generator.max_width=8",
    "generator.patch=1",
    "discriminator.width=4",
    "discriminator.max_width=8",
    "discriminator.patch=1",
    "discriminator.features=16",
    *(setting for setting in SETTINGS if setting.startswith("training.")),
)
"""The settings that make the recipe `style` tiny."""


def style(*settings: str) -> Recipe:
    """Return the tiny recipe of the style family, with further settings."""
    return with_settings(find_recipe("style"), [*STYLE, *settings])


RESIDUAL = (
    *(f"{network}.family=residual" for network in ("generator", "discriminator")),
    *(f"{network}.width=8" for network in ("generator", "discriminator")),
    *(f"{network}.max_width=16" for network in ("generator", "discriminator")),
    "generator.latent=16",
    "generator.label_embedding=8",
    "discriminator.features=16",
    "ema.statistics=running",
)
"""The settings that make small residual networks of `fast`."""

GROWING = (
    *RESIDUAL,
    "generator.to_image=sum",
    "discriminator.from_image=each",
    "training.growth=7@48,14@96",
    "training.generator_pretraining=0",
    *SETTINGS[-4:],
)
"""The settings of residual networks that grow from 7 over 14 to 28 pixels in ten steps; each size fades in for a half."""


def recipe(*settings: str) -> Recipe:
    """Return the recipe, with further settings."""
    return with_settings(find_recipe("fast"), [*SETTINGS, *settings])


def train(out: Path, *settings: str, data: str = "digits", **further: Any) -> digitgan.TrainingResult:
    """Train the recipe, with further settings and further arguments of `digitgan.train`."""
    return digitgan.train("fast", data=data, out=out, settings=[*SETTINGS, *settings], **further)
