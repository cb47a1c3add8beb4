"""What benchmarks share: the real command in a process of its own, and a classifier of what it leaves."""

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
from digitgan.images import grid, save_png

Pixels = npt.NDArray[np.uint8]
Reference = Literal["test", "train"]

RESULTS = Path(__file__).parent / "results"
DRAWN = 10_000
NEIGHBOURS = 5


def the_classifier() -> FeatureClassifier:
    """The classifier of MNIST that comes with the package."""
    return classifier_for(digitgan.load_image_set("mnist"), print).classifier


def train(*arguments: str, settings: tuple[str, ...] = (), folder: Path) -> dict[str, Any]:
    """Train in a process of its own, by the arguments of `digitgan train`; its result, with its peak memory."""
    changes = [item for setting in settings for item in ("--set", setting)]
    return command("train", *arguments, *changes, "--out", str(folder))


def command(*arguments: str) -> dict[str, Any]:
    """Run `digitgan ARGUMENTS` in a process of its own; its result, with its peak memory.

    `peak_memory_gb` is all that was resident, mapped files included, which the system takes back when it needs room (and at
    least what this process had when it started the other); `peak_own_memory_gb` is the command's alone and without mapped
    files, looked at ten times a second (Linux; elsewhere 0).
    """
    own = [0]
    with subprocess.Popen([sys.executable, "-m", "digitgan", *arguments, "--json"], stdout=subprocess.PIPE) as process:
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
    """Keep in `most` the most anonymous memory of a process, in KiB, until it has ended."""
    status = Path(f"/proc/{process}/status")
    with contextlib.suppress(OSError):
        while found := re.search(r"RssAnon:\s+(\d+)", status.read_text(encoding="utf-8")):
            most[0] = max(most[0], int(found[1]))
            time.sleep(0.1)


def reference_images(kind: Reference) -> digitgan.ImageSet:
    """What drawn images are compared with: MNIST's test images, or its last 10,000 training images."""
    if kind == "test":
        return digitgan.load_image_set("mnist", "test")
    whole = digitgan.load_image_set("mnist")
    return digitgan.ImageSet(whole.images[-DRAWN:], whole.labels[-DRAWN:], whole.class_names, "the last training images")


def metrics(
    classifier: FeatureClassifier, reference: Pixels, drawn: Pixels, labels: npt.NDArray[np.int64] | None
) -> dict[str, Any]:
    """What drawn images are worth; without labels, no class accuracy."""
    real, fake = classify_images(classifier, reference)[0], classify_images(classifier, drawn)[0]
    return {
        "class_accuracy": None if labels is None else round(class_accuracy(classifier, drawn, labels), 4),
        "frechet_distance": round(frechet_distance(FeatureMoments.of(real), FeatureMoments.of(fake)), 4),
        "coverage": round(neighbourhoods(real, fake, NEIGHBOURS).coverage, 4),
    }


def figures_of(
    model: digitgan.Model, classifier: FeatureClassifier, reference: Pixels, picture: Path | None = None
) -> dict[str, Any]:
    """What 10,000 images drawn from a model are worth, their labels taking turns; the first hundred go into a picture."""
    labels = np.arange(DRAWN) % len(model.class_names)
    drawn = model.sample(labels, seed=1)
    if picture is not None:
        save_png(picture, grid(drawn[:100], columns=10))
    return metrics(classifier, reference, drawn, labels if len(model.class_names) > 1 else None)


def result_of(question: str, classifier: FeatureClassifier, reference: digitgan.ImageSet) -> dict[str, Any]:
    """What every result against real images begins with: the question, and the protocol of its figures."""
    return {
        "question": question,
        "drawn": DRAWN,
        "reference": reference.name,
        "real_against_real": baseline(classifier, reference.images),
    }


def kept_rows(out: Path, rows: str, reference: digitgan.ImageSet) -> dict[str, Any]:
    """The rows that a file of results has already; refused if they were measured against other images."""
    if not out.exists():
        return {}
    there: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    if there["reference"] != reference.name:
        raise SystemExit(f"{out}: holds figures against {there['reference']}, not {reference.name}; name another --out")
    found: dict[str, Any] = there[rows]
    return found


def baseline(classifier: FeatureClassifier, reference: Pixels) -> dict[str, Any]:
    """The same figures for as many real images, the first training images."""
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
    """Train a recipe, draw 10,000 images from what it leaves, their labels taking turns, and say what they are worth.

    Args:
        recipe: its name.
        images: to be seen.
        seed: of the training.
        settings: changes to the recipe.
        classifier: says what drawn images are worth.
        reference: what they are compared with.
        picture: where the first hundred go, if anywhere.
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
