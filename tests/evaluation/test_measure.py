"""Tests of whole evaluations of real digits and corrupted digits: each fault affects the expected metrics."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from digitgan.data import ImageSet, sklearn_digits
from digitgan.errors import UsageError
from digitgan.evaluation import (
    Evaluation,
    EvaluationSource,
    FeatureClassifier,
    classifier_for,
    evaluate,
    page,
    pictures,
    record,
)
from digitgan.evaluation.sources import source_of_images, source_of_model
from digitgan.model.file import Model

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def held_out() -> ImageSet:
    return sklearn_digits("test")


@pytest.fixture(scope="module")
def classifier(digits: ImageSet, caches: Path) -> FeatureClassifier:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(caches))
        return classifier_for(digits, lambda line: None).classifier


def changed(image_set: ImageSet, images: Pixels | None = None, labels: npt.NDArray[np.int64] | None = None) -> EvaluationSource:
    images = image_set.images if images is None else images
    labels = image_set.labels if labels is None else labels
    return source_of_images(ImageSet(images, labels, image_set.class_names, "spoilt"), "spoilt")


def values(found: Evaluation) -> dict[str, float]:
    return {metric.metric.name: metric.found.value for metric in found.metrics if metric.found is not None}


def baselines(found: Evaluation) -> dict[str, float]:
    return {metric.metric.name: metric.baseline for metric in found.metrics if metric.baseline is not None}


@pytest.fixture(scope="module")
def of_real(digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier) -> Evaluation:
    """The evaluation of the held-out images against training images."""
    return evaluate(changed(held_out), digits, held_out, classifier, "train")


def test_real_images_equal_the_real_baseline(of_real: Evaluation) -> None:
    assert values(of_real) == baselines(of_real)
    assert {"class_accuracy", "frechet_distance", "precision", "recall", "density", "coverage"} <= values(of_real).keys()
    assert of_real.memorisation.closer_than_any_held_out == 0


def test_an_interval_contains_its_value(of_real: Evaluation) -> None:
    for metric in of_real.metrics:
        if metric.found is not None:
            assert metric.found.low <= metric.found.value <= metric.found.high, metric.metric.name


def test_training_images_are_found_to_be_memorised(digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier) -> None:
    found = evaluate(changed(digits), digits, held_out, classifier, "test")
    assert found.memorisation.closer_than_any_held_out == 1
    assert found.memorisation.images.distances.max() == 0


def test_copies_are_memorised_even_where_a_held_out_image_is_a_copy_too(
    digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier
) -> None:
    images = held_out.images.copy()
    images[0] = digits.images[0]
    with_a_copy = ImageSet(images, held_out.labels, held_out.class_names, "with a copy")
    copied = evaluate(changed(digits), digits, with_a_copy, classifier, "test")
    assert copied.memorisation.closest_held_out == 0
    assert copied.memorisation.closer_than_any_held_out == 1


def test_swapped_labels_show_in_accuracy_alone(
    digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier, of_real: Evaluation
) -> None:
    swapped = np.where(held_out.labels == 3, 8, np.where(held_out.labels == 8, 3, held_out.labels))
    found = evaluate(changed(held_out, labels=swapped), digits, held_out, classifier, "train")
    expected, got = values(of_real), values(found)
    share = np.isin(held_out.labels, [3, 8]).mean()
    assert got["class_accuracy"] == pytest.approx(expected["class_accuracy"] - share, abs=0.04)
    assert got["frechet_distance"] == expected["frechet_distance"]
    assert got["coverage"] == expected["coverage"]


def test_noise_shows_in_precision_and_distance(
    digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier, of_real: Evaluation
) -> None:
    noise = np.random.default_rng(0).normal(0, 90, held_out.images.shape)
    noisy = np.clip(held_out.images + noise, 0, 255).astype(np.uint8)
    expected, got = values(of_real), values(evaluate(changed(held_out, noisy), digits, held_out, classifier, "train"))
    assert got["precision"] < expected["precision"] - 0.2
    assert got["frechet_distance"] > 2 * expected["frechet_distance"]


def test_one_picture_a_class_shows_in_coverage_and_recall(
    digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier
) -> None:
    firsts = np.array([np.flatnonzero(held_out.labels == label)[0] for label in range(10)])
    labels = np.arange(300) % 10
    found = evaluate(changed(held_out, held_out.images[firsts[labels]], labels), digits, held_out, classifier, "train")
    assert values(found)["coverage"] < 0.3 * baselines(found)["coverage"]
    assert values(found)["recall"] < 0.3 * baselines(found)["recall"]


def test_a_class_that_is_not_there_is_flagged(digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier) -> None:
    rest = held_out.labels != 4
    found = evaluate(changed(held_out, held_out.images[rest], held_out.labels[rest]), digits, held_out, classifier, "train")
    predicted_fours = found.images.confusion.sum(axis=0)[4]
    assert sum(flag.split()[-1] == "4" or " 4 " in flag for flag in found.flags) == 1 + (predicted_fours == 0)
    assert np.isfinite(list(values(found).values())).all()


def test_images_that_are_all_the_same_are_flagged_and_give_numbers(
    digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier
) -> None:
    same = np.repeat(held_out.images[:1], 200, axis=0)
    found = evaluate(changed(held_out, same, np.zeros(200, dtype=np.int64)), digits, held_out, classifier, "test")
    assert any("identical" in flag for flag in found.flags)
    assert np.isfinite(list(values(found).values())).all()
    blank = np.zeros((200, 28, 28), dtype=np.uint8)
    blank[100:] = 255
    found = evaluate(changed(held_out, blank, np.arange(200) % 10), digits, held_out, classifier, "test")
    assert any("single colour" in flag for flag in found.flags)


def test_what_needs_more_images_is_missing_by_name(digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier) -> None:
    few = changed(held_out, held_out.images[:110], held_out.labels[:110])
    found = evaluate(few, digits, held_out, classifier, "test")
    assert "frechet_distance" not in values(found)
    (missing,) = (result.missing for result in found.metrics if result.metric.name == "frechet_distance")
    assert {"129", "110"} <= set(re.findall(r"\d+", missing))
    # The report has the reason in the row of the metric, so no warning repeats it.
    assert not any(result.missing in flag for result in found.metrics if result.missing for flag in found.flags)
    with pytest.raises(UsageError, match=r"spoilt: 99 .*100"):
        evaluate(changed(held_out, held_out.images[:99], held_out.labels[:99]), digits, held_out, classifier, "test")


def test_other_classes_are_refused(digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier) -> None:
    other = dataclasses.replace(changed(held_out), class_names=tuple("abcdefghij"))
    with pytest.raises(UsageError, match=r"spoilt: .*a, b, .*0, 1, .*--data"):
        evaluate(other, digits, held_out, classifier, "test")


def test_images_without_classes_have_all_metrics_but_accuracy(
    digits: ImageSet, held_out: ImageSet, classifier: FeatureClassifier
) -> None:
    unlabelled = source_of_images(held_out.unlabelled(), "pictures")
    found = evaluate(unlabelled, digits, held_out, classifier, "train")
    assert "class_accuracy" not in values(found)
    assert {"frechet_distance", "coverage", "inception_score", "class_balance"} <= values(found).keys()
    made = record(found, None, {}, "digitgan evaluate pictures.npz")
    assert made["confusion"] is None
    assert "worst" not in pictures(found, digits.images)


def test_a_model_generates_the_class_distribution_of_the_training_images(small_model: Model, digits: ImageSet) -> None:
    skewed = ImageSet(digits.images, np.sort(digits.labels) // 5, ("low", "high"), "skewed")
    model = dataclasses.replace(small_model, class_names=("low", "high"))
    source = source_of_model(model, "0" * 64, "small", skewed, 600, seed=3)
    chunks: list[tuple[Pixels, npt.NDArray[np.int64]]] = [
        (images, labels) for images, labels in source.chunks() if labels is not None
    ]
    labels = np.concatenate([labels for _, labels in chunks])
    assert len(labels) == 600
    assert labels.mean() == pytest.approx(skewed.labels.mean(), abs=0.01)
    np.testing.assert_array_equal(np.concatenate([images for images, _ in chunks]), model.sample(labels, seed=3))


def numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


def test_the_page_shows_the_record(of_real: Evaluation, digits: ImageSet) -> None:
    made = record(of_real, None, {"features_sha256": "abc"}, "digitgan evaluate test.npz --reference train")
    assert np.isfinite(list(numbers(made))).all()
    assert made["headline"].startswith("297 ")
    assert f"{made['metrics']['class_accuracy']['value']:.2%}" in made["headline"]
    shares = {
        name: row[label] / sum(row)
        for label, (name, row) in enumerate(zip(map(str, range(10)), made["confusion"], strict=True))
    }
    worst = min(shares, key=lambda name: shares[name])
    assert f"lowest {shares[worst]:.1%} for class {worst}" in made["headline"]
    assert np.sum(made["confusion"]) == 297
    assert made["metrics"]["class_accuracy"]["value"] == pytest.approx(values(of_real)["class_accuracy"], rel=1e-5)
    assert "297 training" in made["protocol"]["compared_with"]
    html = page(made, pictures(of_real, digits.images), None)
    for part in ("headline", "metrics", "classes", "worst", "per-class", "confusion", "memorisation", "pairs", "protocol"):
        assert f'id="{part}"' in html
    assert "://" not in html, "the page is self-contained"
    assert "digitgan evaluate test.npz --reference train" in html


def test_names_are_shown_and_not_obeyed(of_real: Evaluation, digits: ImageSet) -> None:
    evil = dataclasses.replace(of_real, source=dataclasses.replace(of_real.source, name="<script>alert(1)</script>"))
    html = page(record(evil, None, {}, "digitgan"), pictures(evil, digits.images), None)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
