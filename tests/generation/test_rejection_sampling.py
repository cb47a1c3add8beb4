"""Filters: counts are exact, and image i depends on its index, not on the span requested."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from digitgan.errors import UsageError
from digitgan.generation.labels import Labels
from digitgan.generation.rejection_sampling import MAX_ATTEMPTS, Accepted, Block, Filter, Uniforms, rejection_sampler
from digitgan.images import Picture
from digitgan.model.batching import BLOCK, side_by_side, spans
from digitgan.model.file import Model
from digitgan.networks.latents import truncated


class Bright(Filter):
    """A filter that accepts images of at least this mean level."""

    name = "--bright"

    def __init__(self, level: float) -> None:
        self.level = level

    def accepts(self, images: Picture, labels: Labels, uniforms: Uniforms) -> Accepted:
        assert len(images) == BLOCK  # so that rounding does not depend on the span
        return images.reshape(len(images), -1).mean(axis=1) >= self.level


def labels_of(span: range) -> Labels:
    return np.arange(span.start, span.stop) % 10


def median_level(model: Model) -> float:
    return float(np.median(model.sample(labels_of(range(640))).reshape(640, -1).mean(axis=1)))


def drawn(model: Model, start: int, count: int, *filters: Filter) -> Block:
    draw = rejection_sampler(model, 3, None, filters, labels_of)
    blocks = list(side_by_side(draw, spans(start, count)))
    columns = ((getattr(block, name) for block in blocks) for name in ("images", "labels", "attempts"))
    return Block(*(np.concatenate(list(column)) for column in columns))


def test_without_filters_images_are_as_the_model_draws_them(small_model: Model) -> None:
    found = drawn(small_model, 5, 100)
    np.testing.assert_array_equal(found.images, small_model.sample(labels_of(range(5, 105)), seed=3, start=5))
    assert (found.attempts == 1).all()


def test_every_image_passes_and_the_labels_stay(small_model: Model) -> None:
    level = median_level(small_model)
    found = drawn(small_model, 0, 300, Bright(level))
    assert (found.images.reshape(300, -1).mean(axis=1) >= level).all()
    np.testing.assert_array_equal(found.labels, labels_of(range(300)))
    assert 1.3 < found.attempts.mean() < 4  # the acceptance rate is about one half


def test_images_that_passed_at_once_are_the_unfiltered_ones(small_model: Model) -> None:
    found, plain = drawn(small_model, 0, 200, Bright(median_level(small_model))), drawn(small_model, 0, 200)
    kept = found.attempts == 1
    np.testing.assert_array_equal(found.images[kept], plain.images[kept])
    assert (found.images[~kept] != plain.images[~kept]).any(axis=(1, 2)).all()


@pytest.mark.parametrize(("start", "count"), [(0, 1), (7, 3), (60, 10), (64, 64), (130, 170)])
def test_a_part_is_that_part_of_the_whole(touchy_model: Model, start: int, count: int) -> None:
    bright = Bright(median_level(touchy_model))
    whole, part = drawn(touchy_model, 0, 300, bright), drawn(touchy_model, start, count, bright)
    np.testing.assert_array_equal(part.images, whole.images[start : start + count])
    np.testing.assert_array_equal(part.attempts, whole.attempts[start : start + count])


def test_the_number_of_threads_changes_nothing(touchy_model: Model) -> None:
    bright = Bright(median_level(touchy_model))
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            found.append(drawn(touchy_model, 0, 300, bright).images)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_filter_that_nothing_passes_is_refused_by_name(small_model: Model) -> None:
    with pytest.raises(UsageError, match=r"--bright: .*class 0\b"):
        drawn(small_model, 0, 10, Bright(256))


def test_the_tries_for_one_image_are_bounded(small_model: Model) -> None:
    asked = 0

    class Never(Filter):
        name = "--never"

        def accepts(self, images: Picture, labels: Labels, uniforms: Uniforms) -> Accepted:
            nonlocal asked
            asked += 1
            return np.zeros(len(images), dtype=bool)

    with pytest.raises(UsageError):
        drawn(small_model, 0, 1, Never())
    assert asked == MAX_ATTEMPTS


def test_truncation_keeps_ranks_and_bounds() -> None:
    z = np.linspace(-6, 6, 1001, dtype=np.float32)
    squeezed = truncated(z, 1.5)
    assert np.abs(squeezed).max() <= 1.5
    assert (np.diff(squeezed) >= 0).all()
    np.testing.assert_allclose(squeezed[500], 0, atol=1e-6)
    np.testing.assert_allclose(truncated(z[100:-100], 50), z[100:-100], atol=1e-4)  # a bound far out changes nothing


def test_truncated_numbers_are_distributed_as_by_redrawing() -> None:
    """The variance of a truncated normal distribution is 1 - 2 T φ(T) / (2 Φ(T) - 1)."""
    z = np.random.default_rng(0).standard_normal(200_000).astype(np.float32)
    reach, density, inside = 1.2, 0.19418605498321298, 0.7698606595565832
    assert truncated(z, reach).var() == pytest.approx(1 - 2 * reach * density / inside, abs=5e-3)


@pytest.mark.parametrize("truncation", [0.0, -1.0, float("nan")])
def test_a_truncation_that_leaves_nothing_is_refused(small_model: Model, truncation: float) -> None:
    with pytest.raises(UsageError, match="truncation"):
        small_model.sample([1], truncation=truncation)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (0, 64), (0, 65), (63, 1), (63, 2), (64, 128), (1000, 300)])
def test_spans_cover_everything_once_and_keep_to_their_blocks(start: int, count: int) -> None:
    found = list(spans(start, count))
    assert [index for span in found for index in span] == list(range(start, start + count))
    assert all(span.start // BLOCK == (span.stop - 1) // BLOCK for span in found)


def test_a_fault_in_one_block_comes_up_and_ends_the_others() -> None:
    def task(item: int) -> int:
        if item == 3:
            raise ZeroDivisionError("here")
        return item

    found = side_by_side(task, range(10**9))
    with pytest.raises(ZeroDivisionError):
        list(found)
