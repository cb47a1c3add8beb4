from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from digitgan.data import sklearn_digits
from digitgan.errors import UsageError


def test_the_two_parts_are_all_of_scikit_learns_digits() -> None:
    train, test = sklearn_digits("train"), sklearn_digits("test")
    assert (train.name, test.name) == ("digits (train)", "digits (test)")
    assert (train.images.shape, test.images.shape) == ((1500, 28, 28), (297, 28, 28))
    assert np.array_equal(np.concatenate([train.labels, test.labels]), load_digits().target)
    assert train.class_names == tuple("0123456789")
    assert min(train.counts) > 140
    assert min(test.counts) > 20


def test_the_enlargement_is_the_digit_itself_in_a_black_frame() -> None:
    images = sklearn_digits("train").images
    frame = images.copy()
    frame[:, 1:-1, 1:-1] = 0
    assert not frame.any()
    frame = images.copy()
    frame[:, 2:-2, 2:-2] = 0
    assert frame.max() < 96  # strokes fade into the margin
    assert images.max() == 255
    # The mean over each block of 3×3 gives the cells back.
    back = images[:, 2:-2, 2:-2].reshape(1500, 8, 3, 8, 3).mean(axis=(2, 4))
    cells = load_digits().images[:1500] * (255 / 16)
    assert np.corrcoef(back.ravel(), cells.ravel())[0, 1] > 0.98
    assert abs(back.mean() - cells.mean()) < 2


def test_a_clipped_overshoot_does_not_wrap_around() -> None:
    images = sklearn_digits("test").images.astype(int)
    steps = np.abs(np.diff(images, axis=2))
    # A value that wraps from 255 to 0 would differ from its neighbour by nearly the whole range.
    assert steps.max() < 160


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'tets'.*did you mean 'test'"):
        sklearn_digits("tets")  # type: ignore[arg-type]
