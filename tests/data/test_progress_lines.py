"""Tests of the lines of progress."""

from __future__ import annotations

import re

import pytest

from digitgan.data import progress
from digitgan.data.progress import ProgressLines, with_separators


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, in seconds, as the only item of a list that a test may change."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_are_seconds_apart(clock: list[float]) -> None:
    said: list[str] = []
    lines = ProgressLines(said.append, "reading", with_separators)
    for second in range(1, 61):
        clock[0] = 100 + second
        lines.report(second * 1000, 120_000)
    assert len(said) == 20
    assert said[-1].startswith("reading: 60,000 of 120,000")
    assert re.search(r"\b60 s left", said[-1])


def test_the_time_left_of_a_continued_operation_is_by_its_own_speed(clock: list[float]) -> None:
    said: list[str] = []
    lines = ProgressLines(said.append, "reading", with_separators, before=50_000)
    clock[0] += 10
    lines.report(60_000, 100_000)
    assert re.search(r"\b40 s left", said[-1])
