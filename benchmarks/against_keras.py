"""Compare `mask-cgan` here and in Keras on TensorFlow: images per second, losses and quality after the same number of images.

    make tensorflow && python benchmarks/against_keras.py

The trainings alternate on one machine, each in its own process: Keras in float32 and in mixed bfloat16 (`keras_mask_cgan.py`,
with the whole step in one `tf.function`), and `digitgan train mask-cgan` in both precisions. `digitgan import` converts the
generator of Keras. Both are evaluated in the same way, with 10,000 generated images against 10,000 training images. Losses are
means over the last quarter of the run. `discriminator_loss` is the sum that each code reports for real and fake images
together. The speed of sampling compares `predict` of Keras by batch size with `digitgan sample` for the same networks.

Write the results to benchmarks/results/against_keras.json, and a table to standard output.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from common import RESULTS, command, figures_of, reference_images, result_of, the_classifier, train
from machine import machine

import digitgan
from digitgan.runs import RunFolder

KERAS_PRECISIONS = {"float32": "float32", "mixed_bfloat16": "bfloat16"}
"""The name of a precision in Keras -> its name here."""


def main(
    images: int = 60_000,
    times: int = 3,
    drawn: int = 20_000,
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16"),
    tensorflow: Path = Path(".venv-tensorflow/bin/python"),
    out: Path = RESULTS / "against_keras.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        images: number of images seen by each training.
        times: number of repetitions, each with another seed.
        drawn: number of images that measure the speed of sampling.
        precisions: the precisions; bfloat16 takes many times as long on a processor without instructions for it.
        tensorflow: Python of an environment with TensorFlow.
        out: JSON file of the results.
    """
    classifier, real = the_classifier(), reference_images("train")
    report = result_of("mask-cgan here and in Keras on TensorFlow", classifier, real)
    runs: list[dict[str, Any]] = []
    report |= {"images": images, "runs": runs, "drawing": {}, "machine": machine()}
    print("| | precision | images/s | loss D | loss G | class accuracy | Fréchet distance | coverage |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "images.npz"
        train_set = digitgan.load_image_set("mnist")
        np.savez(data, images=train_set.images, labels=train_set.labels)
        for seed in range(times):
            for theirs, ours in KERAS_PRECISIONS.items():
                if ours not in precisions:
                    continue
                place = Path(scratch) / f"keras-{ours}-{seed}"
                # The speed of sampling is measured once, with the networks trained in float32.
                predict = drawn if seed == 0 and ours == "float32" else 0
                found = in_keras(tensorflow, data, images, theirs, seed, predict, place)
                if predict:
                    report["drawing"]["keras_predict_images_per_second"] = found.pop("drawn_per_second")
                command("import", str(place / "generator.keras"), "--out", str(place / "model.safetensors"))
                model = digitgan.load(place / "model.safetensors")
                keep(
                    runs,
                    {"side": "keras", "precision": ours, "seed": seed, **found, **figures_of(model, classifier, real.images)},
                )
                place = Path(scratch) / f"digitgan-{ours}-{seed}"
                found = here(images, ours, seed, place)
                model = digitgan.load(place)
                keep(
                    runs,
                    {
                        "side": "digitgan",
                        "precision": ours,
                        "seed": seed,
                        **found,
                        **figures_of(model, classifier, real.images),
                    },
                )
                out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        report["drawing"] |= drawing(Path(scratch) / "digitgan-float32-0", drawn, Path(scratch))
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["drawing"], indent=1))


def in_keras(python: Path, data: Path, images: int, precision: str, seed: int, predict: int, out: Path) -> dict[str, Any]:
    """Train in Keras and return the results of its script."""
    script = Path(__file__).with_name("keras_mask_cgan.py")
    options = ["--images", str(images), "--precision", precision, "--seed", str(seed), "--predict", str(predict)]
    done = subprocess.run(
        [str(python), str(script), str(data), *options, "--out", str(out)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def here(images: int, precision: str, seed: int, out: Path) -> dict[str, Any]:
    """Train with `digitgan train` and return the same results as `in_keras`."""
    found = train(
        "mask-cgan",
        "--images",
        str(images),
        "--seed",
        str(seed),
        settings=(f"training.precision={precision}", "training.previews=1", "training.checkpoints=1", "training.snapshots=0"),
        folder=out,
    )
    lines = list(RunFolder(out).read_history())
    tail = lines[-len(lines) // 4 :]
    losses = {
        name: round(float(np.mean([line[name] for line in tail])), 4) for name in ("discriminator_loss", "generator_loss")
    }
    speed = round(found["images_seen"] / found["seconds"], 1)
    return {"images_seen": found["images_seen"], "images_per_second": speed, "seconds": round(found["seconds"], 1), **losses}


def drawing(run: Path, images: int, scratch: Path) -> dict[str, Any]:
    """Return the images per second of `digitgan sample`: of the whole command, and without its first hundred images."""
    seconds = {count: timed_sample(run, count, scratch / f"{count}.npz") for count in (100, images)}
    return {
        "digitgan_sample_images_per_second": round((images - 100) / (seconds[images] - seconds[100]), 1),
        "digitgan_sample_whole_command_images_per_second": round(images / seconds[images], 1),
    }


def timed_sample(run: Path, count: int, out: Path) -> float:
    """Return the seconds of a whole `digitgan sample`."""
    started = time.perf_counter()
    command("sample", str(run), "--count", str(count), "--format", "npz", "--out", str(out))
    return time.perf_counter() - started


def keep(runs: list[dict[str, Any]], run: dict[str, Any]) -> None:
    """Add a run, and print its row of the table."""
    runs.append(run)
    cells = [run["side"], run["precision"], f"{run['images_per_second']:,}", run["discriminator_loss"], run["generator_loss"]]
    cells += [f"{run['class_accuracy']:.2%}", f"{run['frechet_distance']:.2f}", f"{run['coverage']:.3f}"]
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
