"""Measure the gain of generated images for a classifier with few real ones: 10, 100 and 1,000 real images a class.

    python examples/augment.py

A support vector machine of scikit-learn is trained on a few real images of MNIST, with and without additional generated images.
It is tested on MNIST's test images each time. Two generators measure two effects:

- `own`: a GAN that was trained on those few images alone, for a minute. It has no more information than the classifier, so any
  gain is that of augmentation.
- `shipped`: the model that comes with digitgan. It was trained on all 60,000 training images, so its gain includes information
  about images that the classifier was not given.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro
from sklearn.svm import SVC

import digitgan

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def accuracy(images: Pixels, labels: Labels, test: digitgan.ImageSet) -> float:
    """Train a classifier on images uint8 (n, 28, 28) with labels (n,), and return its accuracy on the test set, 0 to 1."""
    classifier = SVC(C=5, gamma="scale").fit(images.reshape(len(images), -1) / 255, labels)
    return float(classifier.score(test.images.reshape(len(test.images), -1) / 255, test.labels))


def few_of(image_set: digitgan.ImageSet, per_class: int, seed: int) -> tuple[Pixels, Labels]:
    """Choose `per_class` real images of each class at random by the seed; return images and labels."""
    random = np.random.default_rng(seed)
    classes = range(len(image_set.class_names))
    chosen = np.concatenate([random.choice(np.flatnonzero(image_set.labels == each), per_class, False) for each in classes])
    return image_set.images[chosen], image_set.labels[chosen]


def drawn_with(model: digitgan.Model, per_class: int, seed: int) -> tuple[Pixels, Labels]:
    """Generate `per_class` images of each class; return images and labels."""
    labels = np.repeat(np.arange(len(model.class_names)), per_class)
    return model.sample(labels, seed), labels


def trained_on(images: Pixels, labels: Labels, minutes: float, seed: int) -> digitgan.Model:
    """Train a GAN on these images only, and return its model."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "few.npz"
        np.savez(data, images=images, labels=labels)
        result = digitgan.train("fast", data=str(data), minutes=minutes, seed=seed, out=Path(folder) / "run")
        return digitgan.load(result.model)


def main(
    per_class: tuple[int, ...] = (10, 100, 1000),
    drawn: int = 1000,
    minutes: float = 1.0,
    seeds: int = 3,
    data_dir: Path | None = None,
) -> None:
    """Print a table of the test accuracy with real images alone, and of the gain by generated images.

    Args:
        per_class: Numbers of real images of each class, one row of the table each.
        drawn: Number of generated images of each class to add.
        minutes: Training time of each GAN on few images.
        seeds: Number of random choices of the real images, each with its own GAN.
        data_dir: Folder of MNIST.
    """
    train, test = (digitgan.load_image_set("mnist", split, data_dir) for split in ("train", "test"))
    shipped = digitgan.load("mnist")
    print(f"| real images a class | real alone | + {drawn:,} by its own GAN | + {drawn:,} by the shipped model |")
    print("|---:|---:|---:|---:|")
    for count in per_class:
        found: dict[str, list[float]] = {"alone": [], "own": [], "shipped": []}
        for seed in range(seeds):
            images, labels = few_of(train, count, seed)
            found["alone"].append(accuracy(images, labels, test))
            for name, model in (("own", trained_on(images, labels, minutes, seed)), ("shipped", shipped)):
                further, theirs = drawn_with(model, drawn, seed)
                found[name].append(accuracy(np.concatenate([images, further]), np.concatenate([labels, theirs]), test))
        alone = np.array(found["alone"])
        cells = [f"{alone.mean():.2%} ± {alone.std(ddof=seeds > 1):.2%}"]
        for name in ("own", "shipped"):
            gain = 100 * (np.array(found[name]) - alone)
            cells.append(f"{gain.mean():+.2f} ± {gain.std(ddof=seeds > 1):.2f} points")
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
