"""Tests of the run routes, with training processes on the embedded digits."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitgan.runs import RunFolder
from tests import tiny
from tests.processes import PATIENCE
from tests.studio.conftest import Studio, open_studio

API = "/api/v1"
OFTEN = ("training.checkpoints=10000", "training.previews=10000")
LONG = {"data": "digits", "images": 10**7, "settings": (*tiny.SETTINGS, *OFTEN)}


@pytest.fixture(scope="module")
def own_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own") / "runs"


@pytest.fixture(scope="module")
def own(own_runs: Path) -> Iterator[Studio]:
    """Return a studio on a folder that does not exist yet; stop the trainings that remain at the end."""
    for studio in open_studio(own_runs):
        yield studio
        for run in studio.get(f"{API}/runs").json()["runs"]:
            if run["phase"] in ("training", "paused"):
                studio.post(f"{API}/runs/{run['name']}/stop")


def wait_for(found: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    pytest.fail(f"timeout of {PATIENCE} seconds: {what}")


def phase(studio: Studio, name: str) -> str | None:
    runs = {run["name"]: run["phase"] for run in studio.get(f"{API}/runs").json()["runs"]}
    return runs.get(name)


def seen(studio: Studio, name: str) -> int:
    lines = studio.get(f"{API}/runs/{name}/history").json()
    return int(lines[-1]["images_seen"]) if lines else 0


def test_a_run_from_start_to_end(own: Studio, own_runs: Path) -> None:
    options = {"data": "digits", "images": tiny.IMAGES, "settings": tiny.SETTINGS, "seed": 4}
    begun = own.post(f"{API}/runs", json=options)
    assert begun.status_code == 201, begun.text
    name = begun.json()["name"]
    assert name == "fast-digits-001"
    wait_for(lambda: phase(own, name) == "finished", "the end of the training")
    facts = own.get(f"{API}/runs/{name}").json()
    assert facts["images_seen"] == tiny.IMAGES
    assert facts["seed"] == 4
    assert facts["seconds_left"] is None
    assert facts["diagnostics"]
    assert own.get(f"{API}/runs/{name}/previews").json() == [int(p.stem) for p in RunFolder(own_runs / name).preview_files()]
    last = own.get(f"{API}/runs/{name}/previews/{tiny.IMAGES}").content
    assert last == RunFolder(own_runs / name).preview(tiny.IMAGES).read_bytes()
    assert own.get(f"{API}/runs/{name}/previews/{tiny.IMAGES + 1}").status_code == 404
    lines = own.get(f"{API}/runs/{name}/history").json()
    assert lines == list(RunFolder(own_runs / name).read_history())
    assert own.get(f"{API}/runs/{name}/history", params={"after": lines[-2]["images_seen"]}).json() == lines[-1:]
    assert own.get(f"{API}/sample", params={"model": name}).status_code == 200


def test_pause_step_go_on_stop_resume(own: Studio, own_runs: Path) -> None:
    name = own.post(f"{API}/runs", json={**LONG, "name": "steered"}).json()["name"]
    wait_for(lambda: phase(own, name) == "training", "the start of the training")
    assert own.post(f"{API}/runs", json={**LONG, "name": "steered"}).status_code == 409
    # A history line covers 1/200 of a run, and this run is very long; its previews appear sooner.
    wait_for(lambda: own.get(f"{API}/runs/{name}/previews").json(), "a preview")
    assert own.post(f"{API}/runs/{name}/step").status_code == 409
    assert own.post(f"{API}/runs/{name}/pause").status_code == 200
    assert phase(own, name) == "paused"
    here = own.get(f"{API}/runs/{name}/previews").json()[-1]
    time.sleep(1)
    assert own.get(f"{API}/runs/{name}/previews").json()[-1] == here
    assert own.post(f"{API}/runs/{name}/continue").status_code == 200
    wait_for(lambda: own.get(f"{API}/runs/{name}/previews").json()[-1] > here, "progress")
    assert own.post(f"{API}/runs/{name}/pause").status_code == 200
    assert own.post(f"{API}/runs/{name}/stop").status_code == 200
    wait_for(lambda: phase(own, name) == "stopped", "the stop of a paused training")
    assert own.post(f"{API}/runs/{name}/pause").status_code == 409
    stopped_at = own.get(f"{API}/runs/{name}").json()["images_seen"]
    assert own.post(f"{API}/runs/{name}/resume").status_code == 200
    wait_for(lambda: phase(own, name) == "training", "the start of the resumed training")
    wait_for(lambda: (own.get(f"{API}/runs/{name}/previews").json() or [0])[-1] > stopped_at, "progress after the resume")
    assert own.post(f"{API}/runs/{name}/stop").status_code == 200
    wait_for(lambda: phase(own, name) == "stopped", "the second stop")


def test_a_step_is_a_line_of_history(own: Studio) -> None:
    options = {"data": "digits", "images": 50_000, "settings": tiny.SETTINGS, "name": "stepped"}
    assert own.post(f"{API}/runs", json=options).status_code == 201
    wait_for(lambda: phase(own, "stepped") == "training", "the start of the training")
    wait_for(lambda: seen(own, "stepped"), "a history line")
    assert own.post(f"{API}/runs/stepped/pause").status_code == 200
    before = seen(own, "stepped")
    assert own.post(f"{API}/runs/stepped/step").status_code == 200
    after = seen(own, "stepped")
    assert before < after
    time.sleep(0.5)
    assert seen(own, "stepped") == after
    assert phase(own, "stepped") == "paused"
    assert own.post(f"{API}/runs/stepped/stop").status_code == 200
    wait_for(lambda: phase(own, "stepped") == "stopped", "the stop")


@pytest.mark.usefixtures("no_training_left")
def test_a_training_outlives_the_server_and_the_next_one_steers_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for first in open_studio(runs):
        assert first.post(f"{API}/runs", json={**LONG, "name": "endless"}).status_code == 201
        wait_for(lambda studio=first: phase(studio, "endless") == "training", "the start of the training")
    assert first.process.returncode is not None
    for second in open_studio(runs):
        assert phase(second, "endless") == "training"
        assert second.post(f"{API}/runs/endless/pause").status_code == 200
    for third in open_studio(runs):
        assert phase(third, "endless") == "paused"
        assert third.post(f"{API}/runs/endless/stop").status_code == 200
        wait_for(lambda studio=third: phase(studio, "endless") == "stopped", "the stop")


@pytest.mark.long
@pytest.mark.usefixtures("no_training_left")
def test_two_studios_over_one_folder_start_a_run_once_and_both_steer_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    one_run, options = f"{API}/runs/shared", {**LONG, "name": "shared"}
    with contextlib.contextmanager(open_studio)(runs) as one, contextlib.contextmanager(open_studio)(runs) as other:
        with ThreadPoolExecutor(2) as pool:
            begun = list(pool.map(lambda studio: studio.post(f"{API}/runs", json=options).status_code, (one, other)))
        assert sorted(begun) == [201, 409]
        wait_for(lambda: phase(other, "shared") == "training", "the start of the training")
        os.kill(json.loads((runs / ".studio" / "shared.json").read_text())["pid"], signal.SIGKILL)
        wait_for(lambda: phase(one, "shared") == "interrupted", "the end of the process")
        assert "killed" in one.get(one_run).json()["problem"]
        second, first = (one, other) if begun[0] == 409 else (other, one)
        assert second.post(f"{one_run}/resume").status_code == 200
        wait_for(lambda: phase(first, "shared") == "training", "the start of the resumed training")
        assert first.post(f"{one_run}/pause").status_code == 200
        assert second.post(f"{one_run}/stop").status_code == 200
        wait_for(lambda: phase(first, "shared") == "stopped", "the stop")


def test_a_run_that_begins_is_there_soon_and_one_that_has_finished_is_not_resumed(own: Studio) -> None:
    options = {"data": "digits", "images": tiny.IMAGES, "settings": tiny.SETTINGS, "name": "brief"}
    assert own.post(f"{API}/runs", json=options).status_code == 201
    begins = own.get(f"{API}/runs/brief")
    assert begins.status_code == 409
    assert "brief" in begins.json()["error"]
    wait_for(lambda: phase(own, "brief") == "finished", "the end")
    again = own.post(f"{API}/runs/brief/resume")
    assert again.status_code == 409
    assert "--resume --images" in again.json()["error"]


@pytest.mark.long
def test_a_killed_training_is_told_of_and_can_be_resumed(own: Studio, own_runs: Path) -> None:
    assert own.post(f"{API}/runs", json={**LONG, "name": "killed"}).status_code == 201
    wait_for(lambda: phase(own, "killed") == "training", "the start of the training")
    os.kill(json.loads((own_runs / ".studio" / "killed.json").read_text())["pid"], signal.SIGKILL)
    wait_for(lambda: phase(own, "killed") == "interrupted", "the end of the process")
    assert own.post(f"{API}/runs/killed/pause").status_code == 409
    assert own.post(f"{API}/runs/killed/resume").status_code == 200
    wait_for(lambda: phase(own, "killed") == "training", "the start of the resumed training")
    assert own.post(f"{API}/runs/killed/stop").status_code == 200
    wait_for(lambda: phase(own, "killed") == "stopped", "the stop")


@pytest.mark.long
def test_more_trainings_than_cores_bear_are_refused(own: Studio) -> None:
    for name in ("one", "two"):
        assert own.post(f"{API}/runs", json={**LONG, "name": name}).status_code == 201
    third = own.post(f"{API}/runs", json={**LONG, "name": "three"})
    assert third.status_code == 429
    assert third.headers["retry-after"]
    for name in ("one", "two"):
        wait_for(lambda name=name: phase(own, name) == "training", "the start of the training")
        assert own.post(f"{API}/runs/{name}/stop").status_code == 200
        wait_for(lambda name=name: phase(own, name) == "stopped", "the stop")


def test_events_bring_what_is_there_and_end_with_the_run(studio: Studio) -> None:
    kinds, lines = [], []
    with httpx.stream("GET", f"{studio.url}{API}/runs/small/events", timeout=PATIENCE) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for text in stream.iter_lines():
            if text.startswith("event: "):
                kinds.append(text.removeprefix("event: "))
            if text.startswith("data: ") and kinds[-1] == "history":
                lines += json.loads(text.removeprefix("data: "))
    assert kinds == ["history", "previews", "facts", "end"]
    assert lines == list(RunFolder(studio.runs / "small").read_history())


def test_events_come_while_it_trains(own: Studio) -> None:
    assert own.post(f"{API}/runs", json={**LONG, "name": "live"}).status_code == 201
    wait_for(lambda: phase(own, "live") == "training", "the start of the training")
    counts: list[int] = []
    with httpx.stream("GET", f"{own.url}{API}/runs/live/events", timeout=PATIENCE) as stream:
        kind = ""
        for text in stream.iter_lines():
            if text.startswith("event: "):
                kind = text.removeprefix("event: ")
            if text.startswith("data: ") and kind == "previews":
                counts += json.loads(text.removeprefix("data: "))
            if len(counts) > 1 and counts[-1] > counts[0]:
                break
    assert counts == sorted(set(counts))
    assert own.post(f"{API}/runs/live/stop").status_code == 200
    wait_for(lambda: phase(own, "live") == "stopped", "the stop")


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"recipe": "fst"}, 400, "'fast'"),
        ({"data": "/etc"}, 400, "'/etc'"),
        ({"data": "../runs"}, 400, "'../runs'"),
        ({"settings": ["penalty.gama=1"]}, 400, "gamma"),
        ({"settings": ["--out=/tmp/x"]}, 400, "--out"),
        ({"settings": ["loss.name=hinje"]}, 400, "hinge"),
        ({"images": 100, "minutes": 1}, 400, "minutes"),
        ({"images": 0}, 422, "images"),
        ({"minutes": -1}, 422, "minutes"),
        ({"name": "../x"}, 400, "'../x'"),
        ({"name": ".hidden"}, 400, "'.hidden'"),
        ({"name": "a b"}, 400, "'a b'"),
        ({"colour": "red"}, 422, "colour"),
        ({"minuts": 1}, 422, "'minutes'"),
        ([], 422, ""),
    ],
)
def test_a_training_that_cannot_be_is_refused_at_once(own: Studio, options: Any, status: int, words: str) -> None:
    found = own.post(f"{API}/runs", json=options)
    assert found.status_code == status, found.text
    assert words in found.json()["error"]


def test_what_is_no_json_is_told_of(own: Studio) -> None:
    found = own.post(f"{API}/runs", content=b'{"images": 640', headers={"Content-Type": "application/json"})
    assert found.status_code == 422
    assert "JSON" in found.json()["error"]


def test_a_training_that_could_not_begin_says_why(own: Studio, own_runs: Path) -> None:
    # Detected only with the data: these networks generate images whose sides are multiples of 64, but digits have 28.
    options = {"data": "digits", "images": 100, "name": "unfit", "settings": ["generator.channels=[8,8,8,8,8,8]"]}
    assert own.post(f"{API}/runs", json=options).status_code == 201

    def words() -> str:
        pending = own.get(f"{API}/runs").json()["pending"]
        return next((each["problem"] for each in pending if each["name"] == "unfit"), "")

    assert "generator.channels" in wait_for(words, "the reason")
    assert own.post(f"{API}/runs/unfit/forget").status_code == 200
    assert own.get(f"{API}/runs").json()["pending"] == []
    assert not (own_runs / ".studio" / "unfit.json").exists()


def test_a_second_stop_lets_the_first_one_save(own: Studio, own_runs: Path) -> None:
    assert own.post(f"{API}/runs", json={**LONG, "name": "twice"}).status_code == 201
    wait_for(lambda: phase(own, "twice") == "training", "the start of the training")
    for _ in range(3):
        assert own.post(f"{API}/runs/twice/stop").status_code in (200, 409)
    wait_for(lambda: phase(own, "twice") == "stopped", "the stop")
    assert RunFolder(own_runs / "twice").model.is_file()


def test_a_stop_while_it_steps_is_not_undone(own: Studio) -> None:
    assert own.post(f"{API}/runs", json={**LONG, "name": "halfway"}).status_code == 201
    wait_for(lambda: phase(own, "halfway") == "training", "the start of the training")
    wait_for(lambda: own.get(f"{API}/runs/halfway/previews").json(), "a preview")
    assert own.post(f"{API}/runs/halfway/pause").status_code == 200
    with ThreadPoolExecutor(1) as pool:
        stepping = pool.submit(own.post, f"{API}/runs/halfway/step")  # its next history line takes long
        wait_for(lambda: phase(own, "halfway") == "training", "the step")
        assert own.post(f"{API}/runs/halfway/stop").status_code == 200
        wait_for(lambda: phase(own, "halfway") == "stopped", "the stop")
        assert stepping.result().status_code == 200


def test_one_that_is_stopped_before_it_has_begun_is_forgotten(own: Studio) -> None:
    assert own.post(f"{API}/runs", json={**LONG, "name": "early"}).status_code == 201
    own.post(f"{API}/runs/early/stop")
    wait_for(lambda: "early" not in own.get(f"{API}/runs").text or phase(own, "early") == "stopped", "the end")
    assert "early" not in [each["name"] for each in own.get(f"{API}/runs").json()["pending"]]


@pytest.mark.parametrize("training", [True, False])
def test_a_run_whose_folder_was_deleted_by_hand_is_gone_from_the_list(own: Studio, own_runs: Path, training: bool) -> None:
    options = {**LONG, "images": 10**7 if training else 100, "name": "deleted", "settings": tiny.SETTINGS}
    assert own.post(f"{API}/runs", json=options).status_code == 201
    wait_for(lambda: phase(own, "deleted") == ("training" if training else "finished"), "the training")
    shutil.rmtree(own_runs / "deleted", ignore_errors=True)
    shutil.rmtree(own_runs / "deleted", ignore_errors=True)  # the training may have written a file meanwhile

    def is_gone() -> bool:
        listed = own.get(f"{API}/runs").json()
        return "deleted" not in [each["name"] for each in (*listed["runs"], *listed["pending"])]

    wait_for(lambda: is_gone() and not (own_runs / ".studio" / "deleted.json").exists(), "the end of the process")
    assert own.get(f"{API}/runs/deleted").status_code == 404


def test_two_that_are_given_no_name_get_two(own: Studio) -> None:
    names = [own.post(f"{API}/runs", json={**LONG, "recipe": "acgan"}).json()["name"] for _ in range(2)]
    assert names == ["acgan-digits-001", "acgan-digits-002"]
    for name in names:
        own.post(f"{API}/runs/{name}/stop")
        wait_for(lambda name=name: name not in own.get(f"{API}/runs").text or phase(own, name) == "stopped", "the end")
