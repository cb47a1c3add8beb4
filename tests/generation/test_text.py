"""Text rendering: a text as one picture in one style."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from digitgan.errors import UsageError
from digitgan.generation import write
from digitgan.generation.text import MAX_TEXT_LENGTH
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model

WIDTH = 28


def places(picture: np.ndarray) -> list[np.ndarray]:
    """Return the squares of the characters, from left to right."""
    return np.split(picture, picture.shape[1] // WIDTH, axis=1)


def test_each_character_has_a_square_in_the_line(small_model: Model) -> None:
    picture = write(small_model, "2026")
    assert picture.shape == (28, 4 * WIDTH)
    assert picture.dtype == np.uint8


def test_colour_keeps_its_channels(new_model: Callable[..., Model]) -> None:
    assert write(new_model(channels=3), "20 26").shape == (28, 5 * WIDTH, 3)


def test_the_same_seed_writes_the_same_picture(small_model: Model) -> None:
    np.testing.assert_array_equal(write(small_model, "31415926", seed=4), write(small_model, "31415926", seed=4))


def test_another_seed_writes_in_another_style(small_model: Model) -> None:
    first, second = (places(write(small_model, "0123456789", seed=seed)) for seed in (4, 5))
    assert all((one != other).any() for one, other in zip(first, second, strict=True))


def test_equal_digits_differ_a_little(small_model: Model) -> None:
    drawn = places(write(small_model, "7777"))
    assert len({image.tobytes() for image in drawn}) == 4


def test_equal_digits_of_one_style_are_more_alike_than_those_of_two(small_model: Model) -> None:
    def distance(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.abs(one.astype(float) - other).mean())

    styles = [places(write(small_model, "77", seed=seed)) for seed in range(20)]
    within = np.mean([distance(one, other) for one, other in styles])
    between = np.mean([distance(one[0], other[0]) for one, other in pairwise(styles)])
    assert within < 0.7 * between


def test_a_character_does_not_depend_on_those_after_it(small_model: Model) -> None:
    np.testing.assert_array_equal(places(write(small_model, "42"))[0], write(small_model, "4"))


def test_ink_is_dark_on_white_paper(small_model: Model) -> None:
    """Models generate light on dark; written text has inverted levels."""
    drawn = small_model.sample([7] * 50).reshape(50, -1).mean(axis=0)
    written = np.mean([write(small_model, "7", seed=seed).ravel() for seed in range(50)], axis=0)
    assert np.corrcoef(drawn, 255 - written)[0, 1] > 0.9


def test_spaces_are_left_white(small_model: Model) -> None:
    blank = np.full((28, WIDTH), 255)
    drawn = places(write(small_model, " 1  2 "))
    assert [bool((image == blank).all()) for image in drawn] == [True, False, True, True, False, True]


def test_a_text_of_more_than_a_block_is_written_in_one_style(small_model: Model) -> None:
    text = "0123456789" * 14
    assert len(text) > 2 * BLOCK
    long, short = write(small_model, text, seed=9), write(small_model, text[: BLOCK - 3], seed=9)
    assert long.shape == (28, len(text) * WIDTH)
    np.testing.assert_array_equal(long[:, : short.shape[1]], short)
    equal = places(write(small_model, "7" * len(text), seed=9))
    assert len({image.tobytes() for image in equal}) == len(text)


def test_the_longest_text_is_written_and_one_longer_is_not(small_model: Model) -> None:
    assert write(small_model, "1" * MAX_TEXT_LENGTH).shape == (28, MAX_TEXT_LENGTH * WIDTH)
    with pytest.raises(UsageError, match=r"1,001.*1,000"):
        write(small_model, "1" * (MAX_TEXT_LENGTH + 1))


@pytest.mark.parametrize("text", ["", " ", "   ", "\n"])
def test_an_empty_text_is_refused(small_model: Model, text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(text))):
        write(small_model, text)


def test_characters_that_cannot_be_drawn_are_named_once_each(small_model: Model) -> None:
    with pytest.raises(UsageError) as caught:
        write(small_model, "1.5 x 1.5 = 2.25\t")
    message = str(caught.value)
    assert [message.count(named) for named in ("'x'", "'='", "'\\t'", "'1'")] == [1, 1, 1, 0]
    assert "0123456789" in message
    assert "- / . :" in message


def test_marks_stand_between_digits_and_leave_them_as_they_are(small_model: Model) -> None:
    dated, plain = places(write(small_model, "20-11")), places(write(small_model, "20 11"))
    assert [bool((one == other).all()) for one, other in zip(dated, plain, strict=True)] == [True, True, False, True, True]
    stroke = 255 - dated[2].astype(int)
    assert stroke[:10].sum() == stroke[19:].sum() == 0  # a hyphen in the middle
    assert stroke.max() == 255


def test_each_mark_looks_otherwise(small_model: Model) -> None:
    assert len({image.tobytes() for image in places(write(small_model, "-/.: "))[:4]}) == 4


def test_marks_are_drawn_in_colour_too(new_model: Callable[..., Model]) -> None:
    assert write(new_model(channels=3), "1/2").shape == (28, 3 * WIDTH, 3)


def test_styles_of_a_seed_differ(small_model: Model) -> None:
    first, second = (write(small_model, "2026", seed=4, style=style) for style in (0, 1))
    assert (first != second).any()
    np.testing.assert_array_equal(first, write(small_model, "2026", seed=4))
    with pytest.raises(UsageError, match="--style -1"):
        write(small_model, "2026", style=-1)


def test_letters_are_drawn_by_a_model_of_letters(new_model: Callable[..., Model]) -> None:
    letters = new_model(("a", "b", "Ω", "long name"))
    assert write(letters, "Ωab").shape == (28, 3 * WIDTH)
    with pytest.raises(UsageError, match=r"'l'.*abΩ"):
        write(letters, "bal")


def test_a_model_without_single_characters_draws_nothing(new_model: Callable[..., Model]) -> None:
    with pytest.raises(UsageError, match="digitgan sample"):
        write(new_model(("cat", "dog")), "cat")


def test_the_character_drawn_is_the_one_written(new_model: Callable[..., Model]) -> None:
    """Each square shows the class of its character, also if class names are in another order."""
    model = new_model(tuple("9876543210"))
    line = places(write(model, "0000"))
    others = places(write(model, "0909"))
    assert [bool((one == other).all()) for one, other in zip(line, others, strict=True)] == [True, False, True, False]
