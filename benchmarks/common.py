"""Shared code of the benchmarks: the `digitgan` command in its own process, and the evaluation of its output."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import digitgan
from digitgan.evaluation import (
    FeatureClassifier,
    FeatureMoments,
    class_accuracy,
    classifier_for,
    classify_images,
    frechet_distance,
    neighbourhoods,
)
from digitgan.evaluation.metrics.speckles import speckled
from digitgan.images import grid, save_png

Pixels = npt.NDArray[np.uint8]
Reference = Literal["test", "train"]

RESULTS = Path(__file__).parent / "results"
DRAWN = 10_000
NEIGHBOURS = 5


def the_classifier() -> FeatureClassifier:
    """Return the MNIST classifier that comes with the package."""
    return classifier_for(digitgan.load_image_set("mnist"), print).classifier


def train(*arguments: str, settings: tuple[str, ...] = (), folder: Path, source: Path | None = None) -> dict[str, Any]:
    """Run `digitgan train` with these arguments in its own process, and return its result with its peak memory.

    Args:
        arguments: arguments of the command.
        settings: changes to the recipe.
        folder: folder of the run.
        source: folder of another version of the package, from `versions`; None for the installed one.
    """
    changes = [item for setting in settings for item in ("--set", setting)]
    return command("train", *arguments, *changes, "--out", str(folder), source=source)


@contextlib.contextmanager
def versions(earlier: str) -> Iterator[dict[str, Path | None]]:
    """Yield the versions to measure: name -> folder of the package, None for the installed one."""
    if not earlier:
        yield {"now": None}
        return
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "earlier"
        subprocess.run(["git", "worktree", "add", "--detach", tree, earlier], cwd=root, check=True, capture_output=True)
        try:
            yield {earlier: tree / "src", "now": None}
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=root, check=True)


def command(*arguments: str, source: Path | None = None) -> dict[str, Any]:
    """Run `digitgan ARGUMENTS` in its own process, and return its result with its peak memory.

    `peak_memory_gb` is the peak resident memory. It includes memory-mapped files, whose pages the system can reclaim, and is at
    least the memory of this process at the start of the command. `peak_own_memory_gb` is the anonymous memory of the command,
    sampled ten times per second (Linux; 0 elsewhere).
    """
    own = [0]
    argv = [sys.executable, "-m", "digitgan", *arguments, "--json"]
    environment = os.environ if source is None else {**os.environ, "PYTHONPATH": str(source)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as process:
        watch = threading.Thread(target=_watch_memory, args=(process.pid, own), daemon=True)
        watch.start()
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.join()
    if process.returncode:
        raise SystemExit(f"digitgan {' '.join(arguments)}: ended with exit code {process.returncode}")
    result: dict[str, Any] = json.loads(printed)
    return result | {"peak_memory_gb": usage.ru_maxrss / 2**20, "peak_own_memory_gb": own[0] / 2**20}


def _watch_memory(process: int, most: list[int]) -> None:
    """Store the peak anonymous memory of a process in KiB in `most`, until the process ends."""
    status = Path(f"/proc/{process}/status")
    with contextlib.suppress(OSError):
        while found := re.search(r"RssAnon:\s+(\d+)", status.read_text(encoding="utf-8")):
            most[0] = max(most[0], int(found[1]))
            time.sleep(0.1)


def reference_images(kind: Reference) -> digitgan.ImageSet:
    """Return the reference images: MNIST's test images, or its last 10,000 training images."""
    if kind == "test":
        return digitgan.load_image_set("mnist", "test")
    whole = digitgan.load_image_set("mnist")
    return digitgan.ImageSet(whole.images[-DRAWN:], whole.labels[-DRAWN:], whole.class_names, "the last training images")


def metrics(
    classifier: FeatureClassifier, reference: Pixels, drawn: Pixels, labels: npt.NDArray[np.int64] | None
) -> dict[str, Any]:
    """Return the metrics of generated images. Without labels, the class accuracy is None."""
    real, fake = classify_images(classifier, reference)[0], classify_images(classifier, drawn)[0]
    near = neighbourhoods(real, fake, NEIGHBOURS)
    return {
        "class_accuracy": None if labels is None else round(class_accuracy(classifier, drawn, labels), 4),
        "frechet_distance": round(frechet_distance(FeatureMoments.of(real), FeatureMoments.of(fake)), 4),
        "coverage": round(near.coverage, 4),
        "recall": round(near.recall, 4),
        "speckles": round(float(speckled(drawn).mean()), 4) if drawn.ndim == 3 else None,
    }


def figures_of(
    model: digitgan.Model, classifier: FeatureClassifier, reference: Pixels, picture: Path | None = None
) -> dict[str, Any]:
    """Return the metrics of 10,000 images of a model with labels that cycle through the classes. Save the first hundred."""
    labels = np.arange(DRAWN) % len(model.class_names)
    drawn = model.sample(labels, seed=1)
    if picture is not None:
        save_png(picture, grid(drawn[:100], columns=10))
    return metrics(classifier, reference, drawn, labels if len(model.class_names) > 1 else None)


def result_of(question: str, classifier: FeatureClassifier, reference: digitgan.ImageSet) -> dict[str, Any]:
    """Return the first entries of a result: the question, and the protocol of its metrics."""
    return {
        "question": question,
        "drawn": DRAWN,
        "reference": reference.name,
        "real_against_real": baseline(classifier, reference.images),
    }


def kept_rows(out: Path, rows: str, reference: digitgan.ImageSet) -> dict[str, Any]:
    """Return the rows of an existing file of results.

    Raises:
        SystemExit: if the rows were measured against other images.
    """
    if not out.exists():
        return {}
    there: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    if there["reference"] != reference.name:
        raise SystemExit(f"{out}: holds metrics against {there['reference']}, not {reference.name}; name another --out")
    found: dict[str, Any] = there[rows]
    return found


def baseline(classifier: FeatureClassifier, reference: Pixels) -> dict[str, Any]:
    """Return the metrics of as many real images, the first training images."""
    train_set = digitgan.load_image_set("mnist")
    return metrics(classifier, reference, train_set.images[:DRAWN], train_set.labels[:DRAWN])


def measured(
    recipe: str,
    images: int,
    seed: int,
    *,
    settings: tuple[str, ...],
    classifier: FeatureClassifier,
    reference: Pixels,
    picture: Path | None,
) -> dict[str, Any]:
    """Train a recipe, generate 10,000 images with labels that cycle through the classes, and return their metrics.

    Args:
        recipe: name of the recipe.
        images: number of images seen.
        seed: seed of the training.
        settings: changes to the recipe.
        classifier: classifier whose features the metrics use.
        reference: real images for comparison.
        picture: PNG file for the first hundred images, if any.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ("--images", str(images), "--seed", str(seed))
        result = train(recipe, *options, settings=settings, folder=Path(folder) / "run")
        found = figures_of(digitgan.load(Path(folder) / "run"), classifier, reference, picture)
    return {
        "seed": seed,
        "images_seen": result["images_seen"],
        "images_per_second": round(result["images_seen"] / result["seconds"], 1),
        "seconds": round(result["seconds"], 1),
        "peak_memory_gb": round(result["peak_memory_gb"], 3),
        "precision": result["precision"],
        "rollbacks": result["rollbacks"],
        **found,
    }
