"""The exported web page, served by a static server, in a real browser."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import digitgan
from digitgan.exporters import ExportedModel
from digitgan.exporters.programs import onnx_model
from digitgan.generation.drawing import ink_form, placed_drawing
from digitgan.generation.inversion import invert
from tests.exporters.networks import VARIANTS, model_of
from tests.scenarios.browser import axe, console, open_browser


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
            chrome.set_script_timeout(120)
            chrome.get(f"http://127.0.0.1:{server.server_port}/")
            WebDriverWait(chrome, 60, 0.1).until(
                lambda chrome: chrome.execute_script("return document.documentElement.dataset.ready") == "yes"
            )
            yield chrome
        server.shutdown()


def wait(page: Chrome, ready: Callable[[], Any], seconds: float = 30) -> None:
    WebDriverWait(page, seconds, 0.1).until(lambda _: ready())


def by(page: Chrome, id_: str) -> Any:
    return page.find_element(By.ID, id_)


def go(page: Chrome, section: str) -> None:
    page.execute_script("location.hash = arguments[0]", section)
    wait(page, lambda: by(page, section.strip("#").partition("?")[0]).is_displayed())


def settled(page: Chrome, id_: str) -> str:
    """The address of a picture that has been drawn; each is another one."""
    wait(page, lambda: by(page, id_).get_attribute("data-settled") == "yes")
    return str(by(page, id_).get_attribute("src"))


def run(page: Chrome, script: str, *values: Any) -> Any:
    """Run a script of the page that returns a promise; an error in it fails the test."""
    found = page.execute_async_script(
        f"const [done, ...given] = [arguments[arguments.length - 1], ...arguments];"
        f"const run = async () => {{ {script} }};"
        f"run().then((answer) => done({{ answer }}), ({{ stack }}) => done({{ error: String(stack) }}))",
        *values,
    )
    assert "error" not in found, found["error"]
    return found["answer"]


def text_of(values: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.float32).tobytes()).decode()


def numbers_of(text: str, shape: tuple[int, ...]) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype=np.float32).reshape(shape)


COMPUTE = """
    const { Graph } = await import('./runtime/graph.js'), { Matmul } = await import('./runtime/matmul.js');
    const { Tensor } = await import('./runtime/tensor.js');
    const [file, z, shares, weights, shapes] = given;
    const bytes = async (name) => (await fetch(name, { cache: 'no-store' })).arrayBuffer();
    const bytesOf = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer;
    const tensor = (text, shape) => new Tensor(new Float32Array(bytesOf(text)), shape);
    const text = ({ data }) => {
      const values = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      let found = '';
      for (let at = 0; at < values.length; at += 8192) found += String.fromCharCode(...values.subarray(at, at + 8192));
      return btoa(found);
    };
    const graph = new Graph(await bytes(file), await Matmul.load(await bytes('runtime/matmul.wasm')));
    const inputs = { z: tensor(z, shapes.z), shares: tensor(shares, shapes.shares) };
    const images = graph.run(inputs);
    const { output, gradient } = graph.gradient(inputs, 'z', () => tensor(weights, shapes.images));
    return { images: text(images), again: text(output), gradient: text(gradient) };
"""

USUAL = ("fast", "lstm-cgan", "onehot-cgan", "mask-cgan", "plain-gan", "dcgan", "style", "residual, patches of 2, attention")


@pytest.mark.parametrize("name", [name if name in USUAL else pytest.param(name, marks=pytest.mark.long) for name in VARIANTS])
def test_its_images_and_gradients_are_those_of_pytorch(name: str, page: Chrome, folder: Path) -> None:
    model = model_of(VARIANTS[name])
    conditional, classes = model.recipe.conditional, len(model.class_names)
    network = onnx_model(ExportedModel(model, None, "0" * 64, name), by_shares=conditional)
    (folder / "tried.onnx").write_bytes(network.SerializeToString())
    numbers = torch.Generator().manual_seed(1)
    z = model.generator.extended(torch.randn(3, model.generator.latent, generator=numbers)).detach().requires_grad_()
    shares = torch.randn(3, classes, generator=numbers).softmax(dim=1)
    images = model.generator(z, shares if conditional else torch.zeros(3, dtype=torch.int64))
    weights = torch.randn(images.shape, generator=numbers)
    (gradient,) = torch.autograd.grad((images * weights).sum(), [z])
    shapes = {"z": list(z.shape), "shares": [3, classes], "images": list(images.shape)}
    found = run(page, COMPUTE, "tried.onnx", *(text_of(each.detach()) for each in (z, shares, weights)), shapes)
    assert found["images"] == found["again"]
    np.testing.assert_allclose(numbers_of(found["images"], images.shape), images.detach(), atol=2e-5)
    scale = float(gradient.abs().max())
    np.testing.assert_allclose(numbers_of(found["gradient"], z.shape) / scale, gradient / scale, atol=2e-5)


DRAWINGS = {
    "1": [(120, 40, 90, 240)],
    "4": [(80, 50, 70, 140), (70, 140, 190, 140), (160, 60, 150, 240)],
    "7": [(70, 60, 200, 60), (200, 60, 120, 230)],
}
SIDE = 140


def drawing(strokes: list[tuple[int, int, int, int]]) -> Any:
    """A drawing as the page sends it: uint8 (140, 140)."""
    sheet = Image.new("L", (280, 280))
    pen = ImageDraw.Draw(sheet)
    for from_x, from_y, to_x, to_y in strokes:
        pen.line((from_x, from_y, to_x, to_y), fill=255, width=22)
        for x, y in ((from_x, from_y), (to_x, to_y)):
            pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=255)
    return np.asarray(sheet.resize((SIDE, SIDE), Image.Resampling.BOX))


@pytest.mark.parametrize("digit", DRAWINGS)
def test_it_answers_a_drawing_as_python_does(digit: str, page: Chrome) -> None:
    model = digitgan.load("mnist")
    form = ink_form(model)
    assert form is not None
    grey = drawing(DRAWINGS[digit])
    expected = placed_drawing(grey, form, (28, 28)).pixels
    script = """
        const { post } = await import('./api.js');
        const found = await post('draw', { width: given[1], height: given[1], levels: given[0] });
        return { ...found, placed: [...found.placed.data] };
    """
    found = run(page, script, base64.b64encode(grey.tobytes()).decode(), SIDE)
    placed = np.array(found["placed"]).reshape(28, 28)
    assert np.abs(placed - expected.astype(int)).mean() < 3
    assert found["label"] == int(digit)
    assert found["probabilities"][int(digit)] > 0.5
    assert found["error"] < 1.3 * invert(model, expected, int(digit), steps=100).error + 3
    assert found["seconds"] < 5, "it is 0.7 s where nothing else runs"


def test_one_draws_a_seven_and_uses_its_style(page: Chrome) -> None:
    go(page, "#draw")
    canvas = by(page, "draw-canvas")
    page.execute_script("arguments[0].scrollIntoView()", canvas)
    person = ActionChains(page, duration=30).move_to_element_with_offset(canvas, -70, -80).click_and_hold()
    person.move_by_offset(130, 0).move_by_offset(-80, 170).release().perform()
    wait(page, lambda: by(page, "draw-label").text == "7")
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#draw-every canvas")) == 10)
    by(page, "draw-write").click()
    wait(page, lambda: by(page, "write").is_displayed())
    first = settled(page, "write-picture")
    assert by(page, "write-own").is_displayed()
    by(page, "write-text").send_keys("-7")
    wait(page, lambda: settled(page, "write-picture") != first)
    assert by(page, "write-download").get_attribute("href") == settled(page, "write-picture")
    by(page, "write-new").click()
    wait(page, lambda: not by(page, "write-own").is_displayed())
    by(page, "write-text").send_keys("x")
    wait(page, lambda: "Unsupported characters: x" in by(page, "trouble").text)


def test_one_walks_on_the_map(page: Chrome) -> None:
    go(page, "#explore")
    wait(page, lambda: by(page, "explore-caption").text == "0")
    wait(page, lambda: by(page, "map").get_attribute("data-settled") == "yes")
    here = settled(page, "explore-picture")
    page.execute_script("arguments[0].scrollIntoView()", by(page, "map"))
    ActionChains(page).move_to_element(by(page, "map")).click_and_hold().move_by_offset(50, 50).release().perform()
    wait(page, lambda: settled(page, "explore-picture") != here)
    assert len(page.find_elements(By.CSS_SELECTOR, "#explore-directions img")) == 8
    assert not page.find_elements(By.CSS_SELECTOR, "#explore-nearest canvas")
    there = page.current_url
    assert "x=" in there
    page.refresh()
    wait(page, lambda: "across" in by(page, "map-where").text)
    wait(page, lambda: page.current_url == there)


@pytest.mark.parametrize("section", ["#draw", "#write", "#explore"])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1920, "light")])
def test_it_is_readable_at_every_width_and_in_the_dark(page: Chrome, section: str, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        go(page, section)
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        assert axe(page) == []
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_loaded_from_elsewhere_and_nothing_complains(page: Chrome) -> None:
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    events = [event["params"] for event in sent if event["method"] == "Network.requestWillBeSent"]
    home = page.execute_script("return location.origin")
    asked = {event["request"]["url"] for event in events if event["documentURL"].startswith(home)}
    assert f"{home}/worker.js" in asked
    assert {url for url in asked if not url.startswith((home, f"blob:{home}"))} == set()
    assert console(page) == []
