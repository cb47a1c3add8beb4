"""The recipes that come with the package. The published systems are in `digitgan.recipes.published`."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Final

from digitgan.errors import RecipeError
from digitgan.lookup import Registry
from digitgan.recipes.families import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    ProjectedDiscriminatorRecipe,
    ResidualDiscriminatorRecipe,
    ResidualGeneratorRecipe,
    StyleDiscriminatorRecipe,
    StyleGeneratorRecipe,
)
from digitgan.recipes.published import PUBLISHED
from digitgan.recipes.settings import (
    AugmentationRecipe,
    EmaRecipe,
    LossRecipe,
    OptimizerRecipe,
    PenaltyRecipe,
    Recipe,
    TrainingRecipe,
    UpdatesRecipe,
)

DEFAULT_RECIPE: Final = "fast"

_FAST = Recipe(
    name="fast",
    description="Small convolutional conditional GAN: readable digits in a minute on two CPU cores.",
    # Chosen for the best quality after one minute; benchmarks/RECORDS.md lists all trials.
    generator=ConvolutionalGeneratorRecipe(channels=(64, 32), image_kernel=4, image_stride=2),
    optimizer=OptimizerRecipe(generator_learning_rate=0.004, discriminator_learning_rate=0.004),
    training=TrainingRecipe(images=120_000, batch_size=128, least_steps=200, generator_pretraining=100),
)

_QUALITY = Recipe(
    name="quality",
    description="Larger networks, for trainings of half an hour or more: the shipped model of MNIST.",
    generator=ConvolutionalGeneratorRecipe(channels=(96, 48, 16)),
    discriminator=ConvolutionalDiscriminatorRecipe(channels=(32, 64, 128), features=256),
    ema=EmaRecipe(decay=0.999),
    training=TrainingRecipe(images=2_200_000, batch_size=128),
)

_COLOUR = Recipe(
    name="colour",
    description="Colour images of about 32x32 on two CPU cores: the discriminator sees the features of a classifier.",
    # Chosen by training images of CIFAR-10; benchmarks/RECORDS.md lists the trials.
    generator=ResidualGeneratorRecipe(width=48, max_width=96, smallest=5, patch=2),
    discriminator=ProjectedDiscriminatorRecipe(auxiliary_classifier=True),
    loss=LossRecipe(classifier_weight=0.5),
    penalty=PenaltyRecipe(gamma=0.1),
    updates=UpdatesRecipe(real_scores="earlier"),
    optimizer=OptimizerRecipe(generator_learning_rate=0.002, discriminator_learning_rate=0.002),
    ema=EmaRecipe(decay=0.9995),
    training=TrainingRecipe(images=400_000, batch_size=64, feature_pretraining=1500),
)

_RESIDUAL = Recipe(
    name="residual",
    description="Residual networks for images of 16 to 128 pixels, grey or colour, on a GPU or over hours on a CPU.",
    generator=ResidualGeneratorRecipe(width=48, max_width=256, patch=2, to_image="sum"),
    discriminator=ResidualDiscriminatorRecipe(width=48, max_width=256, patch=2, label_biases=True),
    # A deep discriminator separates the images sooner, and needs a larger penalty than a shallow one.
    penalty=PenaltyRecipe(gamma=1.0, interval=4),
    optimizer=OptimizerRecipe(generator_learning_rate=0.001, discriminator_learning_rate=0.001),
    ema=EmaRecipe(decay=0.9995),
    training=TrainingRecipe(images=2_000_000, batch_size=128),
)

_PROGRESSIVE = Recipe(
    name="progressive",
    description="Residual networks that begin at a quarter of the size and grow (Karras et al. 2018), for 48 to 128 pixels.",
    generator=ResidualGeneratorRecipe(width=32, max_width=256, to_image="sum"),
    discriminator=ResidualDiscriminatorRecipe(width=32, max_width=256, label_biases=True, from_image="each"),
    penalty=PenaltyRecipe(gamma=1.0, interval=4),
    optimizer=OptimizerRecipe(generator_learning_rate=0.001, discriminator_learning_rate=0.001),
    ema=EmaRecipe(decay=0.9995),
    training=TrainingRecipe(images=600_000, growth="1/4@25%,1/2@50%"),
)

_FEW_SHOT = Recipe(
    name="few-shot",
    description="Few grey images, about 20 to 500 of each class: augmented once the discriminator memorises them.",
    generator=ConvolutionalGeneratorRecipe(channels=(64, 32), image_kernel=4, image_stride=2),
    optimizer=OptimizerRecipe(generator_learning_rate=0.002, discriminator_learning_rate=0.002),
    augmentation=AugmentationRecipe(name="adaptive"),
    training=TrainingRecipe(images=200_000),
)

_COLOUR_FEW_SHOT = dataclasses.replace(
    _COLOUR,
    name="colour-few-shot",
    description="Few colour images, about 20 to 500 of each class: `colour` with augmentation.",
    # The feature network knows the few images by heart. A larger weight outweighs the heads, and the images become alike.
    loss=LossRecipe(classifier_weight=0.1),
    # Target 0 lets the probability rise to 1. From the first step, 1 ends in mode collapse on simple images such as digits.
    augmentation=AugmentationRecipe(name="adaptive", operations="translation", target=0.0, horizon=40_000),
    training=dataclasses.replace(_COLOUR.training, images=200_000),
)

_WGAN_GP = Recipe(
    name="wgan-gp",
    description="Conditional WGAN with gradient penalty (Gulrajani et al. 2017), five critic steps for each generator step.",
    loss=LossRecipe(name="wasserstein"),
    penalty=PenaltyRecipe(name="wgan-gp", gamma=10.0, interval=1),
    updates=UpdatesRecipe(discriminator_steps=5),
    optimizer=OptimizerRecipe(generator_learning_rate=1e-3, discriminator_learning_rate=1e-3, beta2=0.9),
    ema=EmaRecipe(decay=0.99),
    training=TrainingRecipe(images=300_000),
)

_ACGAN = Recipe(
    name="acgan",
    description="Auxiliary classifier GAN (Odena et al. 2017): the discriminator receives no label and predicts the class.",
    discriminator=ConvolutionalDiscriminatorRecipe(label_input="none", label_biases=False, auxiliary_classifier=True),
    # At weight 1 the classifier's gradient dominates, and the generator draws one picture for each class. Class accuracy and
    # coverage after 60,000 images: 37 % and 0.05 at weight 1, 95 % and 0.50 at 0.3, 87 % and 0.56 at 0.1.
    loss=LossRecipe(name="non-saturating", classifier_weight=0.3),
    training=TrainingRecipe(images=300_000),
)

_STYLE = Recipe(
    name="style",
    description="Small StyleGAN2 (Karras et al. 2020): a mapping network, a style and noise for each layer, style mixing.",
    # Maps of half the sides and patches of 2x2 pixels take less than half the time of maps at the full size: after a minute on
    # one core, class accuracy on MNIST is 97 % instead of 96 %.
    generator=StyleGeneratorRecipe(width=32, patch=2),
    discriminator=StyleDiscriminatorRecipe(width=32, patch=2),
    # Fréchet distance on MNIST after 120,000 images, seed 0: 0.71 at 0.0015, 1.14 at 0.002.
    optimizer=OptimizerRecipe(generator_learning_rate=0.0015, discriminator_learning_rate=0.0015),
    training=TrainingRecipe(images=300_000),
)

_TABLE: Final = (
    _FAST,
    _QUALITY,
    _COLOUR,
    _RESIDUAL,
    _PROGRESSIVE,
    _FEW_SHOT,
    _COLOUR_FEW_SHOT,
    *PUBLISHED,
    _WGAN_GP,
    _ACGAN,
    _STYLE,
)

RECIPES: Final = Registry[Recipe](
    "recipe", {recipe.name: recipe for recipe in _TABLE}, RecipeError, group="recipes", kind=Recipe
)
"""The recipes that come with the package, by name."""

ALIASES: Final[Mapping[str, str]] = types.MappingProxyType(
    {name.replace("-fixed", "-mended"): name for name in (recipe.name for recipe in _TABLE) if name.endswith("-fixed")}
)
"""Former names of recipes: former name -> present name."""
