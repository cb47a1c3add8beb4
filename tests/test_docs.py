"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_place_to_change_something_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2] for line in text[text.index("## To change X") :].splitlines() if line.startswith("| ")][1:]
    places = [place for row in rows for place in re.findall(r"`([a-z_/]+(?:/|\.(?:py|j2|html\.j2)))`", row)]
    assert len(places) > 30
    assert [place for place in places if not (ROOT / "src" / "digitgan" / place).exists()] == []


def test_every_layer_is_described() -> None:
    contract = re.search(r"^layers = \[.*?\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.S | re.M)
    assert contract is not None
    layers = set(re.findall(r"[a-z_]+", contract[1])) - {"__main__"}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## The layers") : text.index("## To change X")]
    described = {
        name for line in table.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert described == layers
