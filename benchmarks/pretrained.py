"""Train the shipped model `mnist` again. The recipe, the seed and the length are constants below.

    make pretrained

trains the model, stores its metrics in the model card, and writes the file into the package. A repetition on the same machine
gives the same weights.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from common import DRAWN, the_classifier

import digitgan
from digitgan.evaluation import class_accuracy
from digitgan.model.file import save_model

RECIPE, SEED, IMAGES = "fast", 0, 500_000
# The settings of `fast` when the shipped model was trained.
SETTINGS = (
    "generator.channels=[64, 32, 12]",
    "generator.image_kernel=3",
    "generator.image_stride=1",
    "training.batch_size=64",
    "training.generator_pretraining=0",
    "optimizer.generator_learning_rate=0.003",
    "optimizer.discriminator_learning_rate=0.003",
)
ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "src" / "digitgan" / "pretrained" / "mnist.safetensors"


def main() -> None:
    """Train the model, measure its metrics, and write it into the package."""
    classifier = the_classifier()
    out = ROOT / "runs" / "pretrained"
    result = digitgan.train(RECIPE, settings=SETTINGS, seed=SEED, images=IMAGES, out=out, overwrite=True, progress="auto")
    model = digitgan.load(result.run)
    labels = np.arange(DRAWN) % 10
    test = digitgan.load_image_set("mnist", "test")
    metrics = {
        "class_accuracy": class_accuracy(classifier, model.sample(labels, seed=1), labels),
        "class_accuracy_protocol": f"{DRAWN:,} generated images, seed 1, balanced classes; by a classifier trained on MNIST's "
        "training images",
        "classifier_accuracy_on_test_images": class_accuracy(classifier, test.images, test.labels),
    }
    save_model(SHIPPED, dataclasses.replace(model, card={**model.card, "metrics": metrics}))
    print(f"{SHIPPED}: {SHIPPED.stat().st_size / 1e6:.2f} MB, {metrics}")


if __name__ == "__main__":
    main()
