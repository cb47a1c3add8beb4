"""The recipes that come with the package.

The five reference systems (`lstm-cgan`, `onehot-cgan`, `mask-cgan`, `plain-gan`, `dcgan`) follow their published descriptions.
Settings that a description omits take the defaults of Keras: initialisation, the momentum and epsilon of batch normalisation,
the rates of Adam. If a description omits the order of the updates, both networks learn from one pass, as in tutorial code of
that kind. An omitted batch size or length is similar to that of the other systems. The guard of these recipes watches little
more than non-finite numbers: the published systems have no guard, and their failures should stay visible. A fixed recipe
(`…-fixed`) is its system with the fewest changes that make it work.
"""

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
    RecurrentDiscriminatorRecipe,
    RecurrentGeneratorRecipe,
    ResidualDiscriminatorRecipe,
    ResidualGeneratorRecipe,
    StyleDiscriminatorRecipe,
    StyleGeneratorRecipe,
)
from digitgan.recipes.settings import (
    AugmentationRecipe,
    EmaRecipe,
    GuardRecipe,
    LossRecipe,
    OptimizerRecipe,
    PenaltyRecipe,
    Recipe,
    TrainingRecipe,
    UpdatesRecipe,
)

DEFAULT_RECIPE: Final = "fast"

MNIST_IMAGES: Final = 60_000
"""Number of MNIST's training images: the published lengths are in epochs of MNIST."""

_AS_IT_IS: Final = EmaRecipe(decay=0.0, statistics="running")
_NO_PENALTY: Final = PenaltyRecipe(name="none")
_NO_GUARD: Final = GuardRecipe(discriminator_collapse=False, mode_collapse=False)
_CROSS_ENTROPY: Final = LossRecipe(name="binary-cross-entropy")
_SUMMED_CROSS_ENTROPY: Final = LossRecipe(name="non-saturating")


def _keras_adam(learning_rate: float, beta1: float = 0.9) -> OptimizerRecipe:
    return OptimizerRecipe(
        generator_learning_rate=learning_rate,
        discriminator_learning_rate=learning_rate,
        beta1=beta1,
        beta2=0.999,
        epsilon=1e-7,
        decay="none",
    )


def _fixed(published: Recipe, how: str, learning_rate: float = 1e-3) -> Recipe:
    """Return a published system with the changes that all fixed recipes share.

    Args:
        published: the recipe of the system.
        how: the changes in words, for the description.
        learning_rate: of both networks.
    """
    return dataclasses.replace(
        published,
        name=f"{published.name}-fixed",
        description=f"{published.name} with {how}.",
        # Adam's defaults average the gradient over ten steps and its square over a thousand, while the other network changes.
        optimizer=dataclasses.replace(_keras_adam(learning_rate), beta1=0.0, beta2=0.95),
        ema=EmaRecipe(),
        training=dataclasses.replace(published.training, images=300_000),
        guard=GuardRecipe(),
    )


_FAST = Recipe(
    name="fast",
    description="Small convolutional conditional GAN: readable digits in a minute on two CPU cores.",
    # Chosen for the best quality after one minute; benchmarks/RECORDS.md lists all trials.
    generator=ConvolutionalGeneratorRecipe(channels=(64, 32), image_kernel=4, image_stride=2),
    optimizer=OptimizerRecipe(generator_learning_rate=0.004, discriminator_learning_rate=0.004),
    training=TrainingRecipe(images=120_000, batch_size=128, generator_pretraining=100),
)

_QUALITY = Recipe(
    name="quality",
    description="Larger networks, for trainings of a quarter of an hour or more.",
    generator=ConvolutionalGeneratorRecipe(channels=(96, 48, 16)),
    discriminator=ConvolutionalDiscriminatorRecipe(channels=(24, 48, 96), features=192),
    training=TrainingRecipe(images=1_000_000, batch_size=128),
)

_COLOUR = Recipe(
    name="colour",
    description="Colour images of about 32x32 on two CPU cores: the discriminator sees the features of a classifier.",
    generator=ConvolutionalGeneratorRecipe(channels=(96, 48), image_kernel=4, image_stride=2),
    discriminator=ProjectedDiscriminatorRecipe(),
    penalty=PenaltyRecipe(gamma=0.1),
    optimizer=OptimizerRecipe(generator_learning_rate=0.002, discriminator_learning_rate=0.002),
    ema=EmaRecipe(decay=0.9995),
    training=TrainingRecipe(images=400_000, batch_size=128, feature_pretraining=1500),
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
    description="Few training images, about 20 to 500 of each class: the discriminator sees them augmented (Zhao et al. 2020).",
    generator=ConvolutionalGeneratorRecipe(channels=(64, 32), image_kernel=4, image_stride=2),
    optimizer=OptimizerRecipe(generator_learning_rate=0.002, discriminator_learning_rate=0.002),
    augmentation=AugmentationRecipe(name="fixed", operations="translation,cutout,brightness,saturation,contrast"),
    training=TrainingRecipe(images=200_000),
)

_LSTM_CGAN = Recipe(
    name="lstm-cgan",
    description="Reference system 1: the digit as a sequence of 28 rows, an LSTM in each network.",
    generator=RecurrentGeneratorRecipe(),
    discriminator=RecurrentDiscriminatorRecipe(),
    loss=_CROSS_ENTROPY,
    penalty=_NO_PENALTY,
    updates=UpdatesRecipe(fakes="fresh", batches="separate"),
    optimizer=_keras_adam(1e-3),
    ema=_AS_IT_IS,
    training=TrainingRecipe(images=30 * MNIST_IMAGES, batch_size=64, previews=30, checkpoints=6, snapshots=6),
    guard=_NO_GUARD,
)

_LSTM_CGAN_FIXED = _fixed(_LSTM_CGAN, "shorter averages in Adam and a moving average of the generator's weights")

_TUTORIAL_GENERATOR = ConvolutionalGeneratorRecipe(
    latent=100,
    label_input="none",
    channels=(256, 128, 64),
    kernel=5,
    strides=(1, 2),
    image_kernel=5,
    image_stride=2,
    biases="none",
    norm="batch",
    dense_norm="units",
    norm_momentum=0.01,
    norm_epsilon=1e-3,
    slope=0.3,
    initialisation="keras",
)

_TUTORIAL_DISCRIMINATOR = ConvolutionalDiscriminatorRecipe(
    label_input="none",
    label_biases=False,
    channels=(64, 128),
    kernel=5,
    last_kernel=5,
    features=0,
    slope=0.3,
    dropout=0.3,
    initialisation="keras",
)

_ONEHOT_DISCRIMINATOR = dataclasses.replace(_TUTORIAL_DISCRIMINATOR, label_input="one-hot", entry_channels=128, dropout=0.0)

_ONEHOT_CGAN = Recipe(
    name="onehot-cgan",
    description="Reference system 2: one-hot labels, both networks updated from one forward pass.",
    generator=dataclasses.replace(_TUTORIAL_GENERATOR, label_input="one-hot"),
    discriminator=_ONEHOT_DISCRIMINATOR,
    loss=_SUMMED_CROSS_ENTROPY,
    penalty=_NO_PENALTY,
    updates=UpdatesRecipe(order="simultaneous", batches="separate"),
    optimizer=_keras_adam(1e-3),
    ema=_AS_IT_IS,
    training=TrainingRecipe(images=30 * MNIST_IMAGES, batch_size=64, previews=30, checkpoints=6, snapshots=6),
    guard=_NO_GUARD,
)

_ONEHOT_CGAN_FIXED = dataclasses.replace(
    _fixed(_ONEHOT_CGAN, "no dense layer before the convolutions, shorter averages in Adam and a moving average"),
    # A dense layer before the convolutions discards the spatial order of the pixels.
    discriminator=dataclasses.replace(_ONEHOT_DISCRIMINATOR, entry_channels=0),
)

_MASK_DISCRIMINATOR = dataclasses.replace(_TUTORIAL_DISCRIMINATOR, label_input="mask-plane", slope=0.2)

_MASK_CGAN = Recipe(
    name="mask-cgan",
    description="Reference system 3: DCGAN with an embedded label, and a label mask beside the image.",
    generator=ConvolutionalGeneratorRecipe(
        latent=100,
        label_input="embedding",
        label_embedding=50,
        channels=(256, 128, 64),
        kernel=5,
        image_kernel=5,
        biases="all",
        norm="batch",
        dense_norm="units",
        norm_momentum=0.01,
        norm_epsilon=1e-3,
        initialisation="keras",
    ),
    discriminator=_MASK_DISCRIMINATOR,
    loss=_SUMMED_CROSS_ENTROPY,
    penalty=_NO_PENALTY,
    updates=UpdatesRecipe(order="simultaneous", fake_labels="uniform", batches="separate"),
    optimizer=_keras_adam(2e-4, beta1=0.5),
    ema=_AS_IT_IS,
    training=TrainingRecipe(images=30 * MNIST_IMAGES, batch_size=128, previews=30, grid="5x5", checkpoints=6, snapshots=6),
    guard=_NO_GUARD,
)

_MASK_CGAN_FIXED = dataclasses.replace(
    _fixed(
        _MASK_CGAN,
        "one-hot labels and no dropout in the discriminator, faster learning, shorter averages in Adam and a moving average",
    ),
    # The mask starts at ±0.03 beside pixels of ±1, so the discriminator ignores it at first.
    discriminator=dataclasses.replace(_MASK_DISCRIMINATOR, label_input="one-hot", dropout=0.0),
)

_PLAIN_GAN = Recipe(
    name="plain-gan",
    description="Reference system 4: unconditional, half real and half fake in each discriminator batch.",
    generator=ConvolutionalGeneratorRecipe(
        latent=100,
        label_input="none",
        channels=(128, 128, 128),
        image_kernel=7,
        biases="all",
        norm="none",
        slope=0.2,
        output="sigmoid",
        initialisation="keras",
    ),
    discriminator=ConvolutionalDiscriminatorRecipe(
        label_input="none",
        label_biases=False,
        channels=(64, 64),
        kernel=3,
        last_kernel=3,
        features=0,
        dropout=0.4,
        pixels="unit",
        initialisation="keras",
    ),
    loss=_CROSS_ENTROPY,
    penalty=_NO_PENALTY,
    updates=UpdatesRecipe(fakes="fresh", generator_batch=256),
    optimizer=_keras_adam(2e-4, beta1=0.5),
    ema=_AS_IT_IS,
    # An epoch of the published system is 234 steps of 256 images. Only the 128 real images of a step count as images seen.
    training=TrainingRecipe(images=100 * 234 * 128, batch_size=128, previews=10, grid="10x10", checkpoints=10, snapshots=10),
    guard=dataclasses.replace(_NO_GUARD, discriminator_collapse=True),
)

_DCGAN = Recipe(
    name="dcgan",
    description="Reference system 5: unconditional DCGAN, a checkpoint every five epochs, a grid every epoch.",
    generator=_TUTORIAL_GENERATOR,
    discriminator=_TUTORIAL_DISCRIMINATOR,
    loss=_SUMMED_CROSS_ENTROPY,
    penalty=_NO_PENALTY,
    updates=UpdatesRecipe(order="simultaneous", batches="separate"),
    optimizer=_keras_adam(1e-4),
    ema=_AS_IT_IS,
    training=TrainingRecipe(images=60 * MNIST_IMAGES, batch_size=256, previews=60, grid="4x4", checkpoints=12, snapshots=12),
    guard=_NO_GUARD,
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
    _LSTM_CGAN,
    _LSTM_CGAN_FIXED,
    _ONEHOT_CGAN,
    _ONEHOT_CGAN_FIXED,
    _MASK_CGAN,
    _MASK_CGAN_FIXED,
    _PLAIN_GAN,
    _DCGAN,
    _WGAN_GP,
    _ACGAN,
    _STYLE,
)

RECIPES: Final = Registry[Recipe]("unknown recipe", {recipe.name: recipe for recipe in _TABLE}, RecipeError)
"""The recipes that come with the package, by name."""

ALIASES: Final[Mapping[str, str]] = types.MappingProxyType(
    {name.replace("-fixed", "-mended"): name for name in RECIPES if name.endswith("-fixed")}
)
"""Former names of recipes: former name -> present name."""
