"""Compare losses and penalties over seeds: the recipe `fast` with each of them, and nothing else changed.

    OMP_NUM_THREADS=1 python benchmarks/losses.py --seeds 3

Each training runs in its own process, in float32 and with batches of 64 images. 5,000 generated images are compared with every
second test image of MNIST, by the shipped classifier. No setting was tuned by these numbers. The learning rates and the weight
of R1, 0.05, are those of `fast`, chosen for the relativistic loss with R1. `wgan-gp` has the weight 10 and is applied
in each step, as in its paper, but here the discriminator takes one step for each step of the generator. The package refuses
`wasserstein` without a penalty. A training that its guard ends is measured at its last checkpoint.

Write the results to benchmarks/results/losses.json after each run, a picture to docs/images/learn/losses.png, and a table of
means and standard deviations to standard output. After an interruption, rows in the file are kept.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from common import RESULTS, Pixels, kept_rows, metrics, the_classifier
from machine import machine
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import digitgan
from digitgan.evaluation import FeatureClassifier, evenly
from digitgan.files import replacing
from digitgan.runs import RunFolder

BOTH = ("none", "r1")
PENALTIES = {
    "binary-cross-entropy": BOTH,
    "non-saturating": BOTH,
    "relativistic": (*BOTH, "r1, weight 5"),
    "hinge": BOTH,
    "least-squares": BOTH,
    "wasserstein": ("r1", "wgan-gp"),
}
"""The penalties that each loss is measured with."""

SETTINGS = {
    "none": ("penalty.name=none",),
    "r1": ("penalty.name=r1",),
    "r1, weight 5": ("penalty.name=r1", "penalty.gamma=5"),
    "wgan-gp": ("penalty.name=wgan-gp", "penalty.gamma=10", "penalty.interval=1"),
}

COMMON_SETTINGS = ("training.batch_size=64", "training.precision=float32", "training.previews=40", "training.checkpoints=8")
"""Many previews and checkpoints, by which the guard notices mode collapse and returns to a state shortly before it."""

DRAWN = 5_000

LAST_LINES = 20
"""Lines at the end of a history, a tenth of the run, whose means describe the discriminator."""

METRICS = {"class_accuracy": "class accuracy", "frechet_distance": "Fréchet distance", "coverage": "coverage"}

LOOKS = {
    "none": ("o", "#d55e00", "no penalty"),
    "r1": ("s", "#0072b2", "R1"),
    "r1, weight 5": ("D", "#56b4e9", "R1, weight 5"),
    "wgan-gp": ("^", "#009e73", "WGAN-GP"),
}
"""Marker, colour and name of each penalty in the picture."""


def main(
    images: int = 40_000,
    seeds: int = 3,
    out: Path = RESULTS / "losses.json",
    picture: Path = Path(__file__).parents[1] / "docs" / "images" / "learn" / "losses.png",
) -> None:
    """Measure, print a table, write the JSON and the picture.

    Args:
        images: length of each training, in images.
        seeds: number of seeds, from 0 on.
        out: JSON file of the results. Rows in it are not measured again.
        picture: PNG file of the comparison.
    """
    here, classifier = machine(), the_classifier()
    test, train = digitgan.load_image_set("mnist", "test"), digitgan.load_image_set("mnist")
    every = len(test) // DRAWN
    half = digitgan.ImageSet(
        test.images[::every], test.labels[::every], test.class_names, f"mnist (test), every {every}nd image"
    )
    if out.exists() and (there := json.loads(out.read_text(encoding="utf-8"))["images"]) != images:
        raise SystemExit(f"{out}: holds trainings of {there:,} images, not {images:,}; name another --out")
    rows: dict[str, Any] = kept_rows(out, "rows", half)
    real = evenly(train, DRAWN)  # not every twelfth image: the even places of the training images have fewer speckles
    report: dict[str, Any] = {
        "question": "losses and penalties, with everything else equal",
        "recipe": "fast",
        "settings": list(COMMON_SETTINGS),
        "images": images,
        "drawn": DRAWN,
        "reference": half.name,
        "real_against_real": metrics(classifier, half.images, real.images, real.labels),
    }
    variants = [(loss, penalty) for loss, penalties in PENALTIES.items() for penalty in penalties]
    for seed in range(seeds):
        for loss, penalty in variants:
            name = f"{loss}, {penalty}, seed {seed}"
            if name not in rows:
                found = trained((f"loss.name={loss}", *SETTINGS[penalty]), images, seed, classifier, half.images)
                rows[name] = {**found, "threads": os.environ.get("OMP_NUM_THREADS"), "machine": here}
                out.write_text(json.dumps({**report, "rows": rows}, indent=1) + "\n", encoding="utf-8")
                print(f"{name}: {found['end']}, {found['seconds_with_evaluation']} s", file=sys.stderr, flush=True)
    out.write_text(json.dumps({**report, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    table = {variant: [rows[f"{variant[0]}, {variant[1]}, seed {seed}"] for seed in range(seeds)] for variant in variants}
    heads = [*METRICS.values(), "discriminator's accuracy", "score of real - fake", "images/s", "ended"]
    print(f"| loss | penalty | {' | '.join(heads)} |\n|{'---|' * (2 + len(heads))}")
    for (loss, penalty), runs in table.items():
        print(f"| `{loss}` | `{penalty}` | {row_of(runs)} |")
    draw(table, report["real_against_real"], picture)


def trained(
    settings: tuple[str, ...], images: int, seed: int, classifier: FeatureClassifier, reference: Pixels
) -> dict[str, Any]:
    """Train once, and return the metrics, the state of the discriminator at the end, and the guard's messages."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        changes = [f"--set={setting}" for setting in (*COMMON_SETTINGS, *settings)]
        given = ["train", "fast", "--images", str(images), "--seed", str(seed), "--out", str(path), "--quiet", *changes]
        ended = subprocess.run([sys.executable, "-m", "digitgan", *given], stderr=subprocess.PIPE, text=True, check=False)
        run = RunFolder(path)
        if not run.record.is_file():
            raise SystemExit(ended.stderr)
        record, history = run.read_record(), list(run.read_history())
        if ended.returncode and record["status"] != "failed":
            raise SystemExit(ended.stderr)
        end = None
        if run.model.is_file():  # a run that fails before its first checkpoint has none
            labels = np.arange(DRAWN) % 10
            end = metrics(classifier, reference, digitgan.load(run.model).sample(labels, seed=1), labels)
        last = history[-LAST_LINES:]
        return {
            "settings": list(settings),
            "seed": seed,
            "status": record["status"],
            "images_seen": record["images_seen"],
            "rollbacks": len(record.get("rollbacks", [])),
            "messages": [*(each["alarm"] for each in record.get("rollbacks", [])), *record.get("warnings", [])],
            "images_per_second": round(record["images_seen"] / record["seconds"], 1),
            "seconds_with_evaluation": round(time.monotonic() - started, 1),
            "end": end,
            "discriminator": {
                name: round(statistics.mean(line[name] for line in last), 4)
                for name in ("accuracy_real", "accuracy_fake", "score_real", "score_fake", "discriminator_loss")
                if last and all(line.get(name) is not None for line in last)
            },
        }


def spread(values: list[float], form: str) -> str:
    """Return the mean and the standard deviation of values in one format."""
    deviation = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{form}}{deviation}"


def row_of(runs: list[dict[str, Any]]) -> str:
    """Return the cells of the runs of one loss and penalty."""
    measured = [run["end"] for run in runs if run["end"] is not None]
    forms = {"class_accuracy": ".1%", "frechet_distance": ".2f", "coverage": ".3f"}
    cells = [spread([end[name] for end in measured], form) if measured else "–" for name, form in forms.items()]
    of_both = [run["discriminator"] for run in runs if run["discriminator"]]
    cells.append(spread([(each["accuracy_real"] + each["accuracy_fake"]) / 2 for each in of_both], ".0%"))
    cells.append(spread([each["score_real"] - each["score_fake"] for each in of_both], ".2f"))
    cells.append(f"{statistics.mean(run['images_per_second'] for run in runs):,.0f}")
    failed, rolled = sum(run["status"] == "failed" for run in runs), sum(run["rollbacks"] > 0 for run in runs)
    cells.append(f"{failed} of {len(runs)}" + (f", {rolled} rolled back" if rolled else ""))
    return " | ".join(cells)


def draw(table: dict[tuple[str, str], list[dict[str, Any]]], baseline: dict[str, Any], path: Path) -> None:
    """Draw the metrics of each run as a point, one line a loss and penalty, and the real baseline."""
    figure = Figure(figsize=(7.0, 4.0), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    every = figure.subplots(1, len(METRICS), sharey=True)
    names = [loss if penalty == PENALTIES[loss][0] else "" for loss, penalty in table]
    for axes, (metric, title) in zip(every, METRICS.items(), strict=True):
        for line, ((_, penalty), runs) in enumerate(table.items()):
            marker, colour, _ = LOOKS[penalty]
            values = [run["end"][metric] for run in runs if run["end"] is not None]
            axes.plot(values, [line] * len(values), marker, color=colour, fillstyle="none", markersize=6, clip_on=False)
            if values:
                axes.plot(statistics.mean(values), line, "|", color=colour, markersize=13, markeredgewidth=2)
        axes.axvline(baseline[metric], color="grey", linestyle="--")
        axes.set_title(title, fontsize=11)
        axes.grid(alpha=0.3, axis="x")
        if metric == "class_accuracy":
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        if metric == "frechet_distance":
            axes.set_xscale("log")
            axes.set_xticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
            axes.minorticks_off()
    every[0].set_yticks(range(len(names)), names)
    every[0].invert_yaxis()
    for marker, colour, name in LOOKS.values():
        every[0].plot([], [], marker, color=colour, fillstyle="none", label=name)
    every[0].plot([], [], "--", color="grey", label="real baseline")
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=130)


if __name__ == "__main__":
    tyro.cli(main)
