"""Train a shipped model again. The recipes, the seeds and the lengths are constants below.

    make pretrained                                        the model `mnist`
    make pretrained MODEL=cifar10 DATA=FOLDER              the model `cifar10`, from a copy of that set

trains the model, stores its metrics in the model card, and writes the file into the package. A training that was interrupted
continues. A repetition on the same machine, with as many threads as the card states, gives the same weights: `mnist` was
trained by one thread (OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import tyro
from common import DRAWN

import digitgan
from digitgan.evaluation import class_accuracy, classifier_for
from digitgan.model.file import save_model

ROOT: Final = Path(__file__).parent.parent
PACKAGED: Final = ROOT / "src" / "digitgan" / "pretrained"
MAX_BYTES: Final = 3_000_000


class Shipped(NamedTuple):
    """How a shipped model is trained."""

    recipe: str
    images: int
    settings: tuple[str, ...] = ()
    seed: int = 0
    half: bool = False


MODELS: Final = {
    "mnist": Shipped("quality", 2_400_000, ("training.precision=float32",), half=True),
    "cifar10": Shipped("colour", 2_500_000, ("training.mirror=true",), half=True),
}


def main(name: tyro.conf.Positional[Literal["mnist", "cifar10"]], data: str | None = None) -> None:
    """Train the model, measure its metrics, and write it into the package.

    Args:
        name: the model.
        data: the data set, if it is not to be found by the name of the model.
    """
    shipped, source = MODELS[name], data or name
    train, test = (digitgan.load_image_set(source, split, notify=print) for split in ("train", "test"))
    classifier = classifier_for(train, print).classifier
    run = ROOT / "runs" / f"pretrained-{name}"
    new = {"seed": shipped.seed, "images": shipped.images}
    result = digitgan.train(
        shipped.recipe,
        data=source,
        settings=shipped.settings,
        out=run,
        progress="auto",
        **({"resume": True, "images": shipped.images} if run.exists() else new),
    )
    path = result.run / "shipped.safetensors"
    save_model(path, digitgan.load(result.run), half=shipped.half)
    model = digitgan.load(path)  # with rounded weights
    labels = np.arange(DRAWN) % len(model.class_names)
    metrics = {
        "class_accuracy": class_accuracy(classifier, model.sample(labels, seed=1), labels),
        "class_accuracy_protocol": f"{DRAWN:,} generated images, seed 1, balanced classes; by a classifier trained on the "
        f"training images of {name}",
        "classifier_accuracy_on_test_images": class_accuracy(classifier, test.images, test.labels),
    }
    facts = {**model.card["data"], "source": name}  # not the path on this machine
    card = {name: value for name, value in model.card.items() if name != "seconds"}  # which differ between repetitions
    save_model(path, dataclasses.replace(model, card={**card, "data": facts, "metrics": metrics}), half=shipped.half)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {metrics}")
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{path}: must be at most {MAX_BYTES / 1e6:g} MB; choose a smaller generator")
    shutil.copyfile(path, PACKAGED / f"{name}.safetensors")


if __name__ == "__main__":
    tyro.cli(main)
