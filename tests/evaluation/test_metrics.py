"""Tests of the metrics: identity, symmetry, closed forms, sensitivity to faults, and agreement with other implementations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from digitgan.evaluation.metrics import (
    ClassificationSummary,
    FeatureMoments,
    frechet_distance,
    interval,
    kernel_distance,
    nearest_images,
    neighbourhoods,
    speckled,
    squared_mean_discrepancy,
)

Array = npt.NDArray[np.float64]


def gaussian(seed: int, count: int = 2000, width: int = 8, mean: float = 0.0, scale: float = 1.0) -> Array:
    return np.random.default_rng(seed).normal(mean, scale, (count, width))


def frechet(first: Array, second: Array) -> float:
    return frechet_distance(FeatureMoments.of(first), FeatureMoments.of(second))


# --- Fréchet distance


def test_a_set_is_at_no_distance_from_itself() -> None:
    features = gaussian(0)
    assert frechet(features, features) == pytest.approx(0, abs=1e-10)


def test_frechet_distance_is_symmetric() -> None:
    first, second = gaussian(0), gaussian(1, mean=0.3, scale=2) @ np.random.default_rng(2).normal(size=(8, 8))
    assert frechet(first, second) == pytest.approx(frechet(second, first), rel=1e-9)


def test_frechet_distance_of_gaussians_with_diagonal_covariances_in_closed_form() -> None:
    """|m1 - m2|² + sum (s1 - s2)²."""
    means, scales = np.array([[0.0, 1.0], [2.0, -1.0]]), np.array([[1.0, 2.0], [3.0, 0.5]])

    def exact(which: int) -> FeatureMoments:
        count, mean, covariance = 1000, means[which], np.diag(scales[which] ** 2)
        return FeatureMoments(count, count * mean, (count - 1) * covariance + count * np.outer(mean, mean))

    expected = ((means[0] - means[1]) ** 2).sum() + ((scales[0] - scales[1]) ** 2).sum()
    assert frechet_distance(exact(0), exact(1)) == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_of_covariances_without_full_rank() -> None:
    """Inactive ReLU units and copies of units give singular covariances, for which general matrix roots become complex."""
    first, second = gaussian(0), gaussian(1, mean=0.5)
    padded = [np.hstack([features, np.zeros((2000, 3)), features[:, :2]]) for features in (first, second)]
    found = frechet(*padded)
    assert math.isfinite(found)
    assert found > frechet(first, second)


def test_moments_sum_up_to_those_of_all() -> None:
    features = gaussian(0, 1000, mean=100)
    summed = FeatureMoments.none(8)
    for start in range(0, 1000, 64):
        summed += FeatureMoments.of(features[start : start + 64])
    np.testing.assert_allclose(summed.mean, features.mean(axis=0))
    np.testing.assert_allclose(summed.covariance, np.cov(features, rowvar=False), rtol=1e-8)
    twice = FeatureMoments.weighted(
        [FeatureMoments.of(features[:400]), FeatureMoments.of(features[400:])], np.array([2.0, 1.0])
    )
    np.testing.assert_allclose(twice.mean, np.concatenate([features[:400], features]).mean(axis=0))


# --- kernel distance


def test_kernel_distance_is_zero_on_average_for_one_distribution_and_may_be_below() -> None:
    found = [squared_mean_discrepancy(gaussian(2 * seed, 200), gaussian(2 * seed + 1, 200)) for seed in range(40)]
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(40)


def test_kernel_distance_in_closed_form() -> None:
    """For two points each at 0 and at 1, of width 1: k(0, 0) = 1, k(0, 1) = 1, k(1, 1) = 8."""
    zeros, ones = np.zeros((2, 1)), np.ones((2, 1))
    assert squared_mean_discrepancy(zeros, ones) == pytest.approx(1 + 8 - 2)


def test_the_kernel_distances_standard_error_is_the_spread_of_the_mean() -> None:
    """Over many pairs of sets, the standard deviation of the distances is about the estimated standard error."""
    found = [kernel_distance(gaussian(2 * seed, 1000), gaussian(2 * seed + 1, 1000, mean=0.2), block=100) for seed in range(60)]
    errors = [estimate.error for estimate in found if estimate.error is not None]
    assert np.std([estimate.value for estimate in found]) == pytest.approx(np.mean(errors), rel=0.35)
    assert kernel_distance(gaussian(0, 150), gaussian(1, 150), block=100).error is None


# --- neighbourhoods


def test_a_set_has_full_precision_recall_and_coverage_of_itself() -> None:
    features = gaussian(0, 500)
    found = neighbourhoods(features, features, 5)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


def test_metrics_of_distant_sets_are_zero() -> None:
    found = neighbourhoods(gaussian(0, 300), gaussian(1, 300, mean=100), 5)
    assert (found.precision, found.recall, found.density, found.coverage) == (0, 0, 0, 0)


def test_coverage_of_independent_samples_is_what_theory_says() -> None:
    """1 - (N-1)…(N-k) / (2N-1)…(2N-k) for N of both (Naeem et al. 2020, equation 10); density 1 (equation 8)."""
    count, k = 1500, 5
    found = neighbourhoods(gaussian(0, count, 4), gaussian(1, count, 4), k)
    expected = 1 - math.prod((count - i) / (2 * count - i) for i in range(1, k + 1))
    assert found.coverage == pytest.approx(expected, abs=0.02)
    assert found.density == pytest.approx(1, abs=0.05)


def test_precision_and_recall_change_places_with_the_sets() -> None:
    first, second = gaussian(0, 400), gaussian(1, 600, scale=0.5)
    one, other = neighbourhoods(first, second, 3), neighbourhoods(second, first, 3)
    assert one.precision == other.recall
    assert one.recall == other.precision
    assert one.precision > one.recall, "a narrow distribution is inside the other and does not cover it"


# --- classification


def test_classification_in_closed_form() -> None:
    sure = np.eye(4)[np.arange(400) % 4]
    found = ClassificationSummary.of(sure, np.arange(400) % 4)
    assert found.accuracy == 1
    assert found.inception_score == pytest.approx(4)
    assert found.class_balance == 0
    uneven = ClassificationSummary.of(np.eye(3)[[0, 0, 0, 0, 0, 0, 0, 1, 0]], np.array([0, 0, 0, 0, 0, 0, 0, 1, 1]))
    assert uneven.accuracy == pytest.approx(8 / 9)
    assert uneven.balanced_accuracy == pytest.approx(0.75), "the third class has no images"
    unsure = ClassificationSummary.of(np.full((400, 4), 0.25), np.arange(400) % 4)
    assert unsure.inception_score == pytest.approx(1)
    one_class = ClassificationSummary.of(np.eye(4)[np.zeros(400, dtype=np.int64)], None)
    assert one_class.inception_score == pytest.approx(1)
    # Jensen-Shannon divergence between (1, 0, 0, 0) and the uniform distribution:
    # (ln(1 / 0.625) + 0.25 ln(0.25 / 0.625) + 0.75 ln 2) / 2
    expected = (math.log(1 / 0.625) + 0.25 * math.log(0.25 / 0.625) + 0.75 * math.log(2)) / 2
    assert one_class.class_balance == pytest.approx(expected)


def test_confusion_has_labels_in_rows() -> None:
    classification = np.eye(3)[[0, 0, 2, 2, 2]]
    found = ClassificationSummary.of(classification[:2], np.array([0, 1])) + ClassificationSummary.of(
        classification[2:], np.array([1, 2, 2])
    )
    assert found.confusion.tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 2]]
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.count == 5


# --- sensitivity to faults


METRICS: dict[str, Callable[[Array, Array], float]] = {
    "frechet": lambda real, drawn: frechet(drawn, real),
    "kernel": lambda real, drawn: squared_mean_discrepancy(real, drawn),
    "precision": lambda real, drawn: -neighbourhoods(real, drawn, 5).precision,
    "density": lambda real, drawn: -neighbourhoods(real, drawn, 5).density,
    "coverage": lambda real, drawn: -neighbourhoods(real, drawn, 5).coverage,
}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gets_worse_with_growing_noise(name: str) -> None:
    real, drawn = gaussian(0, 1000), gaussian(1, 1000)
    noise = np.random.default_rng(2).normal(size=drawn.shape)
    found = [METRICS[name](real, drawn + scale * noise) for scale in (0, 0.5, 1, 2, 4)]
    assert found == sorted(found)
    assert len(set(found)) == 5


def modes(seed: int, which: list[int], count: int = 1000) -> Array:
    """Return points around the corners of a cube, one corner for each class."""
    random = np.random.default_rng(seed)
    corners = 10.0 * np.array([[bit >> place & 1 for place in range(3)] for bit in range(8)])
    return corners[random.choice(which, count)] + random.normal(size=(count, 3))


def test_a_missing_class_shows_in_recall_and_coverage_and_not_in_precision() -> None:
    real, whole, lacking = modes(0, list(range(8))), modes(1, list(range(8))), modes(2, list(range(6)))
    good, bad = neighbourhoods(real, whole, 5), neighbourhoods(real, lacking, 5)
    assert bad.precision == pytest.approx(good.precision, abs=0.03)
    assert bad.recall == pytest.approx(good.recall * 6 / 8, abs=0.04)
    assert bad.coverage == pytest.approx(good.coverage * 6 / 8, abs=0.04)
    assert frechet(lacking, real) > 10 * frechet(whole, real)


def test_one_picture_a_class_shows_in_coverage_and_not_in_precision() -> None:
    """Mode collapse within classes, which accuracy and precision do not detect."""
    real = modes(0, list(range(8)))
    collapsed = modes(1, list(range(8)))
    collapsed = 10 * np.round(collapsed / 10) + 0.05 * (collapsed - 10 * np.round(collapsed / 10))
    found = neighbourhoods(real, collapsed, 5)
    assert found.precision > 0.99
    assert found.coverage < 0.2
    assert found.recall < 0.1


# --- memorisation


def test_the_nearest_image_is_found_in_any_block() -> None:
    random = np.random.default_rng(0)
    among = random.integers(0, 256, (9001, 5, 5), dtype=np.uint8)
    chosen = random.integers(0, 9001, 1300)
    images = np.clip(among[chosen].astype(int) + random.integers(-3, 4, (1300, 5, 5)), 0, 255).astype(np.uint8)
    found = nearest_images(images, among)
    np.testing.assert_array_equal(found.indices, chosen)
    expected = np.sqrt(((images.astype(float) - among[chosen]) ** 2).mean(axis=(1, 2)))
    np.testing.assert_allclose(found.distances, expected, rtol=1e-12)


def test_a_copy_is_at_no_distance() -> None:
    among = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 3), dtype=np.uint8)
    found = nearest_images(among[[7, 30]], among)
    assert found.indices.tolist() == [7, 30]
    assert found.distances.tolist() == [0, 0]


# --- intervals


def test_an_interval_contains_the_true_value_about_95_times_of_100() -> None:
    inside = 0
    for seed in range(100):
        values = gaussian(seed, 80, 1, mean=3.0)[:, 0]
        found = interval(80, lambda weights, values=values: float(weights @ values / weights.sum()))
        assert found.low < found.value < found.high
        inside += found.low < 3 < found.high
    assert 86 <= inside <= 99


def test_the_interval_of_a_frechet_distance_is_corrected_for_the_bias_of_resamples() -> None:
    real = FeatureMoments.of(gaussian(0, 5000))
    groups = [FeatureMoments.of(gaussian(100 + seed, 40)) for seed in range(50)]
    found = interval(50, lambda weights: frechet_distance(FeatureMoments.weighted(groups, weights), real))
    assert found.low < found.value < found.high
    assert found.value < 0.03


# --- second implementations


@pytest.fixture(scope="module")
def pair() -> tuple[Array, Array]:
    """Features like those of a classifier: non-negative, often exactly 0, and correlated."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(16, 32))
    return tuple(np.maximum(random.normal(shift, 1, (600, 16)) @ mixing, 0).astype(np.float64) for shift in (0, 0.3))  # type: ignore[return-value]


def test_frechet_distance_agrees_with_torchmetrics(pair: tuple[Array, Array]) -> None:
    from torchmetrics.image.fid import _compute_fid

    moments = [(torch.from_numpy(features.mean(axis=0)), torch.from_numpy(np.cov(features, rowvar=False))) for features in pair]
    expected = float(_compute_fid(*moments[0], *moments[1]))
    assert frechet(*pair) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_agrees_with_torchmetrics(pair: tuple[Array, Array]) -> None:
    from torchmetrics.image.kid import poly_mmd

    expected = float(poly_mmd(*(torch.from_numpy(features) for features in pair)))
    assert squared_mean_discrepancy(*pair) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("neighbours", [3, 5])
def test_neighbourhoods_agree_with_their_authors_own(pair: tuple[Array, Array], neighbours: int) -> None:
    from prdc import compute_prdc

    expected = compute_prdc(*pair, nearest_k=neighbours)
    found = neighbourhoods(*pair, neighbours)
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(float(value), abs=1e-6), name


def speck(*boxes: tuple[int, int, int, int], level: int = 255) -> npt.NDArray[np.uint8]:
    """Return a black image with bright boxes (top, left, height, width)."""
    image = np.zeros((28, 28), np.uint8)
    for top, left, height, width in boxes:
        image[top : top + height, left : left + width] = level
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (speck(), False),
        (speck((5, 5, 15, 3)), False),  # a stroke
        (speck((5, 5, 15, 3), (2, 20, 1, 1)), True),
        (speck((5, 5, 15, 3), (2, 20, 2, 4)), True),
        (speck((5, 5, 15, 3), (2, 20, 3, 3)), False),  # nine pixels
        (speck((5, 5, 15, 3), (4, 8, 1, 1)), False),  # touches the stroke at a corner
        (speck((5, 5, 15, 3), (3, 9, 1, 1)), True),
        (speck((2, 20, 1, 1), level=16), False),
        (speck((2, 20, 1, 1), level=17), True),
        (speck((27, 27, 1, 1)), True),
    ],
)
def test_speckles_are_small_components_above_the_background(image: npt.NDArray[np.uint8], expected: bool) -> None:
    assert speckled(np.stack([speck(), image, speck((0, 0, 28, 28))])).tolist() == [False, expected, False]


def test_speckles_do_not_join_across_images() -> None:
    corner, next_to_it = speck((27, 20, 1, 8)), speck((0, 20, 1, 8))
    assert speckled(np.stack([corner, next_to_it, corner])).tolist() == [True, True, True]


def test_speckles_are_counted_as_by_a_search_through_the_pixels() -> None:
    images = (np.random.default_rng(0).random((50, 12, 12)) ** 4 * 255).astype(np.uint8)

    def by_search(image: npt.NDArray[np.uint8]) -> bool:
        left = set(zip(*np.nonzero(image > 16), strict=True))
        while left:
            reached = [left.pop()]
            for row, column in reached:
                around = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
                left -= around
                reached += around
            if len(reached) <= 8:
                return True
        return False

    assert speckled(images).tolist() == [by_search(image) for image in images]
