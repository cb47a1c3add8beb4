"""The exported web page, served by a static server, in a real browser."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import digitgan
from digitgan.images import from_network
from tests.scenarios.browser import console, open_browser


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    exported = digitgan.export("mnist", format="web", out=tmp_path_factory.mktemp("web") / "page")
    assert exported.largest_difference < 1e-4
    return exported.path


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for chrome in open_browser(tmp_path_factory.mktemp("profile")):
            chrome.get(f"http://127.0.0.1:{server.server_port}/")
            WebDriverWait(chrome, 60, 0.1).until(
                lambda chrome: chrome.execute_script("return document.documentElement.dataset.ready") == "yes"
            )
            yield chrome
        server.shutdown()


def drawn(page: Chrome, id_: str) -> str:
    return str(page.execute_script("return document.getElementById(arguments[0]).toDataURL()", id_))


def test_its_pictures_are_those_of_pytorch(page: Chrome) -> None:
    import torch

    model = digitgan.load("mnist")
    z = model.latents(7, range(20))
    shares = torch.zeros(20, 10)
    shares[torch.arange(20), torch.arange(20) % 10] = 0.7
    shares[torch.arange(20), (torch.arange(20) + 5) % 10] += 0.3
    script = """
        const [z, shares, done] = arguments;
        import('./generator.js').then(({ draw }) => draw(z, shares)).then(
            (bytes) => done([...bytes]), (error) => done(String(error)));
    """
    found = page.execute_async_script(script, z.flatten().tolist(), shares.flatten().tolist())
    assert not isinstance(found, str), found
    with torch.inference_mode():
        expected = from_network(model.generator(z, shares))
    difference = np.abs(np.array(found).reshape(20, 28, 28) - expected.astype(int))
    assert difference.max() <= 1


def test_one_writes_and_explores_there(page: Chrome) -> None:
    WebDriverWait(page, 30).until(
        lambda page: "style 0" in page.find_element(By.ID, "write-picture").get_attribute("aria-label")
    )
    first = drawn(page, "write-picture")
    page.find_element(By.ID, "write-text").send_keys("-7")
    WebDriverWait(page, 30).until(lambda page: drawn(page, "write-picture") != first)
    typed = drawn(page, "write-picture")
    page.find_element(By.ID, "write-new").click()
    WebDriverWait(page, 30).until(lambda page: drawn(page, "write-picture") != typed)
    page.find_element(By.CSS_SELECTOR, 'nav a[href="#explore"]').click()
    WebDriverWait(page, 30).until(lambda page: page.find_element(By.ID, "explore-caption").text == "0")
    here = drawn(page, "explore-picture")
    pad = page.find_element(By.ID, "pad")
    ActionChains(page).move_to_element(pad).click_and_hold().move_by_offset(50, 50).release().perform()
    WebDriverWait(page, 30).until(lambda page: drawn(page, "explore-picture") != here)
    assert console(page) == []


def test_nothing_is_loaded_from_elsewhere(page: Chrome) -> None:
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    events = [event["params"] for event in sent if event["method"] == "Network.requestWillBeSent"]
    home = page.execute_script("return location.origin")
    asked = {event["request"]["url"] for event in events if event["documentURL"].startswith(home)}
    assert f"{home}/generator.onnx" in asked
    assert {url for url in asked if not url.startswith((home, f"blob:{home}"))} == set()


def test_the_folder_holds_the_licence_of_what_it_brings(folder: Path) -> None:
    assert "Microsoft Corporation" in (folder / "LICENSE-onnxruntime-web").read_text()
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000_000
