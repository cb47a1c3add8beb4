"""Scenario tests of the studio in a browser."""

from __future__ import annotations

import contextlib
import io
import os
import re
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
from tests.scenarios.browser import axe, console, open_browser
from tests.studio.conftest import Studio, open_studio

SCREENSHOTS = os.environ.get("DIGITGAN_SCREENSHOTS")
"""Folder for screenshots; these tests create the images of the documentation."""

SLOW = bool(os.environ.get("CI"))
"""Whether other tests run at the same time, so that times mean little."""

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
    go(page, studio, "#write")
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
    assert by(page, "write-download").get_attribute("href") == by(page, "write-picture").get_attribute("src")


def test_what_cannot_be_written_is_said(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#write?text=7x")
    wait(page, lambda: by(page, "trouble").is_displayed())
    assert "'x'" in by(page, "trouble").text
    by(page, "write-text").clear()
    by(page, "write-text").send_keys("7")
    wait(page, lambda: not by(page, "trouble").is_displayed())
    assert [entry["message"] for entry in console(page) if "400" not in entry["message"]] == []


def test_one_walks_over_the_map_and_morphs(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#explore")
    here = pixels(page, "explore-picture")
    wait(page, lambda: by(page, "map").get_attribute("data-settled") == "yes")
    before = page.current_url
    ActionChains(page).move_to_element_with_offset(by(page, "map"), -60, -50).click_and_hold().move_by_offset(
        90, 70
    ).release().perform()
    moved = changes(page, "explore-picture", here)
    wait(page, lambda: page.current_url != before)
    Select(by(page, "explore-first")).select_by_visible_text("3")
    three = changes(page, "explore-picture", moved)
    Select(by(page, "explore-second")).select_by_visible_text("8")
    between = changes(page, "explore-picture", three)
    assert by(page, "explore-caption").text == "between 3 and 8, 50 %"
    slide(page, "explore-share", 1)
    eight = changes(page, "explore-picture", between)
    wait(
        page, lambda: "unusually close" in by(page, "explore-copies").text or "may be a copy" in by(page, "explore-copies").text
    )
    assert len(page.find_elements(By.CSS_SELECTOR, "#explore-nearest canvas")) == 5
    keep(page, "explore")
    link = page.current_url
    go(page, studio, link.removeprefix(studio.url + "/"))
    wait(page, lambda: pixels(page, "explore-picture") == eight)
    assert pixels(page, "explore-all")


def test_the_map_is_zoomed_and_two_places_are_morphed(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#explore")
    here = pixels(page, "explore-picture")
    map_ = by(page, "map")

    def drawn() -> str:
        wait(page, lambda: map_.get_attribute("data-settled") == "yes")
        return str(page.execute_script("return document.getElementById('map-canvas').toDataURL()"))

    whole = drawn()
    by(page, "map-in").click()
    wait(page, lambda: drawn() != whole)
    assert "4.0 wide" in by(page, "map-where").text
    by(page, "map-set-a").click()
    assert not by(page, "map-morph").is_enabled()
    map_.send_keys(Keys.ARROW_RIGHT * 8, Keys.ARROW_UP * 4)
    by(page, "map-set-b").click()
    there = changes(page, "explore-picture", here)
    slide(page, "map-morph", 0)
    changes(page, "explore-picture", there)
    assert pixels(page, "explore-picture") == here
    slide(page, "map-morph", 1)
    changes(page, "explore-picture", here)
    assert pixels(page, "explore-picture") == there
    drawn()
    address = page.current_url
    page.get("about:blank")
    page.get(address)  # the link has the pins and the view too
    wait(page, lambda: by(page, "map-morph").is_enabled() and "4.0 wide" in by(page, "map-where").text)
    wait(page, lambda: pixels(page, "explore-picture") == there)
    slide(page, "map-morph", 0)
    wait(page, lambda: pixels(page, "explore-picture") == here)
    direction = page.find_element(By.CSS_SELECTOR, '#explore-directions [data-direction="0"]')
    direction.send_keys(Keys.HOME)
    changes(page, "explore-picture", here)


def test_a_drawn_seven_is_recognised_redrawn_and_written(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#draw")
    canvas = by(page, "draw-canvas")
    pen = ActionChains(page).move_to_element_with_offset(canvas, -60, -80).click_and_hold()
    for dx, dy in [(40, 0)] * 3 + [(-12, 34)] * 5:
        pen.move_by_offset(dx, dy)
    pen.release().perform()
    wait(page, lambda: by(page, "draw-label").text == "7")
    assert len(page.find_elements(By.CSS_SELECTOR, "#draw-every canvas")) == 10
    wait(page, lambda: int(canvas.get_attribute("data-answered") or 0) >= 1)
    seconds = float(by(page, "draw-error").text.rpartition(" in ")[2].removesuffix(" s."))
    assert seconds < (10 if SLOW else 1)
    keep(page, "draw")
    by(page, "draw-write").click()
    pixels(page, "write-picture")
    assert by(page, "write-own").is_displayed()
    assert by(page, "write-picture").get_attribute("alt") == "“2026” in the style of your drawing"
    page.back()
    by(page, "draw-explore").click()
    wait(page, lambda: by(page, "explore-caption").text == "7")
    by(page, "explore-new").click()
    go(page, studio, "#draw")
    Select(by(page, "draw-example")).select_by_visible_text("3")  # without a pointer
    wait(page, lambda: by(page, "draw-label").text == "3")
    by(page, "draw-clear").click()
    assert by(page, "draw-label").text == "?"
    by(page, "draw-canvas").click()
    wait(page, lambda: "one dot is too little" in by(page, "draw-state").text)
    Select(by(page, "draw-example")).select_by_visible_text("5")
    wait(page, lambda: by(page, "draw-label").text == "5")
    before = int(by(page, "draw-canvas").get_attribute("data-answered") or 0)
    Select(by(page, "draw-model")).select_by_visible_text("earlier")  # the drawing stays, and the other model is asked
    wait(page, lambda: int(by(page, "draw-canvas").get_attribute("data-answered") or 0) > before)
    assert by(page, "draw-label").text != "?"
    assert [entry["message"] for entry in console(page) if "400" not in entry["message"]] == []  # it may not draw ink yet
    by(page, "draw-clear").click()
    models = [option.text for option in Select(by(page, "draw-model")).options]
    assert "mnist" in models
    assert "cifar10" not in models, "a drawing is grey"


def test_the_lab_shows_a_training_and_lets_it_be_stepped(page: Chrome, studio: Studio) -> None:
    options = {"data": "digits", "images": 10**6, "settings": [*tiny.SETTINGS, "training.previews=2000"], "name": "live"}
    assert studio.post("/api/v1/runs", json=options).status_code == 201
    wait(page, lambda: studio.get("/api/v1/runs/live").is_success)
    go(page, studio, "#lab?run=live")
    wait(page, by(page, "lab-game").is_displayed)
    assert len(page.find_elements(By.CSS_SELECTOR, "#lab-fakes button")) == 12
    assert len(page.find_elements(By.CSS_SELECTOR, "#lab-reals .tile")) == 12
    texts = "return [...document.querySelectorAll('#lab-fakes button')].map((tile) => tile.textContent.split(' ').at(-1))"
    scores = [text.replace("−", "-") for text in page.execute_script(texts)]
    assert [float(score) for score in scores] == sorted(map(float, scores), reverse=True)
    page.find_element(By.CSS_SELECTOR, '[data-pace="paused"]').click()
    wait(page, by(page, "lab-update").is_enabled)

    def learned() -> str:
        return " ".join(
            element.get_attribute("id") or "" for element in page.find_elements(By.CSS_SELECTOR, "#lab-game .learned")
        )

    def told() -> str:
        return by(page, "lab-overlap").text

    wait(page, lambda: learned() == "lab-generator")
    before = told()
    by(page, "lab-update").click()
    wait(page, lambda: learned() == "lab-discriminator")
    wait(page, lambda: told() != before)
    number = r"(?:[+−]\d+\.\d)"
    for tile in page.find_elements(By.CSS_SELECTOR, "#lab-fakes button, #lab-reals .tile"):  # before and after the update
        assert re.fullmatch(rf"\d {number}\nwas {number}", tile.text), tile.text
    assert re.search(rf"real {number} before, {number} now, fakes {number} before, {number} now", told()), told()
    assert re.fullmatch(r"chosen: \d+ numbers, label \d", by(page, "lab-input").text)
    by(page, "lab-update").click()
    wait(page, lambda: learned() == "lab-generator")
    page.find_element(By.CSS_SELECTOR, '[data-pace="slow"]').click()
    wait(page, by(page, "lab-seconds").is_displayed)
    slide(page, "lab-seconds", 0.2)
    frames = int(by(page, "lab-film").get_attribute("max") or 0)
    wait(page, lambda: int(by(page, "lab-film").get_attribute("max") or 0) > frames + 2)
    slide(page, "lab-film", 0)
    wait(page, lambda: by(page, "lab-frame").text.startswith("picture 1 of"))
    page.execute_script("document.querySelectorAll('#lab-fakes button')[3].click()")
    chosen = "return [...document.querySelectorAll('#lab-fakes button')].filter((tile) => tile.ariaPressed === 'true').length"
    wait(page, lambda: page.execute_script(chosen) == 1)
    page.find_element(By.CSS_SELECTOR, '[data-pace="full"]').click()
    keep(page, "lab")
    violations = axe(page)
    by(page, "lab-stop").click()
    wait(page, lambda: "stopped" in by(page, "lab-state").text)
    assert not by(page, "lab-stop").is_displayed()
    assert by(page, "lab-run").find_element(By.CSS_SELECTOR, ":checked").text == "live"
    assert violations == []
    page.refresh()  # a run that has ended shows its last state
    wait(page, by(page, "lab-game").is_displayed)
    assert len(page.find_elements(By.CSS_SELECTOR, "#lab-fakes button")) == 12
    assert not by(page, "lab-pace").is_displayed()
    by(page, "lab-resume").click()
    wait(page, by(page, "lab-pace").is_displayed)
    wait(page, lambda: studio.get("/api/v1/runs/live").json()["phase"] == "training")
    by(page, "lab-stop").click()
    wait(page, by(page, "lab-resume").is_displayed)


def test_an_experiment_breaks_a_training_beside_a_healthy_one(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#break")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#break-list article")) >= 7)
    body = {"data": "digits", "images": 6_000, "settings": [*tiny.SETTINGS, "guard.mode_collapse=false"]}
    found = studio.post("/api/v1/experiments/high-learning-rate", json=body)
    assert found.status_code == 201, found.text
    names = found.json()
    wait(page, lambda: all(studio.get(f"/api/v1/runs/{name}").is_success for name in names.values()))
    go(page, studio, f"#break?experiment=high-learning-rate&healthy={names['healthy']}&broken={names['broken']}")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#break-stage article")) == 2)
    assert "Look for:" in by(page, "break-stage").text
    recipes = [(studio.runs / name / "recipe.toml").read_text() for name in (names["healthy"], names["broken"])]
    assert "generator_learning_rate = 0.04" in recipes[1]
    assert "generator_learning_rate = 0.04" not in recipes[0]
    for name in names.values():
        wait(page, lambda name=name: studio.get(f"/api/v1/runs/{name}").json()["phase"] in ("finished", "failed"), 180)
    wait(page, lambda: "Why:" in by(page, "break-stage").text)  # the answer opens when both have ended
    wait(page, lambda: all("finished" in each.text for each in page.find_elements(By.CSS_SELECTOR, "#break-stage article")))
    assert len(page.find_elements(By.CSS_SELECTOR, "#break-stage img[src]")) == 2
    keep(page, "break")
    assert axe(page) == []


def test_an_experiment_offers_to_stop_the_training_that_is_in_its_way(page: Chrome, studio: Studio) -> None:
    options = {"data": "digits", "images": 10**6, "settings": tiny.SETTINGS, "name": "in-the-way"}
    assert studio.post("/api/v1/runs", json=options).status_code == 201
    wait(page, lambda: studio.get("/api/v1/runs/in-the-way").is_success)
    go(page, studio, "#break")
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#break-list article"))
    page.find_element(By.CSS_SELECTOR, '[data-experiment="no-penalty"] button').click()
    stop = wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#trouble button"))[0]
    assert len(console(page)) == 1  # the browser reports the status of the refused request
    assert stop.text == "Stop in-the-way, then run it"
    stop.click()
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#break-stage article")) == 2)
    assert studio.get("/api/v1/runs/in-the-way").json()["phase"] == "stopped"
    assert not by(page, "trouble").is_displayed()
    both = page.find_element(By.XPATH, "//button[text()='Stop both']")
    both.click()
    wait(page, lambda: not both.is_displayed())

    def phases() -> list[str]:
        return [run["phase"] for run in studio.get("/api/v1/runs").json()["runs"] if "no-penalty" in run["name"]]

    wait(page, lambda: phases() == ["stopped", "stopped"])


def test_runs_are_cards_that_are_filtered_and_compared(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#runs")
    cards = "#runs-cards article"
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, cards)) >= 2)
    card = page.find_element(By.CSS_SELECTOR, '#runs-cards [data-run="earlier"]')
    assert "class accuracy" in card.text
    assert "Fréchet distance" in card.text
    by(page, "runs-filter").send_keys("numbered")
    wait(page, lambda: [each.get_attribute("data-run") for each in page.find_elements(By.CSS_SELECTOR, cards)] == ["numbered"])
    by(page, "runs-filter").clear()
    by(page, "runs-filter").send_keys(" ")
    Select(by(page, "runs-number")).select_by_visible_text("images seen")
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#runs-chart canvas"))
    assert "earlier" in (page.find_element(By.CSS_SELECTOR, "#runs-chart figure").get_attribute("aria-label") or "")
    # In one script: a change of any run replaces the cards.
    page.execute_script(
        """[...document.querySelectorAll('#runs-cards [data-run="earlier"] button')]
        .find((button) => button.textContent === 'Download').click()"""
    )
    assert by(page, "download-model").get_attribute("value") == "earlier"
    Select(by(page, "download-what")).select_by_value("model")
    assert not by(page, "download-count").is_displayed()
    by(page, "download-start").click()
    size = (studio.runs / "earlier" / "model.safetensors").stat().st_size
    wait(page, lambda: by(page, "download-state").text == f"earlier.safetensors: {size:,} bytes.")
    keep(page, "runs")


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
    map_ = by(page, "map")
    page.execute_script("document.activeElement.blur()")
    for _ in range(30):
        ActionChains(page).send_keys(Keys.TAB).perform()
        if page.switch_to.active_element == map_:
            break
    assert page.switch_to.active_element == map_
    before = by(page, "map-where").text
    ActionChains(page).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_UP).perform()
    wait(page, lambda: by(page, "map-where").text != before)
    for room in ("lab", "break", "draw", "write", "explore", "runs", "train"):
        page.find_element(By.CSS_SELECTOR, f'nav a[href="#{room}"]').send_keys(Keys.ENTER)
        wait(page, by(page, room).is_displayed)


def test_the_slider_goes_through_a_run_and_two_stand_side_by_side(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#watch?run=earlier&beside=earlier")  # the address of an earlier version
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#lab-runs article img[data-at]")) == 2)
    images = page.find_elements(By.CSS_SELECTOR, "#lab-runs article img")
    newest = images[0].get_attribute("data-at")
    slide(page, "lab-at", 200)
    wait(page, lambda: images[0].get_attribute("data-at") != newest)
    assert int(images[0].get_attribute("data-at")) <= 0.2 * EARLIER
    assert images[0].get_attribute("data-at") == images[1].get_attribute("data-at")
    article = page.find_element(By.CSS_SELECTOR, "#lab-runs article")
    shown = [chart for chart in article.find_elements(By.CSS_SELECTOR, "figure.chart") if chart.is_displayed()]
    assert [chart.get_attribute("data-chart") for chart in shown] == [
        "Losses",
        "Scores",
        "Share classified correctly",
        "Class accuracy",
    ]
    assert "discriminator" in (shown[0].get_attribute("aria-label") or "")
    assert all(chart.find_elements(By.TAG_NAME, "canvas") for chart in shown)
    shown[0].find_element(By.CSS_SELECTOR, "input[type=checkbox]").click()  # a logarithmic axis
    assert article.find_elements(By.CSS_SELECTOR, ".remark")
    assert f"finished, {EARLIER:,} images" in article.text


def test_a_run_is_started_watched_and_stopped(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#train")
    assert by(page, "train-about").text == find_recipe("fast").description
    name = by(page, "train-name")
    name.send_keys("mine")
    page.find_element(By.CSS_SELECTOR, "#train details summary").click()
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
    grid = (By.CSS_SELECTOR, '#lab-runs article[data-run="mine"] img[data-at]')
    wait(page, lambda: page.find_elements(*grid), 120)
    first = page.find_element(*grid).get_attribute("data-at")
    wait(page, lambda: page.find_element(*grid).get_attribute("data-at") != first, 120)  # the grid is updated live
    assert "left" in page.find_element(By.CSS_SELECTOR, "#lab-runs article p").text
    page.find_element(By.CSS_SELECTOR, 'nav a[href="#train"]').click()
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry} [data-action="pause"]'))
    page.find_element(By.CSS_SELECTOR, f'{entry} [data-action="pause"]').click()
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, f'{entry}[data-phase="paused"] [data-action="step"]'))
    with contextlib.ExitStack() as others:
        for _ in range(MAX_WATCHERS):
            others.enter_context(httpx.stream("GET", f"{studio.url}/api/v1/runs/mine/events", timeout=PATIENCE))
        go(page, studio, "#lab?run=mine")
        wait(page, lambda: "mine" in by(page, "trouble").text)
        wait(page, lambda: page.find_elements(*grid))
        assert "paused" in page.find_element(By.CSS_SELECTOR, "#lab-runs article p").text
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

    def marks() -> int:
        """Return the number of points of the first curve."""
        chart = "document.querySelector('#lab-runs figure.chart')"
        return int(chrome.execute_script(f"return {chart}?.dataset.points ?? 0"))

    def lines(studio: Studio) -> list[Any]:
        found: list[Any] = studio.get(f"{run}/history").json()
        return found

    with contextlib.contextmanager(open_studio)(tmp_path / "runs") as first:
        assert first.post("/api/v1/runs", json=options).status_code == 201
        wait(chrome, lambda: first.get(run).is_success)
        go(chrome, first, "#lab?run=long")
        wait(chrome, lambda: marks() >= 2)
        hide = "Object.defineProperty(document, 'hidden', { configurable: true, value: arguments[0] });"
        hide += "document.dispatchEvent(new Event('visibilitychange'));"
        chrome.execute_script(hide, True)
        before = len(lines(first))
        wait(chrome, lambda: len(lines(first)) > before)
        assert marks() <= before, "a hidden page closes its event stream"
        chrome.execute_script(hide, False)
        wait(chrome, lambda: marks() > before)
    before = marks()
    with contextlib.contextmanager(open_studio)(tmp_path / "runs", port=int(first.url.rpartition(":")[2])) as second:
        wait(chrome, lambda: marks() > before + 1)
        assert second.post(f"{run}/stop").status_code == 200
        wait(chrome, lambda: "stopped" in chrome.find_element(By.CSS_SELECTOR, "#lab-runs article p").text)
        wait(chrome, lambda: marks() == len(lines(second)))  # each line once
    console(chrome)  # discard the connection errors


def test_a_wish_that_cannot_be_is_told_of(page: Chrome, studio: Studio) -> None:
    go(page, studio, "#train")
    by(page, "train-name").send_keys("earlier")
    by(page, "train-start").click()
    wait(page, lambda: by(page, "trouble").is_displayed())
    assert "earlier" in by(page, "trouble").text
    assert [entry["message"] for entry in console(page) if "409" not in entry["message"]] == []


PLACES = ["#lab?run=earlier", "#break", "#draw", "#write", "#explore", "#runs", "#train", "docs"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1100, "light"), (1920, "dark")])
def test_it_is_readable_at_every_width_and_in_the_dark(
    page: Chrome, studio: Studio, place: str, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    reduced = {"name": "prefers-reduced-motion", "value": "reduce"}
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}, reduced]}
    )
    try:
        go(page, studio, place)
        page.execute_script("for (const image of document.images) image.loading = 'eager'")  # those below the window too
        wait(page, lambda: page.execute_script("return [...document.images].every((image) => image.complete)"))
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        assert axe(page) == []
        assert page.execute_script("return document.getAnimations().length") == 0
        keep(page, f"{place.strip('#').partition('?')[0]}-{width}-{scheme}")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_api_is_described_without_outside_scripts(page: Chrome, studio: Studio) -> None:
    go(page, studio, "docs")
    wait(page, lambda: "GET /api/v1/sample" in page.find_element(By.TAG_NAME, "main").text)
    text = page.find_element(By.TAG_NAME, "main").text
    for path in studio.get("/openapi.json").json()["paths"]:
        assert path in text
