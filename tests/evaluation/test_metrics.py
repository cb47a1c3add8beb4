"""The metrics against closed forms, identity, symmetry, and what each is there to notice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from digitgan.evaluation.metrics import BLOCK, coverage, frechet_distance


def normal(seed: int, count: int = 2000, width: int = 6) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, width))


def whitened(seed: int, count: int = 500, width: int = 4) -> npt.NDArray[np.float64]:
    """Vectors whose mean is exactly 0 and whose covariance is exactly the identity."""
    vectors = normal(seed, count, width)
    vectors -= vectors.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(vectors, rowvar=False))
    return vectors @ axes / np.sqrt(values)


def test_frechet_of_the_same_features_is_nothing() -> None:
    features = normal(0)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features[::-1]) == pytest.approx(0, abs=1e-9)


def test_frechet_is_symmetric() -> None:
    first, second = normal(0), 1.5 * normal(1) + 0.3
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


def test_frechet_between_normals_has_its_closed_form() -> None:
    first = whitened(0) * [1.0, 2.0, 3.0, 0.0]
    second = whitened(1) * [2.0, 2.0, 1.0, 1.0] + [1.0, 0.0, 0.0, 2.0]
    # For independent directions: the squared differences of the means and of the deviations.
    assert frechet_distance(first, second) == pytest.approx((1 + 4) + (1 + 0 + 4 + 1), rel=1e-9)


def test_frechet_with_correlated_features_agrees_with_a_general_matrix_root() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    mixing = normal(2, 6, 6)
    first, second = normal(0) @ mixing, normal(1) @ mixing.T + 0.1
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = linalg.sqrtm(one @ other).real
    between = first.mean(axis=0) - second.mean(axis=0)
    expected = between @ between + np.trace(one + other - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_frechet_grows_with_noise() -> None:
    features, noise = normal(0), normal(1)
    distances = [frechet_distance(features, features + share * noise) for share in (0.0, 0.3, 0.6, 1.2)]
    assert distances == sorted(distances)
    assert distances[-1] > 10 * distances[1] > 0


def test_all_is_covered_by_itself_and_nothing_by_what_is_far() -> None:
    features = normal(0, BLOCK + 300)
    assert coverage(features, features) == 1.0
    assert coverage(features, features + 100) == 0.0


def test_coverage_of_points_on_a_line_by_hand() -> None:
    real = np.arange(10.0)[:, None]
    # To the second neighbour it is 1 from the middle points and 2 from both ends.
    assert coverage(real, np.array([[4.0]]), neighbours=2) == pytest.approx(3 / 10)
    assert coverage(real, np.array([[0.0], [9.0]]), neighbours=2) == pytest.approx(4 / 10)


def test_coverage_sees_a_mode_that_is_missing() -> None:
    left, right = normal(0) - 10, normal(1) + 10
    drawn = np.concatenate([normal(2) - 10, normal(3) + 10])
    whole = coverage(np.concatenate([left, right]), drawn)
    half = coverage(np.concatenate([left, right]), drawn[:2000])
    assert whole > 0.9
    assert half == pytest.approx(whole / 2, abs=0.05)


def test_coverage_of_fresh_draws_from_the_same_distribution_is_as_expected() -> None:
    """Naeem et al. 2020, equation 9: 1 - 1 / 2^k for as many drawn as real ones, in the limit."""
    assert coverage(normal(0), normal(1), neighbours=5) == pytest.approx(1 - 2**-5, abs=0.02)
