"""Tests of the schedules and of the learning rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitgan.recipes import find_recipe, with_settings
from digitgan.training.schedule import MIN_SCALE, Schedule, learning_rate_scale


@given(images=st.integers(1, 5000), count=st.integers(1, 50), batch_size=st.integers(2, 300))
def test_moments_are_reached_once_each_and_the_end_is_one(images: int, count: int, batch_size: int) -> None:
    schedules = Schedule(images, count, batch_size)
    ends = range(batch_size, images + batch_size, batch_size)
    due = [end for end in ends if schedules.due(end)]
    assert due[-1] == ends[-1]
    assert len(due) == min(count, len(due))
    if len(ends) >= count and images >= count * batch_size:
        assert len(due) == count
    assert not schedules.due(0)
    assert not schedules.due(ends[-1] + batch_size)


def scale(images_seen: int, decay: str) -> float:
    recipe = with_settings(
        find_recipe("fast"), [f"optimizer.decay={decay}", "optimizer.decay_share=0.4", "training.images=1000"]
    )
    return learning_rate_scale(recipe, images_seen)


@pytest.mark.parametrize(
    ("decay", "images_seen", "expected"),
    [
        ("linear", 0, 1.0),
        ("linear", 600, 1.0),
        ("linear", 800, 0.5),
        ("linear", 1000, MIN_SCALE),
        ("linear", 1100, MIN_SCALE),
        ("cosine", 600, 1.0),
        ("cosine", 800, 0.5),
        ("cosine", 900, 0.14644660940672627),
        ("none", 1000, 1.0),
    ],
)
def test_the_learning_rate_falls_over_the_last_share(decay: str, images_seen: int, expected: float) -> None:
    assert scale(images_seen, decay) == pytest.approx(expected)
