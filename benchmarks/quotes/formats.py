"""Formats: how a value of an expression is written in a page."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any, Final

from .expressions import Between, Listed, QuoteError

LACKING: Final = "–"
"""What a value of null is written as."""


_UNITS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def written(value: Any, form: str) -> str:
    """Write a value in a format.

    >>> written(0.976, ".1 %"), written(8.8969, "~2"), written(Between(9.46, 10.02), ".1f"), written(20, "words")
    ('97.6 %', '8.90', '9.5 to 10.0', 'twenty')
    """
    if isinstance(value, Between):
        least, most = written(value.least, form), written(value.most, form)
        return least if least == most else f"{least} to {most}"
    if isinstance(value, Listed):
        return value.between.join(written(each, form) for each in value.values)
    if value is None:
        return LACKING
    if isinstance(value, dict | list):
        raise QuoteError("leads to an entry with entries, not to a value")
    if isinstance(value, str):
        return value
    if form == "words":
        return _in_words(round(value))
    if form.startswith("~"):
        size = math.floor(math.log10(abs(value))) if value else 0
        return format(value, f",.{min(max(2 - size, 0), int(form[1:]))}f")
    if form.endswith(" %"):
        return format(value, f"{form[:-2]}%").replace("%", " %")
    return format(int(value) if isinstance(value, float) and form == "," else value, form)


def spellings(value: Any, form: str) -> list[str]:
    """Return how a value may be written: as `written` does, and a value in the middle between two as either.

    >>> spellings(444.5, ".0f"), spellings(0.9605, ".1 %"), spellings(8.7, ".1f")
    (['444', '445'], ['96.0 %', '96.1 %'], ['8.7'])
    """
    if isinstance(value, Between):
        ends = itertools.product(spellings(value.least, form), spellings(value.most, form))
        return [least if least == most else f"{least} to {most}" for least, most in ends]
    if isinstance(value, Listed):
        return [value.between.join(each) for each in itertools.product(*(spellings(one, form) for one in value.values))]
    exact = not isinstance(value, float) or re.search(r"[.~]\d", form) is None
    near = [value] if exact else [value, value * (1 - 1e-9), value * (1 + 1e-9)]
    return list(dict.fromkeys(written(each, form) for each in near))


def _in_words(number: int) -> str:
    if number < len(_UNITS):
        return _UNITS[number]
    if number > 99:
        raise QuoteError(f"{number}: `words` writes numbers up to 99")
    tens, units = divmod(number, 10)
    return _TENS[tens - 1] + (f"-{_UNITS[units]}" if units else "")
