"""Tests of the image routes: their images equal those of the command line."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import digitgan
from digitgan.images import enlarged, grid
from digitgan.model.file import Model
from digitgan.studio.rendering import check_label
from tests import tiny
from tests.studio.conftest import Studio

API = "/api/v1"


def picture(content: bytes) -> npt.NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("start", [0, 37])
def test_samples_are_those_of_the_seed(studio: Studio, start: int) -> None:
    model = digitgan.load("mnist")
    found = studio.get(f"{API}/sample", params={"labels": "7,3", "per_class": 50, "seed": 5, "start": start, "format": "npz"})
    assert found.headers["content-type"] == "application/x-npz"
    archive = np.load(io.BytesIO(found.content))
    labels = [7] * 50 + [3] * 50
    assert archive["labels"].tolist() == labels
    assert archive["class_names"].tolist() == list("0123456789")
    np.testing.assert_array_equal(archive["images"], model.sample(labels, seed=5, start=start))


def test_images_drawn_together_with_strangers_are_the_same(studio: Studio) -> None:
    model = digitgan.load("mnist")

    def one(seed: int) -> Any:
        parameters = {"labels": str(seed % 10), "seed": seed, "format": "json", "truncation": 1.5}
        return studio.get(f"{API}/sample", params=parameters).json()["images"][0]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(one, range(96)))
    for seed, image in enumerate(found):
        np.testing.assert_array_equal(image, model.sample([seed % 10], seed=seed, truncation=1.5)[0])


def test_a_picture_of_several_is_a_grid_and_of_one_the_image_itself(studio: Studio) -> None:
    model = digitgan.load("mnist")
    several = studio.get(f"{API}/sample", params={"per_class": 4}).content
    np.testing.assert_array_equal(picture(several), grid(model.sample(np.repeat(np.arange(10), 4)), columns=4))
    one = studio.get(f"{API}/sample", params={"labels": "4", "scale": 3}).content
    np.testing.assert_array_equal(picture(one), enlarged(model.sample([4])[0], 3))


@pytest.mark.parametrize(("name", "label"), [("2", 1), ("1", 0), ("0", 2), ("a, b", 3)])
def test_a_class_is_known_by_its_whole_name_first(new_model: Callable[..., Model], name: str, label: int) -> None:
    assert check_label(new_model(("1", "2", "0", "a, b")), name) == label


def test_writing_is_that_of_the_command_line(studio: Studio) -> None:
    found = studio.get(f"{API}/write", params={"text": "20-1.5", "seed": 2, "style": 7, "scale": 1}).content
    plain = digitgan.write(digitgan.load("mnist"), "20-1.5", seed=2, style=7)
    np.testing.assert_array_equal(picture(found), plain)
    moved = studio.get(f"{API}/write", params={"text": "20-1.5", "seed": 2, "style": 7, "scale": 1, "x": 2}).content
    assert (picture(moved) != plain).any()


def test_a_morph_begins_at_one_class_and_ends_at_the_other(studio: Studio) -> None:
    def at(share: float, **more: Any) -> npt.NDArray[Any]:
        parameters = {"first": "3", "second": "8", "share": share, "seed": 4, **more}
        return picture(studio.get(f"{API}/morph", params=parameters).content).astype(int)

    model = digitgan.load("mnist")
    np.testing.assert_array_equal(at(0), model.sample([3], seed=4)[0])
    np.testing.assert_array_equal(at(1), model.sample([8], seed=4)[0])
    assert 0 < np.abs(at(0.5) - at(0)).sum() < np.abs(at(1) - at(0)).sum()
    here = studio.get(f"{API}/spot", params={"seed": 4}).json()
    assert np.abs(at(0, **here) - at(0)).max() <= 1  # moved to its own coordinates
    assert np.abs(at(0, x=here["x"] + 1, y=here["y"]) - at(0)).max() > 50


def test_every_class_of_a_latent(studio: Studio) -> None:
    model = digitgan.load("mnist")
    z = model.latents(4, range(1))
    import torch

    drawn = model.draw(z.repeat(10, 1), torch.arange(10))
    found = studio.get(f"{API}/morph", params={"every_class": True, "seed": 4}).content
    np.testing.assert_array_equal(picture(found), grid(drawn, columns=10))


def test_models_are_the_shipped_and_those_of_runs(studio: Studio) -> None:
    assert [model["name"] for model in studio.get(f"{API}/models").json()][:3] == ["mnist", "cifar10", "small"]
    described = studio.get(f"{API}/models/small").json()
    assert described["class_names"] == list("0123456789")
    assert described["images_seen"] == tiny.IMAGES
    assert described["data"] == "digits (train)"
    at_end = studio.get(f"{API}/sample", params={"model": "small"}).content
    assert studio.get(f"{API}/sample", params={"model": f"small@{tiny.IMAGES}"}).content == at_end
    assert studio.get(f"{API}/sample", params={"model": f"small@{tiny.IMAGES // 2}"}).content != at_end


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/sample?labels=11", 400, "11"),
        ("/sample?labels=sevn", 400, "'sevn'"),
        ("/sample?count=1001", 422, "count"),
        ("/sample?labels=0-9&per_class=101", 400, "1,000"),
        ("/sample?per_class=2&count=3", 400, "per_class"),
        ("/sample?model=mnst", 404, "'mnist'"),
        ("/sample?model=small@5", 404, f"small@{tiny.IMAGES // 2}"),
        ("/sample?model=..%2Fruns%2Fsmall", 404, "../runs/small"),
        ("/sample?model=%2Fetc%2Fpasswd", 404, "/etc/passwd"),
        ("/sample?seed=-1", 422, "seed"),
        ("/sample?truncation=0", 422, "truncation"),
        ("/sample?truncation=nan", 422, "truncation"),
        ("/sample?count=1000&scale=16&format=png", 400, "scale"),
        ("/write?text=hello", 400, "'h'"),
        ("/write?text=%20", 400, "text"),
        ("/morph?first=3,4", 400, "'3,4'"),
        ("/morph?share=2", 422, "share"),
        ("/nothing", 404, "Not Found"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(studio: Studio, path: str, status: int, words: str) -> None:
    found = studio.get(f"{API}{path}")
    assert found.status_code == status, found.text
    assert words in found.json()["error"]


def test_a_damaged_model_is_an_error_and_no_end(studio: Studio, runs: Path) -> None:
    damaged = runs / "damaged"
    damaged.mkdir()
    try:
        (damaged / "run.json").write_text((runs / "small" / "run.json").read_text())
        content = bytearray((runs / "small" / "model.safetensors").read_bytes())
        content[-100] ^= 1
        (damaged / "model.safetensors").write_bytes(content)
        found = studio.get(f"{API}/sample", params={"model": "damaged"})
        assert found.status_code == 400
        assert "SHA-256" in found.json()["error"]
    finally:
        for path in damaged.iterdir():
            path.unlink()
        damaged.rmdir()
    assert studio.get(f"{API}/sample").status_code == 200
