"""Train a shipped model again. The recipes, the seeds and the lengths are constants below.

    make pretrained                                        the model `mnist`
    make pretrained MODEL=cifar10 DATA=FOLDER              the model `cifar10`, from a copy of that set

trains the model, stores its metrics in the model card, and writes the file into the package, or into the folder --out. A
training that was interrupted continues. A repetition on the same machine, with as many threads as the card states, gives the
same weights: `mnist` was trained by one thread (OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import tyro

import digitgan
from digitgan.model.file import save_model
from digitgan.runs import RunFolder

ROOT: Final = Path(__file__).parent.parent
PACKAGED: Final = ROOT / "src" / "digitgan" / "pretrained"
MAX_BYTES: Final = 3_000_000
METRICS: Final = ("class_accuracy", "frechet_distance", "precision", "recall", "coverage", "speckles")
"""The metrics in the card of a model."""


class Shipped(NamedTuple):
    """How a shipped model is trained."""

    recipe: str
    images: int
    settings: tuple[str, ...] = ()
    seed: int = 0
    half: bool = False


MODELS: Final = {
    "mnist": Shipped("quality", 2_200_000, ("training.precision=float32",), half=True),
    "cifar10": Shipped("colour", 2_500_000, ("training.mirror=true",), half=True),
}


def main(name: tyro.conf.Positional[Literal["mnist", "cifar10"]], data: str | None = None, out: Path = PACKAGED) -> None:
    """Train the model, measure its metrics, and write it.

    Args:
        name: the model.
        data: the data set, if it is not to be found by the name of the model.
        out: folder of the model file.
    """
    shipped, source = MODELS[name], data or name
    run = ROOT / "runs" / f"pretrained-{name}"
    resumes = (run / "run.json").exists() and RunFolder(run).read_record()["status"] != "finished"
    options = {"resume": True} if resumes else {"seed": shipped.seed, "overwrite": True}
    result = digitgan.train(
        shipped.recipe,
        data=source,
        settings=shipped.settings,
        images=shipped.images,
        out=run,
        progress="auto",
        **options,
    )
    path = result.run / "shipped.safetensors"
    save_model(path, digitgan.load(result.run), half=shipped.half)
    model = digitgan.load(path)  # with rounded weights
    record = digitgan.evaluate(path, data=source, seed=1, report=run / "shipped", overwrite=True).record
    found = {metric: record["metrics"][metric] for metric in METRICS if metric in record["metrics"]}
    metrics: dict[str, Any] = {metric: row["value"] for metric, row in found.items()}
    metrics["real_baseline"] = {metric: row["baseline"] for metric, row in found.items()}
    metrics["protocol"] = (
        f"{record['source']['images']:,} generated images, seed 1, balanced classes, compared with the test images of {name}; "
        f"real baseline: as many training images; features of a classifier trained on the training images, which is right on "
        f"{record['protocol']['classifier_accuracy_on_held_out']:.2%} of the test images"
    )
    facts = {**model.card["data"], "source": name}  # not the path on this machine
    card = {name: value for name, value in model.card.items() if name != "seconds"}  # which differ between repetitions
    save_model(path, dataclasses.replace(model, card={**card, "data": facts, "metrics": metrics}), half=shipped.half)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {metrics}")
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{path}: must be at most {MAX_BYTES / 1e6:g} MB; choose a smaller generator")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, out / f"{name}.safetensors")


if __name__ == "__main__":
    tyro.cli(main)
