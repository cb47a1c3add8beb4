"""The documentation site: built as `make docs` builds it, complete, without broken links, and readable without a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from digitgan.cli.entry import COMMANDS
from digitgan.options import TrainOptions
from tests.processes import PATIENCE
from tests.scenarios.browser import open_browser
from tests.trainings import ROOT


class Links(HTMLParser):
    """Collects what an HTML page links to and loads, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if "src" in found:
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("docs") / "site" / "0.0"
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"],
        cwd=ROOT,
        env={
            **os.environ,
            "NO_MKDOCS_2_WARNING": "1",
            "SITE_DIR": str(folder),
            "REPOSITORY": "https://github.com/example/digitgan",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert build.returncode == 0, build.stderr
    return folder


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Links]:
    found = {}
    for path in site.rglob("*.html"):
        found[path] = Links()
        found[path].feed(path.read_text(encoding="utf-8"))
    assert len(found) > 30
    return found


def test_every_link_and_anchor_leads_somewhere(site: Path, parsed: dict[Path, Links]) -> None:
    broken = []
    for page, links in parsed.items():
        if page.name == "404.html":  # its links begin at the root of a server
            continue
        for link in (*links.links, *links.loaded):
            target, anchor = urldefrag(link)
            if re.match(r"[a-z]+:", target):
                continue
            path = (page.parent / unquote(target)).resolve() if target else page
            path = path / "index.html" if path.is_dir() else path
            if not path.is_file() or (anchor and path in parsed and unquote(anchor) not in parsed[path].anchors):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_outside(parsed: dict[Path, Links]) -> None:
    assert {source for links in parsed.values() for source in links.loaded if re.match(r"(https?:)?//", source)} == set()


def test_the_reference_has_every_command_and_option(site: Path) -> None:
    page = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"digitgan {name}" in page
    assert "--evaluate-every" in page
    assert "--no-show" in page
    api = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for field in TrainOptions.__dataclass_fields__:
        assert f"<code>{field}</code>" in api, field
    settings = (site / "reference" / "settings.html").read_text(encoding="utf-8")
    for text in ("label_smoothing", "path_length_interval", "0.05", "0 to 10000", "normalised-embedding"):
        assert text in settings
    routes = (site / "reference" / "http-api.html").read_text(encoding="utf-8")
    assert "/api/v1/sample" in routes
    assert "per_class" in routes


def test_formulas_are_mathml_and_notebooks_open_in_colab(site: Path) -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert any("<math" in text for text in pages.values())
    assert [path.name for path, text in pages.items() if 'class="arithmatex"' in text] == []
    notebooks = [path for path in (site / "notebooks").glob("[0-9]*.html")]
    assert len(notebooks) == len(list((ROOT / "examples").glob("*.ipynb"))) >= 7
    for path in notebooks:
        assert "colab.research.google.com/github/example/digitgan/blob/main/examples/" in pages[path]


def test_the_versions_are_listed(site: Path) -> None:
    listed = json.loads((site.parent / "versions.json").read_text(encoding="utf-8"))
    assert [each["version"] for each in listed] == ["0.0"]
    assert "0.0/index.html" in (site.parent / "index.html").read_text(encoding="utf-8")


def _first_result(page: WebDriver) -> str:
    """The address of the first result of a search; "" before there is one."""
    found = page.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
    return (found[0].get_attribute("href") or "") if found else ""


def test_a_reader_finds_a_setting_without_a_server(site: Path, tmp_path: Path) -> None:
    for page in open_browser(tmp_path):
        page.get((site / "index.html").as_uri())
        assert "digitgan" in page.title
        search = page.find_element(By.CSS_SELECTOR, "input.md-search__input")
        search.click()
        for words in ("label_smoothing", "label smoothing", "learning rate"):
            search.clear()
            search.send_keys(words)
            WebDriverWait(page, 60).until(lambda there: "settings" in _first_result(there))
