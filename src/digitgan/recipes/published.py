"""The five published systems, and the three of them that are fixed.

The five reference systems (`lstm-cgan`, `onehot-cgan`, `mask-cgan`, `plain-gan`, `dcgan`) follow their published descriptions.
Settings that a description omits take the defaults of Keras: initialisation, the momentum and epsilon of batch normalisation,
the rates of Adam. If a description omits the order of the updates, both networks learn from one pass, as in tutorial code of
that kind. An omitted batch size or length is similar to that of the other systems. The guard of these recipes watches little
more than non-finite numbers: the published systems have no guard, and their failures should stay visible. A fixed recipe
(`…-fixed`) is its system with the fewest changes that make it work.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from digitgan.recipes.families import (
    ConvolutionalDiscriminatorRecipe,
    ConvolutionalGeneratorRecipe,
    RecurrentDiscriminatorRecipe,
    RecurrentGeneratorRecipe,
)
from digitgan.recipes.settings import (
    EmaRecipe,
    GuardRecipe,
    LossRecipe,
    OptimizerRecipe,
    PenaltyRecipe,
    Recipe,
    TrainingRecipe,
    UpdatesRecipe,
)

MNIST_IMAGES: Final = 60_000
"""Number of MNIST's training images: the published lengths are in epochs of MNIST."""

_AS_IT_IS: Final = EmaRecipe(decay=0.0, statistics="running")
_NO_PENALTY: Final = PenaltyRecipe(name="none")
_NO_GUARD: Final = GuardRecipe(discriminator_collapse=False, divergence=False, mode_collapse=False)
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
    kernel=(5,),
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
        kernel=(5,),
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

PUBLISHED: Final = (
    _LSTM_CGAN,
    _LSTM_CGAN_FIXED,
    _ONEHOT_CGAN,
    _ONEHOT_CGAN_FIXED,
    _MASK_CGAN,
    _MASK_CGAN_FIXED,
    _PLAIN_GAN,
    _DCGAN,
)
"""The published systems, each followed by its fixed form if it has one."""
