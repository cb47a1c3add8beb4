"""The report of an evaluation: a JSON record, and a self-contained HTML page made from it."""

from __future__ import annotations

import base64
import dataclasses
import importlib.resources
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from digitgan.data.notes import listed
from digitgan.evaluation.inception import InceptionMetrics
from digitgan.evaluation.measure import Evaluation
from digitgan.evaluation.metrics.bootstrap import CONFIDENCE, RESAMPLES
from digitgan.evaluation.summary import NEIGHBOURS, SAMPLE, Summary
from digitgan.evaluation.tstr import TrainOnSynthetic
from digitgan.files import replacing
from digitgan.images import Picture, encode_png, enlarged, grid

REPORT_TEMPLATE: Final = "report.html.j2"
REPORT_COLUMNS: Final = 12
"""The number of images shown for each class."""

WORST: Final = 24
"""The number of images shown with the lowest predicted probability of their label."""

PAIRS: Final = 12
"""The number of pairs shown of an image and its nearest training image."""

DECILES: Final = tuple(range(0, 101, 10))


def record(
    found: Evaluation,
    tstr: TrainOnSynthetic | None,
    protocol: dict[str, Any],
    command: str,
    inception: InceptionMetrics | None = None,
) -> dict[str, Any]:
    """Return the report of an evaluation as JSON values, the content of report.json.

    Args:
        found: the result of `evaluate`.
        tstr: the result of `measure_tstr`, if requested.
        protocol: further entries of the protocol: the classifier and its hash, the data, the versions.
        command: the command that repeats the evaluation.
        inception: the result of `measure_inception`, if requested.
    """
    metrics = {
        metric.metric.name: {
            "title": metric.metric.title,
            "meaning": metric.metric.meaning,
            "better": metric.metric.better,
            "value": None if metric.found is None else _round(metric.found.value),
            "low": None if metric.found is None else _round(metric.found.low),
            "high": None if metric.found is None else _round(metric.found.high),
            "baseline": None if metric.baseline is None else _round(metric.baseline),
            "missing": metric.missing,
        }
        for metric in found.metrics
    }
    source = found.source
    compared_with = f"{found.real.count:,} {'held-out' if found.reference == 'test' else 'training'} images"
    return {
        "headline": headline(metrics, found),
        "source": {"name": source.name, "images": source.count, **source.facts},
        "metrics": metrics,
        "per_class": _per_class(found),
        "confusion": _confusion(found.images),
        "memorisation": _memorisation(found),
        "train_on_synthetic": None if tstr is None else _values(tstr),
        "inception": None if inception is None else _values(inception),
        "flags": list(found.flags),
        "protocol": {
            **protocol,
            "classifier_accuracy_on_held_out": _round(found.held_out_accuracy),
            "compared_with": compared_with,
            "baseline": f"{'training' if found.reference == 'test' else 'held-out'} images instead of the evaluated images",
            "neighbours": NEIGHBOURS,
            "sample": (
                f"at most {SAMPLE:,} images, evenly spread, for precision, recall, density, coverage, kernel distance and "
                "memorisation"
            ),
            "intervals": f"{CONFIDENCE:.0%}, bootstrap with {RESAMPLES} resamples; standard error for the kernel distance",
        },
        "command": command,
        "seconds": round(found.seconds, 1),
    }


UNEVEN: Final = 0.005
"""Difference of class accuracy and balanced accuracy from which the headline states both."""


def headline(metrics: dict[str, dict[str, Any]], found: Evaluation) -> str:
    """Return class accuracy, Fréchet distance and coverage, with their real baselines, as one sentence.

    The class accuracy is followed by that of the worst class, and by the mean of the class accuracies (balanced accuracy) where
    frequent classes hide that rare ones are worse.
    """
    parts = []
    accuracy, frechet, coverage = (metrics[name] for name in ("class_accuracy", "frechet_distance", "coverage"))

    def beside(metric: dict[str, Any], form: str) -> str:
        return "" if metric["baseline"] is None else f" (real baseline {metric['baseline']:{form}})"

    if accuracy["value"] is not None:
        uneven = accuracy["value"] - metrics["balanced_accuracy"]["value"] > UNEVEN
        balanced = f", balanced {metrics['balanced_accuracy']['value']:.2%}" if uneven else ""
        parts.append(f"class accuracy {accuracy['value']:.2%}{beside(accuracy, '.2%')}{balanced}{_worst_class(found)}")
    if frechet["value"] is not None:
        parts.append(f"Fréchet distance {frechet['value']:.3g}{beside(frechet, '.3g')}")
    if coverage["value"] is not None:
        parts.append(f"coverage {coverage['value']:.1%}{beside(coverage, '.1%')}")
    return f"{found.source.count:,} images: " + (", ".join(parts) or "too few images for the main metrics") + "."


def _worst_class(found: Evaluation) -> str:
    """Return the class whose images are least often recognised, with this share; "" for a single class."""
    shares = [(row["class_accuracy"], row["class"]) for row in _per_class(found) if row.get("class_accuracy") is not None]
    if len(shares) < 2:
        return ""
    share = min(shares)[0]
    worst = [name for accuracy, name in shares if accuracy == share]
    return f", lowest {share:.1%} for class{'es' if len(worst) > 1 else ''} {listed(worst)}"


def _values(found: TrainOnSynthetic | InceptionMetrics) -> dict[str, Any]:
    values = dataclasses.asdict(found)
    return {key: _round(value) if isinstance(value, float) else value for key, value in values.items()}


def _round(value: float) -> float:
    """Round to six significant digits, more than the precision of any metric."""
    return float(f"{value:.6g}")


def _confusion(images: Summary) -> list[list[int]] | None:
    if not images.classification[0].asked:
        return None
    table: list[list[int]] = images.confusion.tolist()
    return table


def _per_class(found: Evaluation) -> list[dict[str, Any]]:
    confusion, names = _confusion(found.images), found.source.class_names
    rows = []
    for index, (distance, baseline) in enumerate(found.per_class):
        row: dict[str, Any] = {
            "class": names[index] if found.source.by_class else str(index),
            "images": found.images.by_class[index].count,
            "frechet_distance": None if distance is None else _round(distance),
            "frechet_baseline": None if baseline is None else _round(baseline),
        }
        if confusion is not None:
            asked = confusion[index]
            total = sum(asked)
            row["class_accuracy"] = _round(asked[index] / total) if total else None
            others = sorted(((count, other) for other, count in enumerate(asked) if other != index and count), reverse=True)
            row["taken_for"] = {names[other]: count for count, other in others[:3]}
        rows.append(row)
    return rows


def _memorisation(found: Evaluation) -> dict[str, Any]:
    near = found.memorisation
    closest = np.argsort(near.images.distances)[:PAIRS]
    return {
        "closer_than_any_held_out": _round(near.closer_than_any_held_out),
        "closer_than_one_in_hundred": _round(near.closer_than_one_in_hundred),
        "closest_held_out": _round(near.closest_held_out),
        "deciles": [_round(value) for value in np.percentile(near.images.distances, DECILES)],
        "deciles_held_out": [_round(value) for value in np.percentile(near.held_out.distances, DECILES)],
        "closest": [
            {"distance": _round(float(near.images.distances[index])), "training_image": int(near.images.indices[index])}
            for index in closest
        ],
        "unit": "root mean squared differences of the pixels, in levels of 255",
    }


@final
@dataclass(frozen=True)
class ReportImage:
    """A picture on the report page.

    Attributes:
        picture: uint8 (height, width[, channels]).
        text: the alternative text.
    """

    picture: Picture
    text: str

    @property
    def address(self) -> str:
        """The picture as a data: URL."""
        return f"data:image/png;base64,{base64.b64encode(encode_png(self.picture)).decode()}"


def pictures(found: Evaluation, training: Picture) -> dict[str, ReportImage]:
    """Return the pictures of the report page.

    They show images of each class, the images with the lowest probability of their label, and the nearest training images.

    Args:
        found: the result of `evaluate`.
        training: the training images, uint8 (n, height, width[, channels]).
    """
    images, by_class = found.images, found.source.by_class
    names = found.source.class_names
    shown = {"classes": _classes(images, len(images.by_class), by_class)}
    if by_class:
        worst = np.argsort(images.certainty, kind="stable")[:WORST]
        asked = ", ".join(f"{names[images.labels[index]]} ({images.certainty[index]:.0%})" for index in worst)
        shown["worst"] = ReportImage(
            enlarged(grid(images.images[worst], columns=WORST // 2), 2),
            f"The images with the lowest predicted probability of their label, row by row, with label and probability: {asked}",
        )
    near = found.memorisation.images
    closest = np.argsort(near.distances)[:PAIRS]
    pairs = np.concatenate([images.images[closest], training[near.indices[closest]]])
    distances = ", ".join(f"{near.distances[index]:.1f}" for index in closest)
    shown["pairs"] = ReportImage(
        enlarged(grid(pairs, columns=PAIRS), 2),
        f"Top row: the images nearest to a training image. Bottom row: that training image. Distances: {distances}",
    )
    return shown


def _classes(images: Summary, classes: int, by_class: bool) -> ReportImage:
    if not by_class:
        return ReportImage(
            enlarged(grid(images.images[: REPORT_COLUMNS * 10], columns=REPORT_COLUMNS), 2),
            f"The first {REPORT_COLUMNS * 10} images",
        )
    rows = []
    for label in range(classes):
        some = images.images[images.labels == label][:REPORT_COLUMNS]
        rows.append(np.concatenate([some, np.zeros((REPORT_COLUMNS - len(some), *images.images.shape[1:]), dtype=np.uint8)]))
    return ReportImage(
        enlarged(grid(np.concatenate(rows), columns=REPORT_COLUMNS), 2),
        f"{REPORT_COLUMNS} images of each class, one class a row",
    )


def page(report: dict[str, Any], shown: dict[str, ReportImage], curves: bytes | None) -> str:
    """Return the report page as self-contained HTML.

    Args:
        report: the result of `record`.
        shown: the result of `pictures`.
        curves: the run's training curves as PNG; None if there is no run.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.4g}"
    text = importlib.resources.files("digitgan.evaluation").joinpath(REPORT_TEMPLATE).read_text(encoding="utf-8")
    address = None if curves is None else f"data:image/png;base64,{base64.b64encode(curves).decode()}"
    return environment.from_string(text).render(report=report, shown=shown, curves=address, deciles=DECILES)


def report_paths(folder: Path) -> tuple[Path, Path]:
    """Return the paths of report.json and report.html in a folder."""
    return folder / "report.json", folder / "report.html"


def write_report(folder: Path, report: dict[str, Any], html: str) -> tuple[Path, Path]:
    """Write report.json and report.html into a folder, each atomically, and return their paths.

    Raises:
        OutputError: if a file cannot be written.
    """
    paths = report_paths(folder)
    for path, text in zip(paths, (json.dumps(report, indent=1, ensure_ascii=False) + "\n", html), strict=True):
        with replacing(path) as file:
            file.write(text.encode())
    return paths
