"""What the documentation names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from digitgan import plugins
from digitgan.networks import ImageSpec, build_discriminator, build_generator, trained_parameters
from digitgan.recipes import RECIPES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


GENERATED = [ROOT / "docs" / "reference" / name for name in ("command-line.md", "settings.md", "http-api.md")]
"""Pages that only the site has; the test of the site checks the links to them."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    paths = {link: (page.parent / link).resolve() for link in links if "://" not in link}
    assert [link for link, path in paths.items() if not path.exists() and path not in GENERATED] == []


def test_every_name_for_plugins_is_described() -> None:
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert [name for name in plugins.__all__ if not re.search(rf"(\.|`){name}\b", text)] == []


def test_every_place_to_change_something_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## To change X") : text.index("Outside the package:")]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    places = [place for row in rows for place in re.findall(r"`([a-z_/]+(?:/|\.(?:py|j2|html\.j2)))`", row)]
    assert len(places) > 30
    assert [place for place in places if not (ROOT / "src" / "digitgan" / place).exists()] == []


def test_the_readme_counts_the_parameters_of_each_recipe() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| .+ \| ([\d,]+) and ([\d,]+) \| (\d+)×(\d+) (grey|RGB) \|$", README, re.M)
    assert [name for name, *_ in rows] == list(RECIPES)
    for name, *counts, height, width, mode in rows:
        recipe, spec = RECIPES[name], ImageSpec(1 if mode == "grey" else 3, int(height), int(width), classes=10)
        networks = build_generator(recipe, spec), build_discriminator(recipe, spec)
        assert [f"{trained_parameters(network):,}" for network in networks] == counts, name


def test_the_readme_counts_the_frozen_parameters_of_the_recipe_colour() -> None:
    discriminator = build_discriminator(RECIPES["colour"], ImageSpec(3, 32, 32, classes=10))
    frozen = sum(weight.numel() for weight in discriminator.parameters()) - trained_parameters(discriminator)
    assert f"`colour` has {frozen:,} more" in README


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


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown page: its paragraphs and list items, without code blocks, tables, pictures and headings."""
    text = re.sub(r"```.*?```|<!--.*?-->|<[^>]+>", "\n\n", text, flags=re.S)
    lines = [
        "" if re.match(r"\s*(\||#|!\[)", line) else re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "\n", line) for line in text.splitlines()
    ]
    paragraphs = [" ".join(each.split()) for each in "\n".join(lines).split("\n\n")]
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)|`([^`]*)`", lambda found: found[1] or "X", each) for each in paragraphs]
    return [sentence for each in plain for sentence in re.split(r"(?<=[.!?:])\s+", each) if sentence]


def test_a_sentence_is_counted_in_words() -> None:
    text = "# A title\n\nOne two, three. Four [five six](seven)!\n\n- seven `eight nine`\n- ten\n\n| a | b |\n"
    assert sentences(text) == ["One two, three.", "Four five six!", "seven X", "ten"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_no_sentence_is_longer_than_30_words(page: str) -> None:
    long = [each for each in sentences((ROOT / page).read_text(encoding="utf-8")) if len(each.split()) > 30]
    assert long == []


def docstrings() -> list[tuple[str, str]]:
    """Place and text of every docstring of the package, and of strings that document a constant."""
    found = []
    for path in sorted((ROOT / "src" / "digitgan").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for child in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
                if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str):
                    found.append((f"{path.relative_to(ROOT)}:{child.lineno}", child.value.value))
    return found


def test_docstrings_begin_with_a_verb_or_the_thing_itself() -> None:
    found = docstrings()
    assert len(found) > 800
    assert [place for place, text in found if re.match(r"(What|Whether|How|Which|Where|When|Who)\b", text)] == []


REPLACED = (
    "Wish|Sitting|wishes|sitting|assessing|exchanging|travelling|finding|Halves|Judgement|Verdict|judge_further|Draws|mended"
)
"""Terms that those of the field have replaced."""

ALIASED = ROOT / "src" / "digitgan" / "recipes" / "presets.py"
"""Where the former names of recipes stand."""


def test_replaced_terms_stay_away() -> None:
    pattern = re.compile(rf"\b({REPLACED})\b")
    code = [path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in code if path not in (Path(__file__), ALIASED)}
    assert {name: found[0] for name, text in texts.items() if (found := pattern.search(text))} == {}
