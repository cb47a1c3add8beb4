"""Seconds of training until 99 % of what is drawn is of the class asked for, on a GPU where there is one.

    python benchmarks/to_accuracy.py --device auto

After every so many images the moving average draws 10,000 digits, their labels taking turns, and the judge says how many are
right; the clock stands meanwhile. Only the steps and the data for them are timed, from a game whose first steps, in which
kernels are prepared, were played and thrown away. On a machine without a GPU it is the CPU that is measured, and the output
and the JSON say so. The results go to benchmarks/results/to_accuracy.json, which is written after each seed.
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
from judging import DRAWN, RESULTS, the_judge
from machine import machine

import digitgan
from digitgan.data import Batches
from digitgan.device import choose_precision, prepare
from digitgan.evaluation import Judge, class_accuracy
from digitgan.networks import ImageForm
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.training import Draws, Game


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
        recipe: what is trained.
        set: changes to it, section.key=value.
        seeds: how many.
        accuracy: share of right classes to be reached.
        images: length of the run, by which the learning rate falls; what hasn't arrived by then is reported as not reached.
        every: images between looks.
        device: auto, cpu, cuda or mps.
        out: where the results go.
    """
    chosen, threads = prepare(device)
    name = torch.cuda.get_device_name() if chosen.type == "cuda" else f"no GPU here: the CPU, {threads} threads"
    print(name)
    data, judge = digitgan.load_image_set("mnist"), the_judge()
    channels, height, width = data.shape
    form = ImageForm(channels, height, width, len(data.class_names))
    asked = with_settings(find_recipe(recipe), [*set, f"training.images={images}"])
    precision = asked.training.precision
    if precision == "auto":
        precision = choose_precision(chosen)
    asked = dataclasses.replace(asked, training=dataclasses.replace(asked.training, precision=precision))
    runs: list[dict[str, Any]] = []
    report = {
        "question": f"seconds of training until {accuracy:.0%} of 10,000 drawn images are of the class asked for",
        "recipe": recipe,
        "settings": list(set),
        "device": name,
        "precision": precision,
        "runs": runs,
        "machine": machine(),
    }
    print("| seed | seconds | images | images/s | right class then |\n|---|---|---|---|---|")
    for seed in range(10, 10 + seeds):
        runs.append({"seed": seed, **reached(asked, form, data, judge, seed, accuracy, every, chosen)})
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        run = runs[-1]
        seconds = "not reached" if run["seconds"] is None else run["seconds"]
        cells = (seed, seconds, f"{run['images_seen']:,}", f"{run['images_per_second']:,.0f}", f"{run['class_accuracy']:.2%}")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    there = [run["seconds"] for run in runs if run["seconds"] is not None]
    if there:
        print(f"{len(there)} of {len(runs)} seeds reached it, after {statistics.mean(there):.1f} seconds in the mean")


def reached(
    recipe: Recipe,
    form: ImageForm,
    data: digitgan.ImageSet,
    judge: Judge,
    seed: int,
    accuracy: float,
    every: int,
    device: torch.device,
) -> dict[str, Any]:
    """One training, until it is good enough or at its end."""
    size, latent = recipe.training.batch_size, recipe.generator.latent
    batches = Batches(data, size, seed, device)
    draws = Draws(seed, latent, form.classes, size, device, recipe.updates)
    for warm in (True, False):
        game = Game(recipe, form, seed, device)
        seconds, found, next_look = 0.0, 0.0, every
        stop = 2 * recipe.penalty.interval * size if warm else recipe.training.images
        while game.images_seen < stop and found < accuracy:
            started = time.perf_counter()
            while game.images_seen < min(next_look, stop):
                game.step(batches.at(game.images_seen), draws.at(game.images_seen))
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds += time.perf_counter() - started
            next_look += every
            if not warm:
                found = right_class(game, draws, judge, data)
    return {
        "seconds": round(seconds, 2) if found >= accuracy else None,
        "images_seen": game.images_seen,
        "images_per_second": round(game.images_seen / seconds, 1),
        "class_accuracy": round(found, 4),
    }


def right_class(game: Game, draws: Draws, judge: Judge, data: digitgan.ImageSet) -> float:
    """The share of images drawn from the average that the judge takes for the class asked for."""
    generator = game.ema.drawn_from(draws.settling()).cpu()
    labels = np.arange(DRAWN) % len(data.class_names)
    drawn = digitgan.Model(generator, game.recipe, data.class_names, {"seed": game.seed}).sample(labels, seed=1)
    return class_accuracy(judge, drawn, labels)


if __name__ == "__main__":
    tyro.cli(main)
