"""Tests of summaries of image streams: independent of the chunk size, and in constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from digitgan.errors import UsageError
from digitgan.evaluation import FeatureClassifier, summary
from digitgan.evaluation.summary import Chunk, summarise
from digitgan.networks import ImageSpec

COUNT = 1234
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8), dtype=np.uint8)
LABELS = np.arange(COUNT) % 3


@pytest.fixture(scope="module")
def classifier() -> FeatureClassifier:
    """An untrained classifier, which is sufficient here."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FeatureClassifier(ImageSpec(1, 8, 8, 3)).eval()


def in_chunks(size: int, *, labelled: bool = True) -> Iterator[Chunk]:
    for start in range(0, COUNT, size):
        part = slice(start, start + size)
        yield IMAGES[part], LABELS[part] if labelled else None


@pytest.mark.parametrize("size", [1, 64, 201, 5000])
def test_the_size_of_chunks_makes_no_difference(classifier: FeatureClassifier, size: int) -> None:
    found, expected = summarise(classifier, in_chunks(size), COUNT), summarise(classifier, in_chunks(COUNT), COUNT)
    np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(found.labels, LABELS)
    np.testing.assert_array_equal(found.features, expected.features)
    np.testing.assert_array_equal(found.confusion, expected.confusion)
    assert [group.count for group in found.moments] == [group.count for group in expected.moments]


def test_sums_are_of_all_images(classifier: FeatureClassifier) -> None:
    found = summarise(classifier, in_chunks(100), COUNT)
    assert sum(group.count for group in found.moments) == found.confusion.sum() == COUNT
    assert [moments.count for moments in found.by_class] == np.bincount(LABELS).tolist()
    np.testing.assert_allclose(sum(group.total for group in found.moments), found.features.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(sum(moments.total for moments in found.by_class), found.features.sum(axis=0), rtol=1e-5)


def test_of_many_images_a_sample_is_kept_that_is_spread_evenly(
    classifier: FeatureClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are often sorted by class, so that the first thousands of images would be of a single class."""
    monkeypatch.setattr(summary, "SAMPLE", 100)
    found = summarise(classifier, in_chunks(77), COUNT)
    assert found.count == COUNT
    assert len(found.images) == len(found.labels) == len(found.features) == len(found.certainty) == 100
    kept = [int(np.flatnonzero((image == IMAGES).all(axis=(1, 2)))[0]) for image in found.images]
    parts = np.arange(101) * COUNT // 100
    assert all(first <= place < last for first, place, last in zip(parts[:-1], kept, parts[1:], strict=True))
    # Labels may cycle through the classes. A regular step of 12, for example, would then select a single class.
    assert np.bincount(np.array(kept) % 12, minlength=12).min() >= 3
    assert sum(group.count for group in found.moments) == COUNT


def test_unlabelled_images_belong_to_their_predicted_class(classifier: FeatureClassifier) -> None:
    found = summarise(classifier, in_chunks(100, labelled=False), COUNT)
    assert found.confusion.shape == (1, 3)
    np.testing.assert_array_equal(found.confusion[0], np.bincount(found.labels, minlength=3))
    assert (found.certainty >= 1 / 3).all()


def test_images_of_another_size_are_refused(classifier: FeatureClassifier) -> None:
    with pytest.raises(UsageError, match=r"8x9 grey.*8x8 grey"):
        summarise(classifier, [(np.zeros((5, 9, 8), dtype=np.uint8), None)], 5)
    with pytest.raises(UsageError, match="8x8 RGB"):
        summarise(classifier, [(np.zeros((5, 8, 8, 3), dtype=np.uint8), None)], 5)


@pytest.mark.parametrize("order", ["by class", "taking turns"])
def test_each_group_is_like_the_whole_set_whatever_its_order(classifier: FeatureClassifier, order: str) -> None:
    labels = np.sort(LABELS) if order == "by class" else LABELS
    found = summarise(classifier, [(IMAGES, labels)], COUNT)
    asked = np.array([classification.confusion.sum(axis=1) for classification in found.classification])
    sizes = asked.sum(axis=1)
    assert len(sizes) == summary.BOOTSTRAP_GROUPS
    assert np.ptp(sizes) <= 1
    assert (asked / sizes[:, None]).std(axis=0).max() < 0.15, "about a third of each class"
