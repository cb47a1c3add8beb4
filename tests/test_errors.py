"""Errors: their exit codes, and the suggestion for an unknown name."""

from __future__ import annotations

import re

import pytest

from digitgan import errors
from digitgan.errors import DigitganError, nearest

ALL_KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
KINDS = [kind for kind in ALL_KINDS if not issubclass(kind, Warning)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_one_the_command_line_prints_and_has_an_exit_code(kind: type[Exception]) -> None:
    assert issubclass(kind, DigitganError)
    assert kind.exit_code == {
        errors.DivergenceError: 3,
        errors.RankError: 4,
        errors.OutOfMemoryError: 5,
        errors.StoppedError: 130,
    }.get(kind, 2)
    assert str(kind("mnist.npz: damaged")) == "mnist.npz: damaged"


def test_a_slip_of_the_finger_names_the_nearest_first() -> None:
    assert re.search("'fast'.*slow, fast", nearest("fats", ["slow", "fast"]))


def test_of_several_near_names_the_nearest_is_meant() -> None:
    assert re.search("'kmnist2'.*mnist, mnist1, kmnist2", nearest("mnist2", ["mnist", "mnist1", "kmnist2"]))


def test_where_nothing_is_near_what_is_known_is_listed() -> None:
    said = nearest("zzz", ["fast", "slow"])
    assert "fast, slow" in said
    assert "'" not in said, "no suggestion"


def test_where_nothing_is_known_that_is_said() -> None:
    assert nearest("mnist", [])


def test_names_may_come_from_any_iterable() -> None:
    assert nearest("fats", (name for name in ("fast",))) == nearest("fats", ["fast"])
