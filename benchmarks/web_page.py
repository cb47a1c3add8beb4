"""Measure the exported web page in a browser: its size, the time of an image and of a gradient, and of the answer to a drawing.

    python benchmarks/web_page.py

A headless Chromium opens the page that `digitgan export --format web` writes for each model. The drawing is a seven of two
strokes. Models without a name in the registry are untrained networks of a recipe, for which times alone are measured.
Results are written to benchmarks/results/web_page.json.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import shutil
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from common import RESULTS
from machine import machine
from PIL import Image, ImageDraw
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

import digitgan
from digitgan.exporters import EXPORT_FORMATS, ExportedModel
from digitgan.model.file import Model
from digitgan.networks import ImageSpec, build_generator
from digitgan.recipes import RECIPES

SIDE = 140
TIMES = """
    const [drawing, side, done] = arguments;
    (async () => {
      const { post, model } = await import('./api.js'), { Tensor } = await import('./runtime/tensor.js');
      const { Graph } = await import('./runtime/graph.js'), { Matmul } = await import('./runtime/matmul.js');
      const bytes = async (name) => (await fetch(name)).arrayBuffer();
      const before = performance.now();
      const graph = new Graph(await bytes('generator.onnx'), await Matmul.load(await bytes('runtime/matmul.wasm')));
      const load = performance.now() - before;
      const width = model.latent + model.further.length, classes = model.class_names.length;
      const given = { z: Tensor.zeros([16, width]), shares: Tensor.zeros([16, classes]) };
      const each = (run) => {
        run();
        const times = [];
        for (let n = 0; n < 7; n += 1) {
          const start = performance.now();
          run();
          times.push((performance.now() - start) / 16);
        }
        return times.sort((a, b) => a - b)[3];
      };
      const image = each(() => graph.run(given)), gradient = each(() => graph.gradient(given, 'z', (images) => images));
      const answers = [];
      const request = { width: side, height: side, levels: drawing };
      for (let n = 0; n < 5 && model.ink; n += 1) answers.push((await post('draw', request)).seconds);
      return { load, image, gradient, answers };
    })().then(done, (error) => done(String(error)));
"""


def main(
    models: tuple[str, ...] = ("mnist", "fast", "colour", "lstm-cgan", "mask-cgan", "dcgan", "style"),
    out: Path = RESULTS / "web_page.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        models: names of shipped models, or of recipes.
        out: JSON file of the results.
    """
    options = Options()
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"):
        options.add_argument(argument)
    rows: list[dict[str, Any]] = []
    print(f"{'model':>12} {'page':>9} {'networks':>10} {'load':>8} {'image':>8} {'gradient':>8} {'drawing':>8}")
    chrome = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    chrome.set_script_timeout(300)
    try:
        for name in models:
            with tempfile.TemporaryDirectory() as folder:
                page = Path(folder)
                EXPORT_FORMATS["web"].write(ExportedModel(_model(name), None, "", name), page, None)
                row = {"model": name, **_sizes(page), **_times(chrome, page)}
            rows.append(row)
            answer = f"{row['drawing_seconds']:.2f} s" if row["drawing_seconds"] else "-"
            print(
                f"{name:>12} {row['page_bytes']:>9,} {row['network_bytes']:>10,} {row['load_ms']:>5.0f} ms "
                f"{row['image_ms']:>5.2f} ms {row['gradient_ms']:>5.2f} ms {answer:>8}",
                flush=True,
            )
        found = {"machine": machine(), "browser": chrome.capabilities["browserVersion"], "models": rows}
    finally:
        chrome.quit()
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _model(name: str) -> Model:
    """Return a shipped model, or an untrained one of a recipe."""
    if name not in RECIPES:
        return digitgan.load(name)
    torch.manual_seed(0)
    recipe, side = RECIPES[name], 32 if name.startswith("colour") else 28
    spec = ImageSpec(3 if side == 32 else 1, side, side, 10)
    return Model(build_generator(recipe, spec).eval(), recipe, tuple("0123456789"), {})


def _sizes(page: Path) -> dict[str, int]:
    sizes = {each: each.stat().st_size for each in page.rglob("*") if each.is_file()}
    networks = sum(size for each, size in sizes.items() if each.suffix == ".onnx")
    return {"page_bytes": sum(sizes.values()) - networks, "network_bytes": networks}


def _times(chrome: webdriver.Chrome, page: Path) -> dict[str, Any]:
    """Return the medians of the times in the browser."""
    sheet = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(sheet).line((35, 30, 100, 30, 60, 115), fill=255, width=11, joint="curve")
    drawing = base64.b64encode(np.asarray(sheet).tobytes()).decode()

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Silent, directory=str(page))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chrome.get(f"http://127.0.0.1:{server.server_port}/")
        found = chrome.execute_async_script(TIMES, drawing, SIDE)
        server.shutdown()
    if isinstance(found, str):
        raise RuntimeError(found)
    return {
        "load_ms": round(found["load"], 1),
        "image_ms": round(found["image"], 3),
        "gradient_ms": round(found["gradient"], 3),
        "drawing_seconds": round(statistics.median(found["answers"]), 3) if found["answers"] else None,
    }


if __name__ == "__main__":
    tyro.cli(main)
