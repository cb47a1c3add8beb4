"""Tests of the routes of the lab, of drawings, of the map and of the nearest training images."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import digitgan
from digitgan.images import grid
from digitgan.studio.experiments import EXPERIMENTS
from digitgan.studio.new_runs import NewRun, options_of
from tests import tiny
from tests.processes import PATIENCE
from tests.studio.conftest import Studio, open_studio

API = "/api/v1"
LONG = {"data": "digits", "images": 10**7, "settings": [*tiny.SETTINGS, "training.previews=10000"]}


def levels(told: dict[str, Any]) -> npt.NDArray[np.uint8]:
    shape = [told["count"], told["height"], told["width"], *([3] if told["channels"] == 3 else [])]
    return np.frombuffer(base64.b64decode(told["levels"]), np.uint8).reshape(shape)


def drawing(image: npt.NDArray[np.uint8], **more: Any) -> dict[str, Any]:
    height, width = image.shape
    return {"width": width, "height": height, "levels": base64.b64encode(image.tobytes()).decode(), **more}


@pytest.fixture(scope="module")
def seven() -> npt.NDArray[np.uint8]:
    """Return a real seven, enlarged and moved into a corner."""
    images = digitgan.load_image_set("mnist", "test")
    small = images.images[int(np.flatnonzero(images.labels == 7)[0])]
    canvas = np.zeros((160, 200), np.uint8)
    canvas[5:117, 80:192] = np.asarray(Image.fromarray(small).resize((112, 112), Image.Resampling.BICUBIC))
    return canvas


def test_a_drawing_is_centred_recognised_and_redrawn(studio: Studio, seven: npt.NDArray[np.uint8]) -> None:
    found = studio.post(f"{API}/draw", json=drawing(seven)).json()
    assert found["label"] == 7
    assert found["probabilities"][7] > 0.9
    assert sum(found["probabilities"]) == pytest.approx(1, abs=0.01)
    placed = levels(found["placed"])[0].astype(float)
    centre = [(placed.sum(axis=1 - axis) * np.arange(28)).sum() / placed.sum() for axis in (0, 1)]
    assert centre == pytest.approx([14, 14], abs=1.5)
    assert levels(found["every_class"]).shape == (10, 28, 28)
    np.testing.assert_array_equal(levels(found["every_class"])[7], levels(found["redrawn"])[0])
    assert found["error"] < 45
    dark_on_light = studio.post(f"{API}/draw", json=drawing(255 - seven)).json()
    assert dark_on_light["label"] == 7
    here = {"code": found["style"], "first": "7"}
    image = np.asarray(Image.open(io.BytesIO(studio.get(f"{API}/morph", params=here).content)))
    np.testing.assert_array_equal(image, levels(found["redrawn"])[0])
    written = studio.get(f"{API}/write", params={"code": found["style"], "text": "77", "scale": 1})
    assert np.asarray(Image.open(io.BytesIO(written.content))).shape == (28, 56)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"levels": ""}, 400, "0 bytes for 40x40 pixels"),
        ({"levels": "%%%"}, 400, "base64"),
        ({"levels": base64.b64encode(bytes(1600)).decode()}, 400, "empty"),
        ({"width": 7}, 422, "width"),
        ({"width": 100_000}, 422, "width"),
        ({"model": "nothing"}, 404, "nothing"),
        ({"pen": 3}, 422, "pen"),
    ],
)
def test_what_is_no_drawing_is_refused(studio: Studio, change: dict[str, Any], status: int, words: str) -> None:
    body = {**drawing(np.full((40, 40), 9, np.uint8)), **change}
    found = studio.post(f"{API}/draw", json=body)
    assert found.status_code == status, found.text
    assert words in found.json()["error"]


@pytest.mark.parametrize(
    "code", ["", "abc", "AAAA", base64.urlsafe_b64encode(np.full(64, np.nan, "<f4").tobytes()).decode().rstrip("=")]
)
def test_what_is_no_latent_is_refused(studio: Studio, code: str) -> None:
    found = studio.get(f"{API}/morph", params={"code": code})
    assert found.status_code == 400
    assert "`style` of a drawing" in found.json()["error"]


def test_a_map_has_the_images_of_its_places(studio: Studio) -> None:
    place = {"left": -1, "right": 1, "bottom": -2, "top": 2, "first": "4", "seed": 3}
    found = studio.get(f"{API}/map", params={**place, "columns": 3, "rows": 2}).content
    sheet = np.asarray(Image.open(io.BytesIO(found)))
    assert sheet.shape == (56, 84)
    for row, y in enumerate((2, -2)):
        for column, x in enumerate((-1, 0, 1)):
            one = studio.get(f"{API}/morph", params={"x": x, "y": y, "first": "4", "seed": 3}).content
            image = np.asarray(Image.open(io.BytesIO(one))).astype(int)
            shown = sheet[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
            assert np.abs(shown - image).max() <= 1
    assert studio.get(f"{API}/map", params={**place, "columns": 41}).status_code == 422
    assert studio.get(f"{API}/map", params={**place, "left": 99}).status_code == 422


def test_further_directions_change_the_image_and_are_those_of_the_spot(studio: Studio) -> None:
    def at(**more: Any) -> npt.NDArray[Any]:
        content = studio.get(f"{API}/morph", params={"first": "5", "seed": 1, **more}).content
        return np.asarray(Image.open(io.BytesIO(content))).astype(int)

    spot = studio.get(f"{API}/spot", params={"seed": 1, "count": 5}).json()
    assert len(spot["further"].split(",")) == 3
    assert np.abs(at(**spot) - at()).max() <= 1
    assert np.abs(at(further="3") - at()).max() > 50
    assert (at(further=",,") == at()).all()
    for wrong in ("x", "1,2,3,4,5,6,7", "99", "nan"):
        found = studio.get(f"{API}/morph", params={"further": wrong})
        assert (found.status_code, "further" in found.json()["error"]) == (400, True)


def test_the_nearest_training_images_of_a_run_and_of_a_shipped_model(studio: Studio) -> None:
    found = studio.get(f"{API}/nearest", params={"first": "3", "count": 4}).json()
    model, images = digitgan.load("mnist"), digitgan.load_image_set("mnist")
    drawn = model.sample([3])[0].astype(np.float64)
    distances = np.sqrt(((images.images.astype(np.float32) - drawn) ** 2).mean(axis=(1, 2)))
    assert found["distances"] == pytest.approx(np.sort(distances)[:4], abs=0.02)
    np.testing.assert_array_equal(levels(found["images"])[0], images.images[int(distances.argmin())])
    assert 20 < found["typical"] < 60
    of_run = studio.get(f"{API}/nearest", params={"model": "small"}).json()
    assert len(of_run["distances"]) == 5


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    for studio in open_studio(tmp_path_factory.mktemp("lab") / "runs"):
        yield studio
        for run in studio.get(f"{API}/runs").json()["runs"]:
            studio.post(f"{API}/runs/{run['name']}/stop")


def begun(studio: Studio, name: str) -> None:
    until = time.monotonic() + PATIENCE
    while not studio.get(f"{API}/runs/{name}/history").is_success:
        assert time.monotonic() < until
        time.sleep(0.1)


def snapshots(studio: Studio, name: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with httpx.stream("GET", f"{studio.url}{API}/runs/{name}/lab", timeout=PATIENCE) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: {") and '"step"' in line:
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == count:
                    break
    return found


def test_a_training_is_looked_into_and_its_pace_set(own: Studio) -> None:
    assert own.post(f"{API}/runs", json={**LONG, "name": "live"}).status_code == 201
    begun(own, "live")
    first, second = snapshots(own, "live", 2)
    assert second["images_seen"] > first["images_seen"]
    assert levels(first["fake"]["images"]).shape == levels(first["fake"]["gradient"]).shape == (12, 28, 28)
    assert len(first["real_scores"]) == len(first["fake_scores"]) == 16
    path = f"{API}/runs/live/lab"
    assert own.post(path, json={"advance": "step"}).status_code == 409
    assert own.post(path, json={"pace": "fast"}).status_code == 422
    assert own.post(path, json={"pace": "paused"}).json()["name"] == "paused"
    (paused,) = snapshots(own, "live", 1)
    own.post(path, json={"advance": "step"})
    deadline = time.monotonic() + PATIENCE
    while (now := snapshots(own, "live", 1)[0])["step"] == paused["step"] and paused["updated"]:
        assert time.monotonic() < deadline
    own.post(path, json={"pace": "full"})
    own.post(f"{API}/runs/live/stop")
    while own.get(f"{API}/runs/live").json()["phase"] != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert own.post(path, json={"pace": "paused"}).status_code == 409
    assert now["class_names"] == list("0123456789")
    assert own.get(f"{API}/runs/nothing/lab").status_code == 404


def test_an_experiment_needs_all_cores_and_a_known_name(own: Studio) -> None:
    assert own.post(f"{API}/experiments/nothing").status_code == 404
    assert own.post(f"{API}/experiments/no-penalty", json={"data": "/etc"}).status_code == 400
    assert own.post(f"{API}/experiments/no-penalty", json={"images": 1}).status_code == 422
    assert own.post(f"{API}/runs", json={**LONG, "name": "other"}).status_code == 201
    begun(own, "other")
    found = own.post(f"{API}/experiments/no-penalty", json={"data": "digits"})
    assert (found.status_code, "other is training" in found.json()["error"]) == (429, True)
    own.post(f"{API}/runs/other/stop")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_a_valid_training(name: str) -> None:
    experiment = EXPERIMENTS[name]
    options_of(NewRun.model_validate({"recipe": experiment.recipe, "images": 1000, "settings": list(experiment.settings)}))
    for text in (experiment.look_for, experiment.happens, experiment.why):
        assert text[0].isupper()
        assert text[-1] in ".?"


@pytest.mark.long
def test_a_run_is_evaluated_and_its_report_shown_without_scripts(runs: Path, studio: Studio) -> None:
    shutil.copytree(runs / "small", runs / "judged")
    try:
        assert studio.get(f"{API}/runs/judged/report").status_code == 404
        found = studio.post(f"{API}/runs/judged/evaluate")
        assert found.status_code == 200, found.text
        report = studio.get(f"{API}/runs/judged/report")
        assert "sandbox" in report.headers["content-security-policy"]
        assert "<script" not in report.text
        listed = {run["name"]: run for run in studio.get(f"{API}/runs").json()["runs"]}
        assert 0 <= listed["judged"]["class_accuracy"] <= 1
        assert listed["judged"]["has_report"]
    finally:
        shutil.rmtree(runs / "judged")


def test_a_map_is_a_grid_without_gaps() -> None:
    images = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert grid(images, columns=2, gap=0).shape == (3, 6)
