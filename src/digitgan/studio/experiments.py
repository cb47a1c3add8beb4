"""Experiments that break a training in one way each, beside a healthy training with the same seed."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

IMAGES: Final = 70_000
"""Length of each training of an experiment: about a minute on one core each. The guard sees mode collapse from 64,000 on."""

COMMON_SETTINGS: Final = ("training.previews=40", "training.checkpoints=4")
"""Changes to both recipes of an experiment: more previews, by which the guard notices mode collapse."""


@final
@dataclass(frozen=True)
class Experiment:
    """A change to a healthy training, `fast` on MNIST, that makes it fail or shows what the changed part is for.

    `benchmarks/experiments.py` measures the results that the texts state, over seeds.

    Attributes:
        name: name of the experiment, for addresses and run folders.
        title: the change, in a few words.
        look_for: advice on what to watch.
        happens: the outcome.
        why: the reason.
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
        "weak-label",
        "A label with little weight",
        "In the first quarter of the run, look down each column: is each image the digit that the column asks for?",
        "The strokes look like handwriting early, but many are another digit. The right digits come much later.",
        "The label is a small number beside large ones, so both networks first learn to do without it.",
        (
            "generator.label_input=embedding",
            "generator.norm=batch",
            "generator.initialisation=keras",
            "discriminator.label_input=mask-plane",
            "discriminator.label_biases=false",
            "discriminator.initialisation=keras",
        ),
    ),
    Experiment(
        "long-averages",
        "Adam with averages over a thousand steps",
        "Watch the images of the same latents: do they differ, and do they settle?",
        "The digits keep changing shape together, and those of one class look alike.",
        "Adam averages gradients over a thousand steps, but the opponent of a thousand steps ago no longer exists.",
        ("optimizer.beta1=0.9", "optimizer.beta2=0.999"),
    ),
    Experiment(
        "dense-entry",
        "A dense layer before the convolutions",
        "Compare the strokes with the healthy ones: are they smooth?",
        "The strokes stay rough and broken, and more of the digits cannot be recognised.",
        "A dense layer mixes all pixels, so that the discriminator no longer knows which pixels are neighbours.",
        ("discriminator.label_input=one-hot", "discriminator.entry_channels=128", "discriminator.label_biases=false"),
    ),
    Experiment(
        "high-learning-rate",
        "Ten times the learning rate",
        "Watch the losses and the images in the first seconds. Do the rows of a column differ?",
        "The losses jump a hundredfold within seconds. The images become dots and blobs, alike in every row; the guard acts.",
        "Each step overshoots: the networks leave the region where they answer to each other, and find no way back.",
        ("optimizer.generator_learning_rate=0.04", "optimizer.discriminator_learning_rate=0.04"),
    ),
    Experiment(
        "no-penalty",
        "No penalty",
        "The images stay readable at first. Watch the two losses: which one sinks, and which one grows?",
        "The loss of the discriminator sinks and that of the generator grows, so the gradients become less useful.",
        "Without the R1 penalty nothing keeps the discriminator smooth. Longer trainings, or few images, fail.",
        ("penalty.name=none",),
    ),
    Experiment(
        "one-sided",
        "The discriminator learns fifty times faster",
        "Watch the share of images that the discriminator takes for what they are.",
        "It is right for nearly all, and the images stay noise. Digits appear late, and those of one class are nearly alike.",
        "Where the discriminator is certain, its score hardly depends on the pixels: it gives the generator no direction.",
        ("optimizer.discriminator_learning_rate=0.02", "optimizer.generator_learning_rate=0.0004", "penalty.name=none"),
    ),
    Experiment(
        "mode-collapse",
        "Mode collapse",
        "Look down a column, at ten images of one class: do they differ?",
        "The digits are readable, but all images of a class are nearly the same picture. The guard notices.",
        "The generator learns forty times faster than the discriminator: one good picture of each class is enough to fool it.",
        (
            "penalty.name=none",
            "loss.name=non-saturating",
            "optimizer.generator_learning_rate=0.02",
            "optimizer.discriminator_learning_rate=0.0005",
        ),
    ),
)

EXPERIMENTS: Final[Mapping[str, Experiment]] = types.MappingProxyType({each.name: each for each in _ALL})
"""The experiments, by name."""
