"""Train `mask-cgan` in Keras for TensorFlow, for the comparison in `against_keras.py`.

The script does not import digitgan. Run it with the Python of an environment with TensorFlow:

    .venv-tensorflow/bin/python benchmarks/keras_mask_cgan.py IMAGES.npz --images 20000 --out FOLDER

Both networks learn from one pass, as in the tutorial on which the system is based. The whole step is one `tf.function`. The
script writes `generator.keras` to FOLDER, and a line of JSON at the end of standard output.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH, LATENT, CLASSES = 128, 100, 10
WARM_UP = 5
"""Steps before the measurement. The first traces the function; the others allocate memory."""


def make_generator() -> keras.Model:
    z, labels = keras.Input((LATENT,)), keras.Input((1,), dtype="int32")
    label = layers.Flatten()(layers.Embedding(CLASSES, 50)(labels))
    values = layers.Dense(7 * 7 * 256)(layers.Concatenate()([z, label]))
    maps = layers.Reshape((7, 7, 256))(layers.ReLU()(layers.BatchNormalization()(values)))
    for width in (128, 64):
        maps = layers.Conv2DTranspose(width, 5, strides=2, padding="same")(maps)
        maps = layers.ReLU()(layers.BatchNormalization()(maps))
    return keras.Model([z, labels], layers.Conv2D(1, 5, padding="same", activation="tanh", dtype="float32")(maps))


def make_discriminator() -> keras.Model:
    images, labels = keras.Input((28, 28, 1)), keras.Input((1,), dtype="int32")
    mask = layers.Reshape((28, 28, 1))(layers.Embedding(CLASSES, 28 * 28)(labels))
    maps = layers.Concatenate()([images, mask])
    for width in (64, 128):
        maps = layers.Conv2D(width, 5, strides=2, padding="same")(maps)
        maps = layers.Dropout(0.3)(layers.LeakyReLU(negative_slope=0.2)(maps))
    return keras.Model([images, labels], layers.Dense(1, dtype="float32")(layers.Flatten()(maps)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--predict", type=int, default=0, help="number of images that measure the speed of sampling")
    parser.add_argument("--out", type=Path, required=True)
    wanted = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(wanted.threads)
    keras.utils.set_random_seed(wanted.seed)
    keras.mixed_precision.set_global_policy(wanted.precision)

    with np.load(wanted.data) as file:
        pixels, classes = file["images"], file["labels"]
    generator, discriminator = make_generator(), make_discriminator()
    generator_optimizer, discriminator_optimizer = (keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2))
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        real = tf.cast(images, tf.float32)[..., None] / 127.5 - 1
        z = tf.random.normal((BATCH, LATENT))
        asked = tf.random.uniform((BATCH, 1), maxval=CLASSES, dtype=tf.int32)
        with tf.GradientTape() as of_generator, tf.GradientTape() as of_discriminator:
            fake = generator([z, asked], training=True)
            on_real = discriminator([real, labels[:, None]], training=True)
            on_fake = discriminator([fake, asked], training=True)
            discriminator_loss = cross_entropy(tf.ones_like(on_real), on_real) + cross_entropy(tf.zeros_like(on_fake), on_fake)
            generator_loss = cross_entropy(tf.ones_like(on_fake), on_fake)
        for tape, loss, network, optimizer in (
            (of_discriminator, discriminator_loss, discriminator, discriminator_optimizer),
            (of_generator, generator_loss, generator, generator_optimizer),
        ):
            weights = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return discriminator_loss, generator_loss

    batches = (
        tf.data.Dataset.from_tensor_slices((pixels, classes.astype(np.int32)))
        .shuffle(len(pixels), seed=wanted.seed)
        .batch(BATCH, drop_remainder=True)
        .repeat()
        .prefetch(tf.data.AUTOTUNE)
    )
    steps = -(-wanted.images // BATCH)
    losses, started = [], time.perf_counter()
    for number, (images, labels) in enumerate(batches.take(steps)):
        if number == WARM_UP:
            started = time.perf_counter()
        losses.append([float(loss) for loss in step(images, labels)])
    seconds = time.perf_counter() - started
    wanted.out.mkdir(parents=True, exist_ok=True)
    generator.save(wanted.out / "generator.keras")
    tail = np.mean(losses[-len(losses) // 4 :], axis=0)
    found = {
        "images_seen": steps * BATCH,
        "images_per_second": round((steps - WARM_UP) * BATCH / seconds, 1),
        "seconds": round(seconds, 1),
        "discriminator_loss": round(float(tail[0]), 4),
        "generator_loss": round(float(tail[1]), 4),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    if wanted.predict:
        found["drawn_per_second"] = drawing_speed(generator, wanted.predict)
    print(json.dumps(found))


def drawing_speed(generator: keras.Model, images: int) -> dict[str, float]:
    """Return the images per second of `generator.predict`, by batch size."""
    z = np.random.default_rng(0).standard_normal((images, LATENT), dtype=np.float32)
    labels = (np.arange(images, dtype=np.int32) % CLASSES)[:, None]
    found = {}
    for size in (32, 64, 128, 256, 512, 1024):
        generator.predict([z[:size], labels[:size]], batch_size=size, verbose=0)
        started = time.perf_counter()
        generator.predict([z, labels], batch_size=size, verbose=0)
        found[str(size)] = round(images / (time.perf_counter() - started), 1)
    return found


if __name__ == "__main__":
    main()
