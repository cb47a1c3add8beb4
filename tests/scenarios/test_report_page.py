"""Scenarios of the report page, opened from disk in a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from digitgan.api import evaluate
from digitgan.evaluation import tstr as usefulness
from tests.scenarios.browser import console, open_browser

IMAGES = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_run: Path, caches: Path) -> Path:
    """A run with its report, in a folder whose name needs escaping."""
    run = Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("page") / "run <b>&amp;"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(caches))
        patch.setattr(usefulness, "TSTR_TRAINING_IMAGES", 2000)  # short, as the accuracies are not tested here
        evaluate(run, images=IMAGES, train_on_synthetic=True)
    return run


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    for chrome in open_browser(tmp_path_factory.mktemp("profile")):
        chrome.get((folder / "report.html").as_uri())
        yield chrome


@pytest.fixture(scope="module")
def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def text(page: Chrome, place: str) -> str:
    return page.find_element(By.ID, place).text


def test_it_shows_the_record(page: Chrome, record: dict[str, Any]) -> None:
    assert record["source"]["name"] in page.title
    assert record["source"]["name"] in page.find_element(By.TAG_NAME, "h1").text
    assert text(page, "headline") == record["headline"]
    for name, metric in record["metrics"].items():
        shown = text(page, name)
        assert metric["title"] in shown
        assert (metric["missing"] or f"{metric['value']:.4g}") in shown
    assert f"{record['train_on_synthetic']['train_synthetic_test_real']:.2%}" in text(page, "train-on-synthetic")
    assert f"{record['memorisation']['closer_than_any_held_out']:.2%}" in text(page, "memorisation")
    assert record["protocol"]["features_sha256"] in text(page, "protocol")
    assert text(page, "command") == record["command"]


def test_every_image_asked_for_is_in_the_confusion(page: Chrome, record: dict[str, Any]) -> None:
    rows = page.find_elements(By.CSS_SELECTOR, "#confusion tbody tr")
    counts = [[int(cell.text) for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]
    assert counts == record["confusion"]
    assert sum(map(sum, counts)) == IMAGES
    assert len(page.find_elements(By.CSS_SELECTOR, "#per-class tbody tr")) == 10


def test_every_picture_is_shown_and_has_a_text(page: Chrome) -> None:
    pictures = page.find_elements(By.TAG_NAME, "img")
    assert [picture.get_attribute("id") for picture in pictures] == ["classes", "worst", "pairs", "curves"]
    for picture in pictures:
        assert page.execute_script("return arguments[0].complete && arguments[0].naturalWidth", picture) > 300
        assert len(picture.get_attribute("alt") or "") > 20


def test_nothing_is_loaded_from_outside_and_the_console_is_empty(page: Chrome, folder: Path) -> None:
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    events = [event["params"] for event in sent if event["method"] == "Network.requestWillBeSent"]
    address = (folder / "report.html").as_uri()
    asked = {event["request"]["url"] for event in events if event["documentURL"] == address}
    assert address in asked
    assert {url for url in asked if not url.startswith("data:")} == {address}
    assert console(page) == []


def test_it_can_be_read_without_colours_and_on_a_narrow_screen(page: Chrome) -> None:
    coloured = """
        const numbers = value => value.match(/[\\d.]+/g).map(Number);
        return [...document.querySelectorAll('body, body *')].filter(element => {
            const style = getComputedStyle(element);
            return [style.color, style.backgroundColor, style.borderColor].some(value => {
                const [red, green, blue] = numbers(value);
                return red !== green || green !== blue;
            });
        }).map(element => element.outerHTML.slice(0, 80));
    """
    assert page.execute_script(coloured) == [], "all elements are grey"
    page.set_window_size(500, 900)
    assert page.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_pictures_keep_their_pixels(page: Chrome, record: dict[str, Any]) -> None:
    drawn = page.execute_script(
        """
        const image = document.getElementById('classes');
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return [...context.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, index) => index % 4 === 0);
        """
    )
    assert np.ptp(drawn) > 50, "the picture is not empty"
