"""What is said of differences."""

from __future__ import annotations

from pathlib import Path

from digitgan.comparing import Entry
from digitgan.comparing.verdicts import COMPARED, words_about


def entry(name: str, seed: int, accuracy: float, distance: float = 1.0, coverage: float | None = 0.5) -> Entry:
    values = dict(zip(COMPARED, (accuracy, distance, coverage), strict=True))
    return Entry(name, seed, Path("nowhere"), {"figures": {key: {"value": value} for key, value in values.items()}})


def words_of(first: list[float], second: list[float]) -> str:
    entries = [entry("one", seed, value) for seed, value in enumerate(first)]
    return words_about(entries + [entry("two", seed, value) for seed, value in enumerate(second)])[0]


def test_a_difference_beyond_the_spread_is_called_so() -> None:
    said = words_of([0.90, 0.91, 0.92], [0.97, 0.98, 0.99])
    assert said.startswith("Right class: two comes out better than one by 0.07, more than the spread over seeds explains")


def test_a_difference_within_the_spread_is_called_so() -> None:
    assert "which the spread over seeds may explain" in words_of([0.80, 0.99, 0.92], [0.85, 0.97, 0.99])


def test_without_any_spread_a_difference_is_none_of_chance() -> None:
    assert "more than the spread" in words_of([0.9, 0.9], [0.8, 0.8])
    assert "more than the spread" in words_of([0.9, 0.9, 0.9], [0.8, 0.8, 0.81])


def test_one_seed_tells_nothing() -> None:
    assert "by one seed, which does not tell luck from more" in words_of([0.9], [0.99])


def test_equal_figures_are_equal_and_missing_ones_are_left_out() -> None:
    said = words_about([entry("one", 0, 0.9, 2.0, None), entry("two", 0, 0.9, 1.0, 0.7)])
    assert said[0] == "Right class: one and two come out the same."
    assert said[1].startswith("Fréchet distance: two comes out better than one")
    assert len(said) == 2
