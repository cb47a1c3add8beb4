"""Measure the seconds of training until the class accuracy reaches 99 %, on a GPU if there is one.

    python benchmarks/to_accuracy.py --device auto

At intervals, the moving average generates 10,000 images with labels that cycle through the classes, and the classifier gives
the class accuracy. Only the training steps and their data are timed, after a warm-up with a discarded trainer. Without a GPU
the benchmark measures the CPU, which the output and the JSON state. Write the results to benchmarks/results/to_accuracy.json
after each seed.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from common import DRAWN, RESULTS, the_classifier
from machine import machine

import digitgan
from digitgan.data import Batches
from digitgan.device import choose_precision, prepare
from digitgan.evaluation import FeatureClassifier, class_accuracy
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.training import NoiseSource, Trainer


def main(
    recipe: str = "fast",
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    seeds: int = 3,
    accuracy: float = 0.99,
    images: int = 300_000,
    every: int = 10_000,
    device: str = "auto",
    out: Path = RESULTS / "to_accuracy.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        recipe: name of the recipe.
        set: changes to the recipe, section.key=value.
        seeds: number of seeds.
        accuracy: class accuracy to reach.
        images: length of the run, which sets the decay of the learning rate. At its end the accuracy counts as not reached.
        every: number of images between two measurements of the class accuracy.
        device: auto, cpu, cuda or mps.
        out: JSON file of the results.
    """
    chosen, threads = prepare(device)
    name = torch.cuda.get_device_name() if chosen.type == "cuda" else f"no GPU: the CPU, {threads} threads"
    print(name)
    data, classifier = digitgan.load_image_set("mnist"), the_classifier()
    channels, height, width = data.shape
    spec = ImageSpec(channels, height, width, len(data.class_names))
    asked = with_settings(find_recipe(recipe), [*set, f"training.images={images}"])
    precision = asked.training.precision
    if precision == "auto":
        precision = choose_precision(chosen)
    asked = dataclasses.replace(asked, training=dataclasses.replace(asked.training, precision=precision))
    runs: list[dict[str, Any]] = []
    report = {
        "question": f"seconds of training until the class accuracy of 10,000 generated images is {accuracy:.0%}",
        "recipe": recipe,
        "settings": list(set),
        "device": name,
        "precision": precision,
        "runs": runs,
        "machine": machine(),
    }
    print("| seed | seconds | images | images/s | class accuracy |\n|---|---|---|---|---|")
    for seed in range(10, 10 + seeds):
        runs.append({"seed": seed, **reached(asked, spec, data, classifier, seed, accuracy, every, chosen)})
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        run = runs[-1]
        seconds = "not reached" if run["seconds"] is None else run["seconds"]
        cells = (seed, seconds, f"{run['images_seen']:,}", f"{run['images_per_second']:,.0f}", f"{run['class_accuracy']:.2%}")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    there = [run["seconds"] for run in runs if run["seconds"] is not None]
    if there:
        print(f"{len(there)} of {len(runs)} seeds reached it, after {statistics.mean(there):.1f} seconds on average")


def reached(
    recipe: Recipe,
    spec: ImageSpec,
    data: digitgan.ImageSet,
    classifier: FeatureClassifier,
    seed: int,
    accuracy: float,
    every: int,
    device: torch.device,
) -> dict[str, Any]:
    """Train until the class accuracy is reached or the run ends."""
    size, latent = recipe.training.batch_size, recipe.generator.latent
    batches = Batches(data, size, seed, device)
    noise_source = NoiseSource(seed, latent, spec.classes, size, device, recipe.updates)
    for warm in (True, False):
        trainer = Trainer(recipe, spec, seed, device)
        seconds, found, next_look = 0.0, 0.0, every
        stop = 2 * recipe.penalty.interval * size if warm else recipe.training.images
        while trainer.images_seen < stop and found < accuracy:
            started = time.perf_counter()
            while trainer.images_seen < min(next_look, stop):
                trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds += time.perf_counter() - started
            next_look += every
            if not warm:
                found = right_class(trainer, noise_source, classifier, data)
    return {
        "seconds": round(seconds, 2) if found >= accuracy else None,
        "images_seen": trainer.images_seen,
        "images_per_second": round(trainer.images_seen / seconds, 1),
        "class_accuracy": round(found, 4),
    }


def right_class(trainer: Trainer, noise_source: NoiseSource, classifier: FeatureClassifier, data: digitgan.ImageSet) -> float:
    """Return the class accuracy of images generated by the moving average."""
    generator = trainer.ema.drawn_from(noise_source.calibration_batches()).cpu()
    labels = np.arange(DRAWN) % len(data.class_names)
    drawn = digitgan.Model(generator, trainer.recipe, data.class_names, {"seed": trainer.seed}).sample(labels, seed=1)
    return class_accuracy(classifier, drawn, labels)


if __name__ == "__main__":
    tyro.cli(main)
