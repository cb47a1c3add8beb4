"""Labels: parsing of valid and invalid selections, and the number of images per class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digitgan.errors import UsageError
from digitgan.generation.labels import MAX_IMAGES_PER_CALL, Labelling, parse_labels, spread_labels, weighted_labels

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "Trouser", "Ankle boot", "0-9")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("7", [7]),
        ("0-9", list(range(10))),
        ("4-4", [4]),
        ("1,3,5", [1, 3, 5]),
        ("5,1", [5, 1]),
        ("8-9,0-1,4", [8, 9, 0, 1, 4]),
        (" 1 , 3 - 5 ", [1, 3, 4, 5]),
        ("7,7", [7, 7]),
        ("07", [7]),
    ],
)
def test_labels_are_read_in_the_order_given(text: str, labels: list[int]) -> None:
    assert parse_labels(text, DIGITS) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [("Trouser", [1]), ("Ankle boot,T-shirt", [2, 0]), ("2", [2]), ("0-2", [0, 1, 2]), ("0-9", [3])],
)
def test_a_class_is_called_by_its_name_or_its_index(text: str, labels: list[int]) -> None:
    assert parse_labels(text, CLOTHES) == labels


@pytest.mark.parametrize(("text", "labels"), [("1", [0]), ("2,3", [1, 2]), ("1-3", [0, 1, 2]), ("02", [1])])
def test_where_names_are_numbers_a_number_is_a_name(text: str, labels: list[int]) -> None:
    assert parse_labels(text, ("1", "2", "3")) == labels


@pytest.mark.parametrize("text", ["0", "4", "0-2", "2-4"])
def test_where_names_are_numbers_a_number_is_no_index(text: str) -> None:
    with pytest.raises(UsageError, match=rf"--labels {text}: .*1, 2, 3"):
        parse_labels(text, ("1", "2", "3"))


def test_names_in_any_script_and_with_commas() -> None:
    names = ("кот", "猫", "cat, big", 'the "dog"', "7")
    assert parse_labels('猫,"cat, big",кот', names) == [1, 2, 0]
    assert parse_labels('"the ""dog""",7', names) == [3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10", r"--labels 10: .*\b9\b"),
        ("5-12", r"--labels 5-12: .*\b9\b"),
        ("0-99999999999999999999", r"--labels 0-99999999999999999999: .*\b9\b"),
        ("9-0", r"--labels '9-0': .*\b0-9\b"),
        ("", "--labels '': .*''"),
        ("1,,3", "--labels '1,,3': .*''"),
        ("1,", "--labels '1,': .*''"),
        ("-3", "--labels '-3': .*'-3'"),
        ("3-", "--labels '3-': .*'3-'"),
        ("1.5", r"--labels '1\.5': .*'1\.5'"),
        ("1;3", "--labels '1;3': .*'1;3'"),
        ("seven", "--labels 'seven': .*'seven'.*0-9"),
        ("²", "--labels '²': .*'²'"),
    ],
)
def test_what_is_no_class_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_labels(text, DIGITS)


def test_a_misspelt_class_name_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'Trousers'.*'Trouser'"):
        parse_labels("Trousers", CLOTHES)


@given(text=st.text(alphabet="0123456789-, .x", max_size=12))
def test_any_text_gives_labels_of_the_model_or_a_clear_refusal(text: str) -> None:
    refusal = ""
    labels: list[int] = []
    try:
        labels = parse_labels(text, DIGITS)
    except UsageError as problem:
        refusal = str(problem)
    assert bool(labels) != ("--labels" in refusal)
    assert set(labels) <= set(range(10))


def test_without_a_number_ten_of_each_are_drawn() -> None:
    assert listed(spread_labels([2, 0], per_class=None, count=None)) == [2] * 10 + [0] * 10


def test_per_class_draws_class_after_class() -> None:
    labelling = spread_labels([3, 1], per_class=2, count=None)
    assert listed(labelling) == [3, 3, 1, 1]
    assert labelling.of(range(1)).dtype == np.int64


def test_with_a_count_the_classes_take_turns() -> None:
    labelling = spread_labels([3, 1, 4], per_class=None, count=7)
    assert listed(labelling) == [3, 1, 4, 3, 1, 4, 3]
    assert labelling.of(range(1)).dtype == np.int64


def test_a_count_may_be_smaller_than_the_number_of_classes() -> None:
    assert listed(spread_labels(list(range(10)), per_class=None, count=2)) == [0, 1]


@pytest.mark.parametrize(
    ("per_class", "count", "message"),
    [
        (0, None, "--per-class 0:"),
        (-5, None, "--per-class -5:"),
        (None, 0, "--count 0:"),
        (None, -1, "--count -1:"),
        (3, 30, "--per-class, --count"),
        (0, 0, "--per-class, --count"),
        (None, MAX_IMAGES_PER_CALL + 1, "10,000,000,001"),
        (MAX_IMAGES_PER_CALL // 2 + 1, None, "10,000,000,002"),
        (10**30, None, f"{2 * 10**30:,}"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(per_class: int | None, count: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        spread_labels([0, 1], per_class=per_class, count=count)


def listed(labelling: Labelling) -> list[int]:
    return labelling.of(range(labelling.count)).tolist()


@given(
    classes=st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True),
    count=st.integers(1, 300),
    in_turn=st.booleans(),
    data=st.data(),
)
def test_any_part_of_a_labelling_is_that_part_of_the_whole(
    classes: list[int], count: int, in_turn: bool, data: st.DataObject
) -> None:
    labelling = spread_labels(classes, per_class=None if in_turn else count, count=count if in_turn else None)
    whole = listed(labelling)
    start = data.draw(st.integers(0, labelling.count))
    stop = data.draw(st.integers(start, labelling.count))
    assert labelling.of(range(start, stop)).tolist() == whole[start:stop]
    assert labelling.tally(DIGITS) == {name: whole.count(label) for label, name in enumerate(DIGITS)}


def test_weights_divide_up_a_count_exactly() -> None:
    assert listed(weighted_labels("0:3,1:1", DIGITS, 8)) == [0] * 6 + [1] * 2
    assert weighted_labels("7:0.5,3:0.5", DIGITS, 5).counts == (3, 2)
    assert weighted_labels("0-2:1,9:2", DIGITS, 10).tally(DIGITS) == dict(
        zip(DIGITS, [2, 2, 2, 0, 0, 0, 0, 0, 0, 4], strict=True)
    )


@given(weights=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=10), count=st.integers(1_000_000, 10_000_000))
def test_counts_by_weight_add_up_and_are_within_one_of_their_share(weights: list[float], count: int) -> None:
    text = ",".join(f"{label}:{weight!r}" for label, weight in enumerate(weights))
    assume(min(weights) * count > sum(weights))
    labelling = weighted_labels(text, DIGITS, count)
    assert labelling.count == count
    for weight, each in zip(weights, labelling.counts, strict=True):
        assert abs(each - count * weight / sum(weights)) < 1 + 1e-6


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("0", 10, "--weights '0': .*'0'.*0:3,1:1"),
        ("0:", 10, "--weights '0:': .*'0:'"),
        ("0:-1", 10, "--weights '0:-1': .*'0:-1'"),
        ("0:0,1:1", 10, "--weights '0:0,1:1': .*'0:0'"),
        ("0:inf", 10, "--weights '0:inf': .*'0:inf'"),
        ("0:nan", 10, "--weights '0:nan': .*'0:nan'"),
        ("0:1,0:2", 10, r"--weights '0:1,0:2': .*class 0\b"),
        ("10:1", 10, r"--weights 10: .*\b9\b"),
        ("seven:1", 10, "--weights 'seven': .*'seven'"),
        ("0:1000,1:1", 10, r"--weights '0:1000,1:1': .*class 1\b.*--count"),
        ("0:1", MAX_IMAGES_PER_CALL + 1, "10,000,000,001"),
    ],
)
def test_weights_that_cannot_be_meant_are_refused(text: str, count: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        weighted_labels(text, DIGITS, count)
