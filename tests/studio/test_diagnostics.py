"""Tests of the diagnostics."""

from __future__ import annotations

from typing import Any

import pytest

from digitgan.recipes import find_recipe
from digitgan.studio.diagnostics import diagnose


def lines(count: int = 20, **terms: float) -> list[dict[str, Any]]:
    return [{"images_seen": 100 * (n + 1), "learning_rate_scale": 1.0, "generator_loss": 1.0, **terms} for n in range(count)]


@pytest.mark.parametrize(
    ("real", "fake", "title", "tone"),
    [
        (0.97, 0.95, "Discriminator too strong", "warning"),
        (0.8, 0.7, "Networks balanced", "good"),
        (0.5, 0.52, "Discriminator near chance", "note"),
    ],
)
def test_who_is_ahead(real: float, fake: float, title: str, tone: str) -> None:
    found = diagnose(lines(accuracy_real=real, accuracy_fake=fake), [], 2_000, find_recipe("fast"))
    assert [(diagnostic.title, diagnostic.tone) for diagnostic in found] == [(title, tone)]
    assert f"{(real + fake) / 2:.0%}" in found[0].text


def test_the_beginning_swings_and_falling_rates_are_told_of() -> None:
    balanced = {"accuracy_real": 0.8, "accuracy_fake": 0.8}
    early = diagnose(lines(2, **balanced), [], 100_000, None)
    assert "Early in training" in [diagnostic.title for diagnostic in early]
    swinging = [{**line, "generator_loss": 1.0 + n % 2} for n, line in enumerate(lines(**balanced))]
    assert "Generator loss oscillates" in [diagnostic.title for diagnostic in diagnose(swinging, [], 2_000, None)]
    falling = [{**line, "learning_rate_scale": 0.25} for line in lines(**balanced)]
    assert "Learning rates reduced to 25%" in [diagnostic.title for diagnostic in diagnose(falling, [], 2_000, None)]


def test_the_guards_words_come_first() -> None:
    found = diagnose(lines(accuracy_real=0.8, accuracy_fake=0.8), ["one", "two", "three"], 2_000, None)
    assert [diagnostic.text for diagnostic in found[:2]] == ["two", "three"]
    assert found[0].tone == "warning"


def test_nothing_yet_and_damaged_lines() -> None:
    assert [diagnostic.title for diagnostic in diagnose([], [], 100, None)] == ["No history yet"]
    odd = [{"images_seen": 100, "accuracy_real": None, "accuracy_fake": "x", "generator_loss": float("nan")}] * 20
    assert diagnose(odd, [], None, None) == []
