"""Tests of the reference statistics and their cache, which depends on the images and the classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from digitgan.data import ImageSet, sklearn_digits
from digitgan.evaluation import (
    CachedClassifier,
    FeatureClassifier,
    ReferenceStatistics,
    cached_reference_statistics,
    reference,
    reference_statistics,
)
from digitgan.model.file import tensors_sha256
from digitgan.networks import ImageSpec

pytestmark = pytest.mark.usefixtures("isolated_home")

COUNT = 200


@pytest.fixture(scope="module")
def held_out() -> ImageSet:
    return sklearn_digits("test")


PARTS = ("training", "held-out", "nearest")


def part_of(file: Path) -> str:
    with safe_open(file, framework="numpy") as opened:
        kind, *depends_on = opened.metadata()["key"].split()
        distances = "distances" in opened.keys()  # noqa: SIM118
    assert distances == (kind == "nearest")
    return "nearest" if distances else "training" if depends_on[-1] == str(COUNT) else "held-out"


def knows_nothing(seed: int = 0) -> CachedClassifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = FeatureClassifier(ImageSpec(1, 28, 28, 10)).eval()
    return CachedClassifier(classifier, "nowhere", tensors_sha256(classifier.state_dict()))


def kept_files(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "digitgan" / "statistics").glob("*"))


def assert_alike(one: ReferenceStatistics, other: ReferenceStatistics) -> None:
    for side in ("training", "held_out"):
        first, second = getattr(one, side), getattr(other, side)
        np.testing.assert_array_equal(first.features, second.features)
        np.testing.assert_array_equal(first.certainty, second.certainty)
        np.testing.assert_array_equal(first.confusion, second.confusion)
        np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(one.nearest.distances, other.nearest.distances)
    np.testing.assert_array_equal(one.nearest.indices, other.nearest.indices)


def test_cached_statistics_equal_computed_ones(
    digits: ImageSet, held_out: ImageSet, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, predictions = knows_nothing(), list[str]()
    found = cached_reference_statistics(known, digits, held_out, COUNT, predictions.append)
    assert_alike(found, reference_statistics(known.classifier, digits, held_out, COUNT))
    assert len(kept_files(isolated_home)) == len(PARTS)
    # Nothing is computed again.
    monkeypatch.setattr("digitgan.evaluation.summary.classify_images", None)
    monkeypatch.setattr("digitgan.evaluation.reference.nearest_images", None)
    assert_alike(cached_reference_statistics(known, digits, held_out, COUNT, predictions.append), found)
    assert predictions == []


def test_each_classifier_has_statistics_of_its_own(
    digits: ImageSet, held_out: ImageSet, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For example, `--per-class-limit` changes the classifier, but not the held-out images.
    classifiers, lines = (knows_nothing(0), knows_nothing(1)), list[str]()
    found = [cached_reference_statistics(known, digits, held_out, COUNT, lines.append) for known in classifiers]
    for known, statistics in zip(classifiers, found, strict=True):
        assert_alike(statistics, reference_statistics(known.classifier, digits, held_out, COUNT))
    assert not np.array_equal(found[0].held_out.features, found[1].held_out.features)
    # The nearest images do not depend on the classifier.
    assert sorted(map(part_of, kept_files(isolated_home))) == sorted([*PARTS, "training", "held-out"])
    # Alternating classifiers compute nothing again.
    monkeypatch.setattr("digitgan.evaluation.summary.classify_images", None)
    monkeypatch.setattr("digitgan.evaluation.reference.nearest_images", None)
    for known, statistics in zip(classifiers, found, strict=True):
        assert_alike(cached_reference_statistics(known, digits, held_out, COUNT, lines.append), statistics)
    assert lines == []


def test_other_images_have_a_file_of_their_own(digits: ImageSet, held_out: ImageSet, isolated_home: Path) -> None:
    known = knows_nothing()
    fewer = ImageSet(held_out.images[1:], held_out.labels[1:], held_out.class_names, held_out.name)
    # Another number of training images changes one file, other held-out images two.
    for some, count, files in ((held_out, COUNT, 3), (held_out, COUNT + 1, 4), (fewer, COUNT, 6)):
        found = cached_reference_statistics(known, digits, some, count, lambda line: None)
        assert (found.held_out.count, found.training.count) == (len(some), count)
        assert len(kept_files(isolated_home)) == files


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", ["cut", "other", "shape", "empty", "flipped"])
def test_statistics_of_a_damaged_file_are_computed_again(
    digits: ImageSet, held_out: ImageSet, isolated_home: Path, monkeypatch: pytest.MonkeyPatch, damage: str, part: str
) -> None:
    known = knows_nothing()
    found = cached_reference_statistics(known, digits, held_out, COUNT, lambda line: None)
    (path,) = (file for file in kept_files(isolated_home) if part_of(file) == part)
    whole = path.read_bytes()
    if damage == "shape":
        with safe_open(path, framework="numpy") as file:
            metadata, arrays = file.metadata(), {name: file.get_tensor(name)[1:] for name in file.keys()}  # noqa: SIM118
        reference._write(path, metadata["key"], arrays)
    elif damage == "other":
        next(file for file in kept_files(isolated_home) if file != path).replace(path)
    else:
        flipped = bytes([whole[-9] ^ 1])
        spoilt = {"cut": whole[:-9], "empty": b"", "flipped": whole[:-9] + flipped + whole[-8:]}
        path.write_bytes(spoilt[damage])
    assert_alike(cached_reference_statistics(known, digits, held_out, COUNT, lambda line: None), found)
    # The file is valid again.
    monkeypatch.setattr("digitgan.evaluation.summary.classify_images", None)
    monkeypatch.setattr("digitgan.evaluation.reference.nearest_images", None)
    assert_alike(cached_reference_statistics(known, digits, held_out, COUNT, lambda line: None), found)


def test_a_cache_that_cannot_be_written_is_reported(digits: ImageSet, held_out: ImageSet, isolated_home: Path) -> None:
    (isolated_home / ".cache").write_text("a file where a folder would have to be")
    predictions: list[str] = []
    found = cached_reference_statistics(knows_nothing(), digits, held_out, COUNT, predictions.append)
    assert found.training.count == COUNT
    assert len(predictions) == 1
    assert str(isolated_home / ".cache") in predictions[0]
