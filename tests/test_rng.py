"""Random streams: a row does not depend on the other rows of the call."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digitgan import rng


@given(start=st.integers(0, 10**9), offset=st.integers(0, 20), count=st.integers(1, 20), width=st.integers(1, 13))
def test_a_row_does_not_depend_on_its_company(start: int, offset: int, count: int, width: int) -> None:
    together = rng.normals(3, "test", start, offset + count, width)
    alone = rng.normals(3, "test", start + offset, count, width)
    np.testing.assert_array_equal(together[offset:], alone)


def test_seed_purpose_and_index_each_change_the_numbers() -> None:
    base = rng.words(0, "a", 0, 4, 4)
    assert not np.array_equal(base, rng.words(1, "a", 0, 4, 4))
    assert not np.array_equal(base, rng.words(0, "b", 0, 4, 4))
    assert not np.array_equal(base, rng.words(0, "a", 4, 4, 4))
    np.testing.assert_array_equal(base, rng.words(0, "a", 0, 4, 4))


def test_normals_are_standard_normal() -> None:
    drawn = rng.normals(0, "test", 0, 50_000, 7)
    assert drawn.dtype == np.float32
    assert np.isfinite(drawn).all()
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert abs((drawn**4).mean() - 3) < 0.1
    assert np.abs(np.corrcoef(drawn.T) - np.eye(7)).max() < 0.02


def test_the_numbers_are_the_same_on_every_machine_and_in_every_version() -> None:
    # Generated images must stay the same in all versions, so these values must never change.
    assert rng.words(0, "test", 0, 1, 2).tolist() == [[10751272584049169785, 10159905201989916064]]
    np.testing.assert_allclose(rng.normals(0, "test", 0, 1, 3), [[-1.3102001, -0.623463, 0.1785707]], rtol=1e-6)


def test_integers_are_uniform_below_their_bound() -> None:
    drawn = rng.integers(0, "test", 0, 30_000, 3)
    assert set(drawn.tolist()) == {0, 1, 2}
    assert (abs(np.bincount(drawn) / 10_000 - 1) < 0.05).all()


def test_a_permutation_holds_each_index_once_and_differs_between_epochs() -> None:
    first, second = (rng.permutation(0, "order", epoch, 1000) for epoch in (0, 1))
    assert sorted(first.tolist()) == list(range(1000))
    assert not np.array_equal(first, second)
