"""A real browser: Chromium without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,1400",
)


def open_browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """Chromium with an empty profile; skipped where there is none, except in CI."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        reason = "chromium and chromedriver are needed (Debian: apt install chromium chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = Options()
    options.binary_location = browser
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def console(chrome: webdriver.Chrome) -> list[dict[str, Any]]:
    """What the page has complained of: errors of scripts, refused resources, broken pictures."""
    log: list[dict[str, Any]] = chrome.get_log("browser")
    return log


def axe(chrome: webdriver.Chrome) -> list[Any]:
    """Return the violations that axe-core finds on the page: accessible names, contrast, roles, structure."""
    chrome.execute_script((Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js").read_text())
    found: list[Any] = chrome.execute_async_script(
        "const done = arguments[0]; axe.run().then(({ violations }) => done(violations.map("
        "({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))])))"
    )
    return found
