"""Measure recipes on colour images: families, growing resolution, augmentation, and the cost of larger images.

    python benchmarks/beyond_digits.py families --data cifar10 --minutes 10 --seeds 3
    python benchmarks/beyond_digits.py augmentation --data cifar10 --minutes 5
    python benchmarks/beyond_digits.py growth --data cifar10 --minutes 10
    python benchmarks/beyond_digits.py sizes --data cifar10
    python benchmarks/beyond_digits.py shipped --data cifar10

`--data` is a set of small colour images with test images, such as CIFAR-10. Each training runs in its own process with a time
limit. 10,000 generated images with labels that cycle through the classes are compared with the test images, as in a report:
class accuracy by the feature classifier of the training images, Fréchet distance by its features, and coverage with 5
neighbours. As many training images give the row of real images. `augmentation` trains on the first images of each class
(--per-class). `growth` enlarges the images to 64 pixels. `sizes` measures memory and speed at 32, 64 and 128 pixels. `shipped`
trains nothing: it measures the shipped model `cifar10`.

Do not choose settings by these results: compare with the last training images instead (--reference train), with other seeds.
They are among the images of the training. Results are
written to benchmarks/results/beyond_digits.json after each run, and pictures to --pictures if it is given.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tyro
from common import DRAWN, RESULTS, Reference, command, figures_of, metrics
from machine import machine
from PIL import Image

import digitgan
from digitgan.evaluation import FeatureClassifier, classifier_for

RECIPES = ("fast", "colour", "residual", "style", "progressive")
SIZES = (32, 64, 128)
PER_CLASS = (200, 2000)
AUGMENTATIONS = ("none", "fixed", "adaptive")


class Real(NamedTuple):
    """The real images of a measurement, and their classifier."""

    train: digitgan.ImageSet
    reference: digitgan.ImageSet
    classifier: FeatureClassifier


class Options(NamedTuple):
    """The options that all trainings of a measurement share."""

    minutes: float
    seeds: range
    set: tuple[str, ...]
    pictures: Path | None


def main(
    what: tyro.conf.Positional[Literal["families", "growth", "augmentation", "sizes", "shipped"]],
    data: str,
    side: int | None = None,
    minutes: float = 10.0,
    seeds: int = 3,
    first_seed: int = 10,
    recipes: tuple[str, ...] = RECIPES,
    per_class: tuple[int, ...] = PER_CLASS,
    augmentations: tuple[str, ...] = AUGMENTATIONS,
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    reference: Reference = "test",
    pictures: Path | None = None,
    out: Path = RESULTS / "beyond_digits.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        what: the question.
        data: set of small colour images with test images.
        side: side in pixels to which images are resized by bicubic interpolation; None for 64 in `growth`, else as they are.
        minutes: time of each training.
        seeds: number of seeds.
        first_seed: first seed.
        recipes: recipes of `families` and `sizes`.
        per_class: numbers of training images of each class of `augmentation`.
        augmentations: values of `augmentation.name` that `augmentation` compares.
        set: changes to every recipe, section.key=value.
        reference: real images for comparison; "train" to choose between changes.
        pictures: folder for a hundred generated images of each row.
        out: JSON file of the results. Rows in it that are not measured now are kept.
    """
    options = Options(minutes, range(first_seed, first_seed + seeds), set, pictures)
    train = digitgan.load_image_set(data, notify=print)
    held_out = _last(train) if reference == "train" else digitgan.load_image_set(data, "test", notify=print)
    if what == "growth" and side is None:
        side = 64
    images: dict[str, Any] = {"data": train.name, "reference": reference, "side": side}
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    rows: dict[str, Any] = report.setdefault(what if side is None else f"{what}, {side} pixels", {})
    for label, row in rows.items():
        if {name: row[name] for name in images} != images:
            raise SystemExit(f"{out}: {label} was measured with other images; name another --out")

    def measure(label: str, found: Callable[[], Any]) -> None:
        rows[label] = {"measured": found(), **images, "settings": list(set), "machine": machine()}
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        if what == "sizes":
            for pixels in SIZES:
                resized = _written(_resized(train, pixels), Path(folder) / f"{pixels}.npz")
                for recipe in recipes:
                    measure(f"{recipe}, {pixels} pixels", lambda recipe=recipe, resized=resized: _cost(recipe, resized, set))
            return
        source = data
        if side is not None:
            train, held_out = _resized(train, side), _resized(held_out, side)
            source = _written(train, Path(folder) / f"{side}.npz")
        real = Real(train, held_out, classifier_for(train, print).classifier)
        first = real.train.images[:DRAWN], real.train.labels[:DRAWN]
        measure("real images", lambda: metrics(real.classifier, real.reference.images, *first))
        time = f"{minutes:g} minutes"
        print("| | images/s | class accuracy | Fréchet distance | coverage |\n|---|---|---|---|---|")
        if what == "families":
            for recipe in recipes:
                measure(f"{recipe}, {time}", lambda recipe=recipe: _runs(recipe, source, (), real, options))
        elif what == "shipped":
            picture = pictures and pictures / "shipped.png"
            model = digitgan.load("cifar10")
            measure("cifar10", lambda: figures_of(model, real.classifier, real.reference.images, picture))
        elif what == "augmentation":
            for each in per_class:
                for name in augmentations:
                    changes = (f"augmentation.name={name}",)
                    limited = ("--per-class-limit", str(each))
                    label = f"colour-few-shot, {name}, {each} of each class, {time}"
                    measure(label, lambda c=changes, more=limited: _runs("colour-few-shot", source, c, real, options, more))
        else:
            for label, changes in (("growing", ()), ("not growing", ("training.growth=",))):
                measure(f"{label}, {time}", lambda c=changes: _runs("progressive", source, c, real, options))


def _runs(
    recipe: str, data: str, changes: tuple[str, ...], real: Real, options: Options, more: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Train a recipe with each seed, and return the results with their metrics."""
    found = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            settings = [item for setting in (*options.set, *changes) for item in ("--set", setting)]
            budget = ("--minutes", str(options.minutes), "--seed", str(seed))
            done = command("train", recipe, "--data", data, *budget, *settings, *more, "--out", str(run))
            picture = options.pictures and options.pictures / f"{recipe}{''.join(f'-{change}' for change in changes)}.png"
            quality = figures_of(digitgan.load(run), real.classifier, real.reference.images, picture if not found else None)
        speed = round(done["images_seen"] / done["seconds"])
        found.append({"seed": seed, "images_seen": done["images_seen"], "seconds": round(done["seconds"], 1)})
        found[-1] |= {"images_per_second": speed, "peak_memory_gb": round(done["peak_memory_gb"], 2), **quality}
    cells = [f"{statistics.mean(run['images_per_second'] for run in found):,.0f}"]
    for name, form in (("class_accuracy", ".1%"), ("frechet_distance", ".2f"), ("coverage", ".3f")):
        values = [run[name] for run in found]
        spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):{form}}{spread}")
    print(f"| {recipe} {' '.join((*changes, *more))} | {' | '.join(cells)} |", flush=True)
    return found


def _cost(recipe: str, data: str, settings: tuple[str, ...]) -> dict[str, Any]:
    """Return the speed and the peak memory of a short training."""
    with tempfile.TemporaryDirectory() as folder:
        changes = [item for setting in settings for item in ("--set", setting)]
        done = command("train", recipe, "--data", data, "--minutes", "0.5", *changes, "--out", f"{folder}/run")
    found = {
        "images_per_second": round(done["images_seen"] / done["seconds"]),
        "peak_memory_gb": round(done["peak_memory_gb"], 2),
    }
    print(recipe, Path(data).stem, found, flush=True)
    return found


def _last(train: digitgan.ImageSet) -> digitgan.ImageSet:
    """Return the last 10,000 training images."""
    return digitgan.ImageSet(train.images[-DRAWN:], train.labels[-DRAWN:], train.class_names, "the last training images")


def _resized(images: digitgan.ImageSet, side: int) -> digitgan.ImageSet:
    """Return the images with other sides, by bicubic interpolation."""
    if images.shape[1:] == (side, side):
        return images
    pixels = np.stack(
        [np.asarray(Image.fromarray(each).resize((side, side), Image.Resampling.BICUBIC)) for each in images.images]
    )
    return digitgan.ImageSet(pixels, images.labels, images.class_names, f"{images.name}, {side} pixels")


def _written(images: digitgan.ImageSet, path: Path) -> str:
    """Write the images as an NPZ file, and return its path."""
    np.savez(path, images=images.images, labels=images.labels, class_names=np.array(images.class_names))
    return str(path)


if __name__ == "__main__":
    tyro.cli(main)
