"""What is said of differences."""

from __future__ import annotations

from pathlib import Path

from digitgan.comparison import Entry
from digitgan.comparison.differences import COMPARED, table, words_about


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
    return words_about(entries + [entry("two", seed, value) for seed, value in enumerate(second)])[0]


def test_a_difference_beyond_the_spread_is_called_so() -> None:
    said = words_of([0.90, 0.91, 0.92], [0.97, 0.98, 0.99])
    assert said.startswith("Class accuracy: two comes out better than one by 0.07, more than the spread over seeds explains")


def test_a_difference_within_the_spread_is_called_so() -> None:
    assert "which the spread over seeds may explain" in words_of([0.80, 0.99, 0.92], [0.85, 0.97, 0.99])


def test_without_any_spread_a_difference_is_none_of_chance() -> None:
    assert "more than the spread" in words_of([0.9, 0.9], [0.8, 0.8])
    assert "more than the spread" in words_of([0.9, 0.9, 0.9], [0.8, 0.8, 0.81])


def test_one_seed_tells_nothing() -> None:
    assert "by one seed, which does not tell luck from more" in words_of([0.9], [0.99])


def test_equal_figures_are_equal_and_missing_ones_are_left_out() -> None:
    said = words_about([entry("one", 0, 0.9, 2.0, None), entry("two", 0, 0.9, 1.0, 0.7)])
    assert said[0] == "Class accuracy: one and two come out the same."
    assert said[1].startswith("Fréchet distance: two comes out better than one")
    assert len(said) == 2


def test_many_tests_are_corrected_for_how_many_they_are() -> None:
    """Of twenty differences that are none, one is under 5 % by chance."""
    first, second = [0.900, 0.910, 0.920], [0.940, 0.950, 0.965]
    alone = words_about([entry("one", seed, value, 1.0, None) for seed, value in enumerate(first)]
                        + [entry("two", seed, value, 1.0, None) for seed, value in enumerate(second)])  # fmt: skip
    assert "more than the spread" in alone[0]
    assert "after Holm's correction for 2 tests" in alone[0]
    others = [entry(name, seed, value, 1.0, None) for name in "abcd" for seed, value in enumerate([0.90, 0.91, 0.92])]
    many = words_about(others + [entry("two", seed, value, 1.0, None) for seed, value in enumerate(second)])
    assert not any("more than the spread" in said for said in many)
    assert any("after Holm's correction for 20 tests" in said for said in many)


def test_a_run_that_was_given_up_counts_as_what_it_is() -> None:
    given_up = Entry("one", 1, Path("nowhere"), "failed", 640, 3.0, None)
    whole = [entry("one", 0, 0.9), given_up, entry("two", 0, 0.8), entry("two", 1, 0.8)]
    for each in whole[0], whole[2], whole[3]:
        assert each.record is not None
        for metric in each.record["metrics"].values():
            metric["baseline"] = 0.99
    lines = table(whole).splitlines()
    assert lines[2].startswith("| one | 2 (failed) | 820 ± 2.5e+02 |")
    assert lines[3].startswith("| two | 2 | 1,000 |")
    assert words_about(whole)[0].endswith("by one seed, which does not tell luck from more.")
