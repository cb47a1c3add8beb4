"""The report of an evaluation: one JSON record, and a page made of it that opens from disk."""

from __future__ import annotations

import base64
import dataclasses
import importlib.resources
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from PIL import Image

from digitgan.evaluation.inception import InceptionMetrics
from digitgan.evaluation.measure import Evaluation
from digitgan.evaluation.metrics.bootstrap import CONFIDENCE, RESAMPLES
from digitgan.evaluation.summary import NEIGHBOURS, SAMPLE, Summary
from digitgan.evaluation.tstr import TrainOnSynthetic
from digitgan.files import replacing
from digitgan.images import Picture, enlarged, grid

TEMPLATE: Final = "report.html.j2"
ACROSS: Final = 12
"""Images of each class that are shown."""

WORST: Final = 24
"""Images that are shown of those in which the classifier sees the class asked for least."""

PAIRS: Final = 12
"""Pairs of an image and its nearest training image that are shown."""

DECILES: Final = tuple(range(0, 101, 10))


def record(
    found: Evaluation,
    tstr: TrainOnSynthetic | None,
    protocol: dict[str, Any],
    command: str,
    inception: InceptionMetrics | None = None,
) -> dict[str, Any]:
    """All of an evaluation as JSON values: what report.json holds.

    Args:
        found: by `evaluate`.
        tstr: by `measure_tstr`, where it was asked for.
        protocol: what else was done and with what: the classifier and its hash, the data, versions.
        command: that does it again.
        inception: by `measure_inception`, where it was asked for.
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
            "baseline": f"{'training' if found.reference == 'test' else 'held-out'} images in place of these",
            "neighbours": NEIGHBOURS,
            "sample": f"at most {SAMPLE:,} images, evenly spread, for neighbourhoods, kernel distance and memorisation",
            "intervals": f"{CONFIDENCE:.0%}, bootstrap of {RESAMPLES} resamples; the kernel distance's by its standard error",
        },
        "command": command,
        "seconds": round(found.seconds, 1),
    }


def headline(metrics: dict[str, dict[str, Any]], found: Evaluation) -> str:
    """The most important in a sentence."""
    parts = []
    accuracy, frechet, coverage = (metrics[name] for name in ("class_accuracy", "frechet_distance", "coverage"))

    def beside(metric: dict[str, Any], form: str) -> str:
        return "" if metric["baseline"] is None else f" (real ones {metric['baseline']:{form}})"

    if accuracy["value"] is not None:
        parts.append(f"{accuracy['value']:.2%} are taken for the class they were asked for as{beside(accuracy, '.2%')}")
    if frechet["value"] is not None:
        parts.append(f"their Fréchet distance is {frechet['value']:.3g}{beside(frechet, '.3g')}")
    if coverage["value"] is not None:
        parts.append(f"they cover {coverage['value']:.1%} of the real images{beside(coverage, '.1%')}")
    return f"Of {found.source.count:,} images " + ("; ".join(parts) or "nothing can be said: there are too few real ones") + "."


def _values(found: TrainOnSynthetic | InceptionMetrics) -> dict[str, Any]:
    values = dataclasses.asdict(found)
    return {key: _round(value) if isinstance(value, float) else value for key, value in values.items()}


def _round(value: float) -> float:
    """Six digits: more than any of it is sure to."""
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
        "unit": "root of the mean squared difference of two images' pixels, in levels of 255",
    }


@final
@dataclass(frozen=True)
class ReportImage:
    """A picture of the page.

    Attributes:
        picture: uint8 (height, width[, channels]).
        text: what it shows, for who can't see it.
    """

    picture: Picture
    text: str

    @property
    def address(self) -> str:
        """The picture itself as a data: address."""
        file = io.BytesIO()
        Image.fromarray(self.picture).save(file, format="PNG", optimize=True)
        return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def pictures(found: Evaluation, training: Picture) -> dict[str, ReportImage]:
    """The pictures of a page: every class, the images that look least like it, and the nearest training images.

    Args:
        found: by `evaluate`.
        training: the images that were trained on.
    """
    images, by_class = found.images, found.source.by_class
    names = found.source.class_names
    shown = {"classes": _classes(images, len(images.by_class), by_class)}
    if by_class:
        worst = np.argsort(images.certainty, kind="stable")[:WORST]
        asked = ", ".join(f"{names[images.labels[index]]} ({images.certainty[index]:.0%})" for index in worst)
        shown["worst"] = ReportImage(
            enlarged(grid(images.images[worst], columns=WORST // 2), 2),
            "The images in which the classifier sees the class asked for least, row by row, with that class "
            "and how probable it "
            f"is to it: {asked}",
        )
    near = found.memorisation.images
    closest = np.argsort(near.distances)[:PAIRS]
    pairs = np.concatenate([images.images[closest], training[near.indices[closest]]])
    distances = ", ".join(f"{near.distances[index]:.1f}" for index in closest)
    shown["pairs"] = ReportImage(
        enlarged(grid(pairs, columns=PAIRS), 2),
        f"Above, the images nearest to a training image; below each, that training image. Distances: {distances}",
    )
    return shown


def _classes(images: Summary, classes: int, by_class: bool) -> ReportImage:
    if not by_class:
        return ReportImage(enlarged(grid(images.images[: ACROSS * 10], columns=ACROSS), 2), f"The first {ACROSS * 10} images")
    rows = []
    for label in range(classes):
        some = images.images[images.labels == label][:ACROSS]
        rows.append(np.concatenate([some, np.zeros((ACROSS - len(some), *images.images.shape[1:]), dtype=np.uint8)]))
    return ReportImage(enlarged(grid(np.concatenate(rows), columns=ACROSS), 2), f"{ACROSS} images of each class, a row each")


def page(report: dict[str, Any], shown: dict[str, ReportImage], curves: bytes | None) -> str:
    """The page: HTML that needs nothing else.

    Args:
        report: by `record`.
        shown: by `pictures`.
        curves: a PNG of the run's curves, where there is a run.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.4g}"
    text = importlib.resources.files("digitgan.evaluation").joinpath(TEMPLATE).read_text(encoding="utf-8")
    address = None if curves is None else f"data:image/png;base64,{base64.b64encode(curves).decode()}"
    return environment.from_string(text).render(report=report, shown=shown, curves=address, deciles=DECILES)


def report_paths(folder: Path) -> tuple[Path, Path]:
    """The record and the page of a report in that folder."""
    return folder / "report.json", folder / "report.html"


def write_report(folder: Path, report: dict[str, Any], html: str) -> tuple[Path, Path]:
    """Write report.json and report.html into a folder, each whole or not at all.

    Raises:
        OutputError: if they can't be written.
    """
    paths = report_paths(folder)
    for path, text in zip(paths, (json.dumps(report, indent=1, ensure_ascii=False) + "\n", html), strict=True):
        with replacing(path) as file:
            file.write(text.encode())
    return paths
