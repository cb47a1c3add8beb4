"""Experiments that break a training in one way each, beside a healthy training with the same seed."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True)
class Experiment:
    """A change to a healthy training that makes it fail.

    Attributes:
        name: name of the experiment, for addresses and run folders.
        title: what is changed, in a few words.
        look_for: what to look for.
        happens: what happens.
        why: why it happens.
        settings: the changes to the recipe, "section.key=value".
        recipe: recipe of both trainings.
    """

    name: str
    title: str
    look_for: str
    happens: str
    why: str
    settings: tuple[str, ...]
    recipe: str = "fast"


_ALL: Final = (
    Experiment(
        "high-learning-rate",
        "Ten times the learning rate",
        "Watch the losses and the previews of the same latents: do they settle?",
        "The images jump from one shape to another and never become digits.",
        "Each step overshoots, so that both networks answer to an opponent who has moved on.",
        ("optimizer.generator_learning_rate=0.04", "optimizer.discriminator_learning_rate=0.04"),
    ),
)

EXPERIMENTS: Final[Mapping[str, Experiment]] = types.MappingProxyType({each.name: each for each in _ALL})
"""The experiments, by name."""
