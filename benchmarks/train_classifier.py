"""Train a shipped feature classifier again, whose features `digitgan evaluate` uses.

    make classifier
    python benchmarks/train_classifier.py --data FOLDER_OF_CIFAR_10 --seeds 3

trains a classifier on the training images of a data set, prints its accuracy on the test images, and writes the file of the
first seed into the package. A repetition on the same machine gives the same weights. With `--held-out 5000` the last training
images take the place of the test images, and nothing is written: use it to choose settings.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
import tyro
from machine import machine

import digitgan
from digitgan.evaluation import class_accuracy, save_classifier, train_classifier
from digitgan.evaluation.classifier import shipped_for
from digitgan.evaluation.classifier_training import epochs_for
from digitgan.files import file_hash
from digitgan.model.file import tensors_sha256

RESULTS = Path(__file__).with_name("results")
CLASSIFIERS = Path(__file__).parent.parent / "src" / "digitgan" / "pretrained" / "classifiers"


def main(data: str = "mnist", seeds: int = 1, held_out: int = 0, out: Path = RESULTS / "classifiers.json") -> None:
    """Train the classifier, measure its accuracy, and write it into the package.

    Args:
        data: a data set with a shipped classifier.
        seeds: number of classifiers.
        held_out: number of training images that are held out in place of the test images; nothing is written then.
        out: JSON file of the results. Rows of other data sets are kept.
    """
    training = digitgan.load_image_set(data, notify=print)
    file = shipped_for(training)
    if file is None:
        raise SystemExit(f"{data}: has no shipped classifier")
    if held_out:
        test = _part(training, slice(-held_out, None))
        training = _part(training, slice(-held_out))
    else:
        test = digitgan.load_image_set(data, "test", notify=print)
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        # MNIST's classifier keeps the three epochs with which it was made.
        epochs = 3 if file == "mnist.safetensors" else epochs_for(training)
        started, worked = time.perf_counter(), time.process_time()
        classifier = train_classifier(training, seed=seed, epochs=epochs, notify=print)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        started = time.perf_counter()
        right = class_accuracy(classifier, test.images, test.labels)
        runs.append({"seed": seed, "epochs": epochs, "accuracy": round(right, 4), "seconds": round(seconds, 1)})
        # On a busy machine, the time of the processor says more than that of the clock.
        runs[-1] |= {"cpu_seconds": round(cpu_seconds, 1), "threads": torch.get_num_threads()}
        runs[-1]["seconds_of_classifying"] = round(time.perf_counter() - started, 2)
        print(runs[-1], flush=True)
        if seed == 0 and not held_out:
            save_classifier(CLASSIFIERS / file, classifier)
            weights = tensors_sha256(classifier.state_dict())
            print(f"SHA-256 of the file: {file_hash(CLASSIFIERS / file)}, of its weights: {weights}")
        if not held_out:
            _write_row(out, file, {"test_images": test.name, "runs": runs})


def _write_row(out: Path, file: str, row: dict[str, Any]) -> None:
    """Write the row of a classifier after each seed, so that an interrupted measurement keeps its results."""
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    report[file] = {"megabytes": round((CLASSIFIERS / file).stat().st_size / 1e6, 2), **row, "machine": machine()}
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _part(images: digitgan.ImageSet, places: slice) -> digitgan.ImageSet:
    return digitgan.ImageSet(images.images[places], images.labels[places], images.class_names, images.name)


if __name__ == "__main__":
    tyro.cli(main)
