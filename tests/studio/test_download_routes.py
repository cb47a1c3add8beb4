"""Downloads: the files of `digitgan sample` and `digitgan export`, made by a process of the server."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import digitgan
from digitgan.exporters import EXPORT_FORMATS
from digitgan.generation import WRITERS
from tests.processes import PATIENCE
from tests.studio.conftest import Studio, open_studio

API = "/api/v1/downloads"


def entries(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        return file.namelist()


def test_every_format_is_offered(studio: Studio) -> None:
    found = studio.get(f"{API}/formats").json()
    assert found["images"] == list(WRITERS)
    assert [each["name"] for each in found["models"]] == ["safetensors", *EXPORT_FORMATS]


@pytest.mark.parametrize("name", list(WRITERS))
def test_images_are_those_of_the_command(name: str, studio: Studio) -> None:
    found = studio.get(f"{API}/images", params={"format": name, "per_class": 2, "seed": 5})
    assert found.status_code == 200, found.text
    ending = WRITERS[name].ending or ".zip"
    assert f"mnist-images{ending}" in found.headers["content-disposition"]
    if name == "npz":
        with np.load(io.BytesIO(found.content)) as file:
            np.testing.assert_array_equal(file["images"], digitgan.load("mnist").sample(np.repeat(range(10), 2), seed=5))
    if not WRITERS[name].ending:
        assert all(each.startswith("mnist-images/") for each in entries(found.content))


# Keras on PyTorch warns, and the server of these tests treats warnings as errors; tests/exporters covers that format.
@pytest.mark.parametrize("name", ["safetensors", "onnx", "web", "huggingface", "torch"])
def test_a_model_comes_in_every_format(name: str, studio: Studio) -> None:
    found = studio.get(f"{API}/model", params={"format": name})
    assert found.status_code == 200, found.text
    assert len(found.content) > 100_000
    if name == "web":
        assert {"mnist-web/index.html", "mnist-web/runtime/graph.js"} <= set(entries(found.content))


@pytest.mark.parametrize(
    ("path", "values", "status", "word"),
    [
        ("images", {"format": "jpeg"}, 400, "jpeg"),
        ("images", {"per_class": 0}, 422, "per_class"),
        ("images", {"per_class": 1_000_000}, 422, "per_class"),
        ("images", {"model": "nothing"}, 404, "nothing"),
        ("model", {"format": "onyx"}, 400, "onnx"),
        ("model", {"format": "keras", "quantize": "int8"}, 400, "int8"),
        ("model", {"format": "safetensors", "quantize": "fp16"}, 400, "safetensors"),
        ("model", {"model": "../mnist"}, 404, "mnist"),
    ],
)
def test_an_impossible_download_says_why_and_leaves_nothing(
    path: str, values: dict[str, str], status: int, word: str, studio: Studio
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("digitgan-download-*"))
    found = studio.get(f"{API}/{path}", params=values)
    assert found.status_code == status, found.text
    assert word in found.json()["error"]
    left = set(Path(tempfile.gettempdir()).glob("digitgan-download-*")) - before
    until = time.monotonic() + PATIENCE  # a folder of a test that runs beside this one vanishes when its file has been sent
    while any(each.exists() for each in left) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(each.exists() for each in left)


def test_a_linked_file_is_not_sent(tmp_path: Path, tiny_run: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "runs" / "linked")
    model = tmp_path / "runs" / "linked" / "model.safetensors"
    secret = tmp_path / "secret"
    secret.write_text("of somebody else")
    model.unlink()
    model.symlink_to(secret)
    for studio in open_studio(tmp_path / "runs"):
        found = studio.get(f"{API}/model", params={"model": "linked", "format": "safetensors"})
        assert found.status_code == 404
        assert "somebody" not in found.text
