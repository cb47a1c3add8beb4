"""Scenario tests of the studio in a browser."""

from __future__ import annotations

import contextlib
import io
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from digitgan.recipes import find_recipe
from digitgan.runs import RunFolder
from digitgan.studio.run_monitor import MAX_WATCHERS
from tests import tiny
from tests.processes import PATIENCE
from tests.scenarios.browser import console, open_browser
from tests.studio.conftest import Studio, open_studio

SCREENSHOTS = os.environ.get("DIGITGAN_SCREENSHOTS")
"""Folder for screenshots; these tests create the images of the documentation."""

EARLIER = 12_800 if SCREENSHOTS else 640
"""The length in images of the finished run `earlier`; its digits are recognisable in screenshots."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    runs = tmp_path_factory.mktemp("page") / "runs"
    tiny.train(runs / "earlier", "training.previews=24", images=EARLIER, evaluate_every=EARLIER // 2)
    numbered = runs.parent / "numbered.npz"
    np.savez(numbered, images=np.zeros((64, 28, 28), np.uint8), labels=np.arange(64) % 3, class_names=["1", "2", "3"])
    tiny.train(runs / "numbered", data=str(numbered))
    yield from open_studio(runs)


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    yield from open_browser(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def page(chrome: Chrome, studio: Studio) -> Iterator[Chrome]:
    """Return the browser; check afterwards that its console has no entries."""
    chrome.set_window_size(1000, 1100)
    console(chrome)
    yield chrome
    assert console(chrome) == []


def go(page: Chrome, studio: Studio, place: str) -> None:
    page.get("about:blank")
    page.get(f"{studio.url}/{place}")
    wait(page, lambda: page.execute_script("return document.documentElement.dataset.ready") == "yes")


def wait(page: Chrome, what: Callable[[], Any], seconds: float = 60) -> Any:
    return WebDriverWait(page, seconds, 0.05).until(lambda _: what())


def by(page: Chrome, id_: str) -> WebElement:
    return page.find_element(By.ID, id_)


def pixels(page: Chrome, id_: str) -> str:
    """Return the content of an image as a data URL, once it has loaded."""
    script = """
        const image = document.getElementById(arguments[0]);
        if (!image.complete || !image.naturalWidth) return null;
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        canvas.getContext('2d').drawImage(image, 0, 0);
        return canvas.toDataURL();
    """
    return str(wait(page, lambda: page.execute_script(script, id_)))


def changes(page: Chrome, id_: str, before: str) -> str:
    """Return the content of an image after it has changed and settled: a drag causes several changes."""
    wait(page, lambda: by(page, id_).get_attribute("data-settled") == "yes" and pixels(page, id_) != before)
    found = ""
    while by(page, id_).get_attribute("data-settled") != "yes" or found != (now := pixels(page, id_)):
        found = now
        time.sleep(0.4)
    return found


def slide(page: Chrome, id_: str, value: float) -> None:
    page.execute_script(
        "const slider = document.getElementById(arguments[0]); slider.value = arguments[1];"
        "slider.dispatchEvent(new Event('input', { bubbles: true }));",
        id_,
        value,
    )


def keep(page: Chrome, name: str) -> None:
    if SCREENSHOTS:
        page.save_screenshot(str(Path(SCREENSHOTS) / f"studio-{name}.png"))


def test_own_pictures_are_uploaded_understood_and_trained(page: Chrome, studio: Studio, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "my shapes.zip", "w") as archive:
        for number in range(24):
            kind, side = ("disc", "square")[number % 2], 20 + number
            picture = Image.new("RGB", (side, side), tuple(int(level) for level in noise.integers(150, 256, 3)))
            draw = getattr(ImageDraw.Draw(picture), {"disc": "ellipse", "square": "rectangle"}[kind])
            draw(
                (side / 4, side / 4, 3 * side / 4, 3 * side / 4), fill=tuple(int(level) for level in noise.integers(0, 120, 3))
            )
            content = io.BytesIO()
            picture.save(content, "PNG")
            archive.writestr(f"shapes/{kind}/{number}.png", content.getvalue())
    go(page, studio, "#train")
    wait(page, lambda: len(Select(by(page, "train-data")).options) > 3)
    assert not by(page, "train-own").is_displayed()
    by(page, "train-upload").send_keys(str(tmp_path / "my shapes.zip"))
    wait(page, lambda: "disc 12, square 12" in by(page, "own-facts").text)
    assert "24 sizes" in by(page, "own-facts").text
    assert Select(by(page, "train-recipe")).first_selected_option.text == "colour-few-shot"
    first = pixels(page, "own-classes")
    by(page, "own-size").send_keys("16" + Keys.TAB)
    wait(page, lambda: "16x16" in by(page, "own-facts").text)
    assert pixels(page, "own-classes") != first
    keep(page, "own-pictures")
    by(page, "own-size").clear()
    by(page, "own-size").send_keys("0" + Keys.TAB)
    wait(page, lambda: "--size" in by(page, "own-facts").text)
    assert console(page)  # the browser reports the status of the refused request
    by(page, "own-size").clear()
    by(page, "own-size").send_keys("16" + Keys.TAB)
    wait(page, lambda: "16x16" in by(page, "own-facts").text)
    Select(by(page, "train-recipe")).select_by_visible_text("fast")
    by(page, "train-minutes").clear()
    by(page, "train-minutes").send_keys("0.1")
    by(page, "train-name").send_keys("shapes")
    by(page, "train-start").click()
    wait(page, lambda: httpx.get(f"{studio.url}/api/v1/runs/shapes").status_code == 200)
    wait(page, lambda: httpx.get(f"{studio.url}/api/v1/runs/shapes").json()["phase"] == "finished")
    assert RunFolder(studio.runs / "shapes").read_record()["data"]["shape"] == [3, 16, 16]
    by(page, "own-remove").click()
    wait(page, lambda: Select(by(page, "train-data")).first_selected_option.text == "mnist")
    assert not by(page, "train-own").is_displayed()


def test_one_types_and_the_digits_appear_in_another_style(page: Chrome, studio: Studio) -> None:
    go(page, studio, "")
    first = pixels(page, "write-picture")
    by(page, "write-text").send_keys(" 11-25")
    typed = changes(page, "write-picture", first)
    assert by(page, "write-picture").get_attribute("alt") == "“2026 11-25” in style 0 of seed 0"
    by(page, "write-new").click()
    other = changes(page, "write-picture", typed)
    slide(page, "write-x", 2)
    slanted = changes(page, "write-picture", other)
    keep(page, "write")
    link = page.current_url
    assert "text=2026+11-25" in link
    assert "style=1" in link
    go(page, studio, link.removeprefix(studio.url + "/"))
    assert pixels(page, "write-picture") == slanted  # the link restores the state
    assert by(page, "write-download").get_attribute("download") == "2026_11-25.png"
    found = studio.get(by(page, "write-download").get_attribute("href").removeprefix(studio.url))
    assert found.headers["content-type"] == "image/png"


def test_what_cannot_be_written_is_said(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#write?text=7x")
    wait(page, lambda: by(page, "trouble").is_displayed())
    assert "'x'" in by(page, "trouble").text
    by(page, "write-text").clear()
    by(page, "write-text").send_keys("7")
    wait(page, lambda: not by(page, "trouble").is_displayed())
    assert [entry["message"] for entry in console(page) if "400" not in entry["message"]] == []


def test_one_drags_over_the_pad_and_morphs(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#explore")
    here = pixels(page, "explore-picture")
    before = page.current_url
    ActionChains(page).move_to_element(by(page, "pad")).click_and_hold().move_by_offset(60, -70).release().perform()
    moved = changes(page, "explore-picture", here)
    wait(page, lambda: page.current_url != before)
    Select(by(page, "explore-first")).select_by_visible_text("3")
    three = changes(page, "explore-picture", moved)
    Select(by(page, "explore-second")).select_by_visible_text("8")
    between = changes(page, "explore-picture", three)
    assert by(page, "explore-caption").text == "between 3 and 8, 50 %"
    slide(page, "explore-share", 1)
    eight = changes(page, "explore-picture", between)
    keep(page, "explore")
    link = page.current_url
    go(page, studio, link.removeprefix(studio.url + "/"))
    wait(page, lambda: pixels(page, "explore-picture") == eight)
    assert pixels(page, "explore-all")


def test_a_class_that_is_called_by_anothers_number_is_the_one_that_is_drawn(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#explore?model=numbered")
    Select(by(page, "explore-first")).select_by_visible_text("2")
    wait(page, lambda: by(page, "explore-picture").get_attribute("alt") == "Generated image: 2")
    asked = page.execute_script("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert "first=2" in [address for address in asked if "morph" in address and "every_class" not in address][-1]


def test_every_place_of_a_drag_is_answered(page: Chrome, studio: Studio) -> None:
    """`benchmarks/serving.py` measures the response times."""
    go(page, studio, "#explore")
    pixels(page, "explore-picture")
    answers = page.execute_async_script("""
        const done = arguments[0], answers = [];
        (async () => {
            for (let n = 0; n < 40; n += 1) answers.push((await fetch(`api/v1/morph?x=${n / 20}&y=0&first=3&scale=10`)).status);
            done(answers);
        })();
    """)
    assert answers == [200] * 40


def test_the_keyboard_alone_suffices(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#explore")
    pixels(page, "explore-picture")
    pad = by(page, "pad")
    page.execute_script("document.activeElement.blur()")
    for _ in range(30):
        ActionChains(page).send_keys(Keys.TAB).perform()
        if page.switch_to.active_element == pad:
            break
    assert page.switch_to.active_element == pad
    before = by(page, "pad-where").text
    ActionChains(page).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_UP).perform()
    wait(page, lambda: by(page, "pad-where").text != before)
    for room in ("write", "explore", "watch", "train"):
        page.find_element(By.CSS_SELECTOR, f'nav a[href="#{room}"]').send_keys(Keys.ENTER)
        wait(page, by(page, room).is_displayed)


def test_the_slider_goes_through_a_run_and_two_stand_side_by_side(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#watch?run=earlier&beside=earlier")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#watched article img[data-at]")) == 2)
    images = page.find_elements(By.CSS_SELECTOR, "#watched article img")
    newest = images[0].get_attribute("data-at")
    slide(page, "watch-at", 200)
    wait(page, lambda: images[0].get_attribute("data-at") != newest)
    assert int(images[0].get_attribute("data-at")) <= 0.2 * EARLIER
    assert images[0].get_attribute("data-at") == images[1].get_attribute("data-at")
    article = page.find_element(By.CSS_SELECTOR, "#watched article")
    charts = [chart.get_attribute("aria-label") for chart in article.find_elements(By.CSS_SELECTOR, "svg.chart")]
    assert [label.partition(":")[0] for label in charts] == [
        "Losses",
        "Discriminator scores",
        "Discriminator accuracy",
        "Class accuracy",
    ]
    assert article.find_elements(By.CSS_SELECTOR, ".remark")
    assert f"finished, {EARLIER:,} of {EARLIER:,} images" in article.text
    keep(page, "watch")


def test_a_run_is_started_watched_and_stopped(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#train")
    assert by(page, "train-about").text == find_recipe("fast").description
    name = by(page, "train-name")
    name.send_keys("mine")
    Select(by(page, "set-loss-name")).select_by_value("non-saturating")
    minutes = by(page, "train-minutes")
    minutes.clear()
    minutes.send_keys("2")
    keep(page, "train")
    by(page, "train-start").click()
    entry = '#train-list [data-run="mine"]'
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry}[data-phase="training"]'), 120)
    # The list must not replace a button while it is pressed.
    page.execute_script("window.pause = document.querySelector(arguments[0])", f'{entry} [data-action="pause"]')
    told = page.find_element(By.CSS_SELECTOR, f"{entry} p").text
    wait(page, lambda: page.find_element(By.CSS_SELECTOR, f"{entry} p").text != told)
    assert page.execute_script("return window.pause.isConnected")
    by_link = page.find_element(By.CSS_SELECTOR, f"{entry} a")
    by_link.click()
    grid = (By.CSS_SELECTOR, '#watched article[data-run="mine"] img[data-at]')
    wait(page, lambda: page.find_elements(*grid), 120)
    first = page.find_element(*grid).get_attribute("data-at")
    wait(page, lambda: page.find_element(*grid).get_attribute("data-at") != first, 120)  # the grid is updated live
    assert "left" in page.find_element(By.CSS_SELECTOR, "#watched article p").text
    page.find_element(By.CSS_SELECTOR, 'nav a[href="#train"]').click()
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry} [data-action="pause"]'))
    page.find_element(By.CSS_SELECTOR, f'{entry} [data-action="pause"]').click()
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry}[data-phase="paused"] [data-action="step"]'))
    with contextlib.ExitStack() as others:
        for _ in range(MAX_WATCHERS):
            others.enter_context(httpx.stream("GET", f"{studio.url}/api/v1/runs/mine/events", timeout=PATIENCE))
        go(page, studio, "#watch?run=mine")
        wait(page, lambda: "mine" in by(page, "trouble").text)
        wait(page, lambda: page.find_elements(*grid))
        assert "paused" in page.find_element(By.CSS_SELECTOR, "#watched article p").text
    assert [entry["message"] for entry in console(page) if "429" not in entry["message"]] == []
    go(page, studio, "#train")
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry} [data-action="stop"]'))
    page.find_element(By.CSS_SELECTOR, f'{entry} [data-action="stop"]').click()
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry}[data-phase="stopped"]'), 120)
    recipe = (studio.runs / "mine" / "recipe.toml").read_text()
    assert 'name = "non-saturating"' in recipe


@pytest.mark.long
@pytest.mark.usefixtures("no_training_left")
def test_a_page_goes_on_when_it_was_out_of_sight_and_when_its_server_has_gone_and_come_back(
    chrome: Chrome, tmp_path: Path
) -> None:
    options = {"data": "digits", "images": 500_000, "settings": [*tiny.SETTINGS, "training.previews=2000"], "name": "long"}
    run = "/api/v1/runs/long"

    def marks() -> list[float]:
        """Return the x coordinates of the points of the first curve."""
        line = "document.querySelector('#watched svg.chart polyline')"
        points: str = chrome.execute_script(f"return {line}?.getAttribute('points') ?? ''")
        return [float(point.partition(",")[0]) for point in points.split()]

    def lines(studio: Studio) -> list[Any]:
        found: list[Any] = studio.get(f"{run}/history").json()
        return found

    with contextlib.contextmanager(open_studio)(tmp_path / "runs") as first:
        assert first.post("/api/v1/runs", json=options).status_code == 201
        wait(chrome, lambda: first.get(run).is_success)
        go(chrome, first, "#watch?run=long")
        wait(chrome, lambda: len(marks()) >= 2)
        hide = "Object.defineProperty(document, 'hidden', { configurable: true, value: arguments[0] });"
        hide += "document.dispatchEvent(new Event('visibilitychange'));"
        chrome.execute_script(hide, True)
        before = len(lines(first))
        wait(chrome, lambda: len(lines(first)) > before)
        assert len(marks()) <= before, "a hidden page closes its event stream"
        chrome.execute_script(hide, False)
        wait(chrome, lambda: len(marks()) > before)
    before = len(marks())
    with contextlib.contextmanager(open_studio)(tmp_path / "runs", port=int(first.url.rpartition(":")[2])) as second:
        wait(chrome, lambda: len(marks()) > before + 1)
        assert second.post(f"{run}/stop").status_code == 200
        wait(chrome, lambda: "stopped" in chrome.find_element(By.CSS_SELECTOR, "#watched article p").text)
        wait(chrome, lambda: len(marks()) == len(lines(second)))
        assert marks() == sorted(set(marks())), "each line appears once"
    console(chrome)  # discard the connection errors


def test_a_wish_that_cannot_be_is_told_of(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#train")
    by(page, "train-name").send_keys("earlier")
    by(page, "train-start").click()
    wait(page, lambda: by(page, "trouble").is_displayed())
    assert "earlier" in by(page, "trouble").text
    assert [entry["message"] for entry in console(page) if "409" not in entry["message"]] == []


@pytest.mark.parametrize("place", ["#write", "#explore", "#watch?run=earlier", "#train", "docs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_phone_and_in_the_dark(page: Chrome, studio: Studio, place: str, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 760, "deviceScaleFactor": 1, "mobile": True}
    )
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        go(page, studio, place)
        wait(page, lambda: page.execute_script("return [...document.images].every((image) => image.complete)"))
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        script = """
            const luminance = (colour) => {
                const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
                    const value = part / 255;
                    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const behind = luminance(getComputedStyle(document.body).backgroundColor);
            const low = [];
            for (const element of document.querySelectorAll('p, label, a, h1, h2, h3, td, figcaption, legend, button')) {
                if (!element.checkVisibility() || !element.textContent.trim()) continue;
                const front = luminance(getComputedStyle(element).color);
                const ratio = (Math.max(front, behind) + 0.05) / (Math.min(front, behind) + 0.05);
                if (ratio < 4.5) low.push([element.tagName, element.textContent.slice(0, 30), ratio]);
            }
            return low;
        """
        assert page.execute_script(script) == []  # the minimum contrast of WCAG 2.2 AA
        unnamed = """
            return [...document.images].filter((image) => image.checkVisibility() && image.naturalWidth && !image.alt)
                .map((image) => image.id)
        """
        assert page.execute_script(unnamed) == []
        if scheme == "dark":
            keep(page, f"phone-{place.strip('#').partition('?')[0]}")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_api_is_described_without_outside_scripts(page: Chrome, studio: Studio) -> None:
    go(page, studio, "docs")
    wait(page, lambda: "GET /api/v1/sample" in page.find_element(By.TAG_NAME, "main").text)
    text = page.find_element(By.TAG_NAME, "main").text
    for path in studio.get("/openapi.json").json()["paths"]:
        assert path in text
