"""The card of a drawn set: what it is, what it is worth by an evaluation, and what it is not for."""

from __future__ import annotations

import importlib.resources
from typing import Any, Final

TEMPLATE: Final = "card.md.j2"


def set_card(facts: dict[str, Any], record: dict[str, Any]) -> str:
    """A card as Markdown.

    Args:
        facts: of the set, as its manifest has them.
        record: of an evaluation of the set, or of a sample of it.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.4g}"
    environment.globals["share"] = lambda value: "–" if value is None else f"{value:.2%}"
    text = importlib.resources.files("digitgan.evaluation").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(set=facts, report=record) + "\n"
