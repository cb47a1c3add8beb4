"""Train the shipped MNIST classifier again, whose features `digitgan evaluate` uses.

    make classifier

trains a classifier on MNIST's training images, prints its accuracy on the test images, and writes the file into the package. A
repetition on the same machine gives the same weights.
"""

from __future__ import annotations

from pathlib import Path

import digitgan
from digitgan.evaluation import class_accuracy, save_classifier, train_classifier
from digitgan.evaluation.classifier import SHIPPED
from digitgan.files import file_hash
from digitgan.model.file import tensors_sha256

JUDGES = Path(__file__).parent.parent / "src" / "digitgan" / "pretrained" / "classifiers"


def main() -> None:
    """Train the classifier, measure its accuracy, and write it into the package."""
    training, test = (digitgan.load_image_set("mnist", split) for split in ("train", "test"))
    path = JUDGES / SHIPPED[training.content_hash]
    classifier = train_classifier(training)
    save_classifier(path, classifier)
    right = class_accuracy(classifier, test.images, test.labels)
    print(f"{path}: accuracy {right:.2%} on MNIST's test images, {path.stat().st_size / 1e6:.2f} MB")
    print(f"SHA-256 of the file: {file_hash(path)}, of its weights: {tensors_sha256(classifier.state_dict())}")


if __name__ == "__main__":
    main()
