"""What a notebook shows: models, images, results and reports, and the progress of a training, in a real kernel."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

import digitgan
from digitgan.images import Pictures, as_pictures
from tests import tiny

CELLS = (
    "import digitgan",
    "digitgan.load('mnist')",
    "digitgan.load('mnist').sample([7] * 12)",
    f"result = digitgan.train(data='digits', out='run', settings={[*tiny.SETTINGS, 'training.images=4000']})",
    "result",
    "digitgan.evaluate('mnist', images=200, report='report')",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, mnist_caches: Path) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    environment = os.environ | {"XDG_CACHE_HOME": str(mnist_caches)}
    client = nbclient.NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return [cell.outputs for cell in notebook.cells]


def size_of(picture: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(picture))).size


def test_a_real_notebook_shows_what_a_call_returns(outputs: list[list[dict[str, Any]]]) -> None:
    _, (model,), (images,), (*_, progress), (result,), (report,) = outputs
    assert "10 classes" in model["data"]["text/html"]
    assert "data:image/png;base64," in model["data"]["text/html"]
    assert size_of(images["data"]["image/png"]) == (2 * (10 * 30 + 2), 2 * (2 * 30 + 2))
    assert "4,000/4,000 images" in progress["data"]["text/html"]
    assert "data:image/png;base64," in progress["data"]["text/html"]
    assert "4,000 images" in result["data"]["text/html"]
    assert "data:image/png;base64," in result["data"]["text/html"]
    assert "<td>Fréchet distance</td>" in report["data"]["text/html"]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((28, 28), (64, 64)),
        ((28, 28, 3), (64, 64)),
        ((3, 28, 28), (184, 64)),
        ((2, 28, 28, 3), (124, 64)),
        ((500, 8, 8), (204, 204)),
    ],
)
def test_an_array_of_images_is_a_picture(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    png = as_pictures(np.zeros(shape, dtype=np.uint8))._repr_png_()
    assert png is not None
    assert Image.open(io.BytesIO(png)).size == size


def test_generated_images_are_numpy_arrays() -> None:
    images = digitgan.load("mnist").sample([7, 8], seed=3)
    assert isinstance(images, Pictures)
    assert isinstance(images[0], Pictures)
    for computed in (images / 255, 255 - images, images.mean(axis=0), np.stack([images])):
        assert type(computed) is np.ndarray
    assert isinstance(images.mean(), float)
    assert images[:, :4].astype(float)._repr_png_() is None
    assert np.array_equal(np.concatenate([images, images])[:2], images)


def test_names_of_a_model_cannot_add_html(small_model: digitgan.Model) -> None:
    import dataclasses

    named = dataclasses.replace(small_model, class_names=("<script>", *small_model.class_names[1:]))
    assert "<script>" not in named._repr_html_()


def test_a_stopped_training_without_previews_is_shown(tmp_path: Path) -> None:
    result = digitgan.TrainingResult(tmp_path / "a<b", tmp_path / "model", 0, 1.0, False, 0)
    assert "stopped" in result._repr_html_()
    assert "a&lt;b" in result._repr_html_()
