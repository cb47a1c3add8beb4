"""Tests of the groups of similar images that take the place of classes."""

from __future__ import annotations

import numpy as np
import pytest

from digitgan.data import ImageSet
from digitgan.errors import UsageError
from digitgan.evaluation.groups import IMAGES_OF_A_GROUP, with_groups


def of_kinds(count: int, seed: int) -> tuple[ImageSet, np.ndarray]:
    """Return noisy images of three kinds, and the kind of each."""
    noise = np.random.default_rng(seed)
    kinds = noise.integers(0, 3, count)
    images = noise.integers(0, 40, (count, 9, 7), dtype=np.uint8)
    for kind in range(3):
        images[kinds == kind, 3 * kind : 3 * kind + 3] += 200
    return ImageSet(images, np.zeros(count, dtype=np.int64), ("image",), "plain"), kinds


def test_each_group_holds_images_of_one_kind_in_both_sets() -> None:
    training, kinds = of_kinds(3 * IMAGES_OF_A_GROUP, 0)
    others, other_kinds = of_kinds(50, 1)
    grouped, grouped_others = with_groups(training, others)
    assert grouped.class_names == grouped_others.class_names == ("group 1", "group 2", "group 3")
    pairs = {*zip(grouped.labels, kinds, strict=True), *zip(grouped_others.labels, other_kinds, strict=True)}
    assert len(pairs) == 3
    np.testing.assert_array_equal(grouped.images, training.images)
    assert with_groups(training)[0].content_hash == grouped.content_hash


def test_too_few_or_equal_images_have_no_groups() -> None:
    few, _ = of_kinds(2 * IMAGES_OF_A_GROUP - 1, 0)
    equal = ImageSet(np.full((200, 9, 7), 9, np.uint8), np.zeros(200, dtype=np.int64), ("image",), "equal")
    for images in (few, equal):
        with pytest.raises(UsageError, match="without labels, an evaluation needs at least 100 different training images"):
            with_groups(images)
