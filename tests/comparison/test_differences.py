"""Tests of the table and the significance tests of a comparison."""

from __future__ import annotations

import re
from pathlib import Path

from digitgan.comparison import Entry
from digitgan.comparison.differences import COMPARED, difference_sentences, table


def entry(name: str, seed: int, accuracy: float, distance: float = 1.0, coverage: float | None = 0.5) -> Entry:
    values = dict(zip(COMPARED, (accuracy, distance, coverage), strict=True))
    return Entry(
        name,
        seed,
        Path("nowhere"),
        "finished",
        1000,
        1.0,
        {"metrics": {key: {"value": value} for key, value in values.items()}},
    )


def words_of(first: list[float], second: list[float]) -> str:
    entries = [entry("one", seed, value) for seed, value in enumerate(first)]
    return difference_sentences(entries + [entry("two", seed, value) for seed, value in enumerate(second)])[0]


def is_significant(words: str) -> bool:
    return "significant" in words and "not significant" not in words


def test_a_difference_beyond_the_spread_is_significant() -> None:
    said = words_of([0.90, 0.91, 0.92], [0.97, 0.98, 0.99])
    assert re.match(r"Class accuracy: two .*one .*0\.07\b", said)
    assert is_significant(said)


def test_a_difference_within_the_spread_is_not_significant() -> None:
    assert "not significant" in words_of([0.80, 0.99, 0.92], [0.85, 0.97, 0.99])


def test_without_any_variance_a_difference_is_significant() -> None:
    assert is_significant(words_of([0.9, 0.9], [0.8, 0.8]))
    assert is_significant(words_of([0.9, 0.9, 0.9], [0.8, 0.8, 0.81]))


def test_a_single_seed_is_not_tested() -> None:
    said = words_of([0.9], [0.99])
    assert re.match(r"Class accuracy: two .*one .*0\.09\b", said)
    assert "p = " not in said
    assert "significant" not in said


def test_equal_metrics_are_equal_and_missing_ones_are_left_out() -> None:
    said = difference_sentences([entry("one", 0, 0.9, 2.0, None), entry("two", 0, 0.9, 1.0, 0.7)])
    assert re.match("Class accuracy: one .*two .*equal", said[0])
    assert re.match("Fréchet distance: two .*one", said[1])
    assert len(said) == 2


def test_p_values_are_corrected_for_the_number_of_tests() -> None:
    """Of twenty tests without a true difference, one has p < 0.05 on average."""
    first, second = [0.900, 0.910, 0.920], [0.940, 0.950, 0.965]
    alone = difference_sentences([entry("one", seed, value, 1.0, None) for seed, value in enumerate(first)]
                        + [entry("two", seed, value, 1.0, None) for seed, value in enumerate(second)])  # fmt: skip
    assert is_significant(alone[0])
    assert re.search(r"Holm.*\b2 tests", alone[0])
    others = [entry(name, seed, value, 1.0, None) for name in "abcd" for seed, value in enumerate([0.90, 0.91, 0.92])]
    many = difference_sentences(others + [entry("two", seed, value, 1.0, None) for seed, value in enumerate(second)])
    assert not any(is_significant(said) for said in many)
    assert any(re.search(r"Holm.*\b20 tests", said) for said in many)


def test_a_failed_run_is_counted_as_failed() -> None:
    given_up = Entry("one", 1, Path("nowhere"), "failed", 640, 3.0, None)
    whole = [entry("one", 0, 0.9), given_up, entry("two", 0, 0.8), entry("two", 1, 0.8)]
    for each in whole[0], whole[2], whole[3]:
        assert each.record is not None
        for metric in each.record["metrics"].values():
            metric["baseline"] = 0.99
    lines = table(whole).splitlines()
    assert lines[2].startswith("| one | 1 of 2 (failed) | 820 ± 2.5e+02 |")
    assert lines[3].startswith("| two | 2 | 1,000 |")
    assert "p = " not in difference_sentences(whole)[0]
