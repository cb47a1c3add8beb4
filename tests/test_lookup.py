"""Tables of names: lookup, registration, and the errors for unknown names."""

from __future__ import annotations

import pytest

from digitgan.errors import RecipeError, UsageError
from digitgan.lookup import Registry


def table() -> Registry[int]:
    return Registry("--number", {"one": 1, "two": 2})


def test_entries_are_looked_up_by_name_and_keep_their_order() -> None:
    assert [table().find(name) for name in ("two", "one")] == [2, 1]
    assert list(table()) == ["one", "two"]
    assert dict(table()) == {"one": 1, "two": 2}


@pytest.mark.parametrize("error", [UsageError, RecipeError])
def test_an_unknown_name_is_refused_with_the_nearest(error: type[UsageError]) -> None:
    with pytest.raises(error, match=r"--number 'tow'.*'two'.*one, two"):
        Registry("--number", {"one": 1, "two": 2}, error).find("tow")


def test_a_registered_entry_is_found_and_listed_until_it_is_unregistered() -> None:
    numbers = table()
    numbers.register("three", 3)
    assert numbers.find("three") == 3
    with pytest.raises(UsageError, match="three"):
        numbers.find("tree")
    numbers.unregister("three")
    assert "three" not in numbers


def test_a_name_is_never_registered_twice() -> None:
    numbers = table()
    with pytest.raises(ValueError, match="'one'"):
        numbers.register("one", 4)
    assert numbers.find("one") == 1


def test_two_tables_do_not_share_entries() -> None:
    entries = {"one": 1}
    first, second = Registry("--number", entries), Registry("--number", entries)
    first.register("two", 2)
    assert (len(first), len(second), len(entries)) == (2, 1, 1)
