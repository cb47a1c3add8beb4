"""Tests of the look into a training: snapshots, the pace that a viewer requests, and that the training does not change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitgan.runs import RunFolder
from digitgan.runs.lab import SECONDS_ALIVE, LabFolder, Pace
from digitgan.session.callbacks import lab
from digitgan.session.plan import TrainPlan
from digitgan.training import Control
from tests.processes import PATIENCE
from tests.session.conftest import NewPlan, execute
from tests.trainings import assert_same

pytestmark = pytest.mark.usefixtures("no_curves")


def watched(plan: TrainPlan, pace: Pace = Pace()) -> LabFolder:  # noqa: B008
    """Let a viewer look at a run from its first step on."""
    plan.run.path.mkdir(parents=True)
    plan.run.lab.write_pace(pace)
    return plan.run.lab


@pytest.fixture
def beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the folder of a viewer that looks before the run begins."""
    monkeypatch.setattr("digitgan.session.session.new_run", lambda path, overwrite: RunFolder(path))


@pytest.mark.usefixtures("beginning")
def test_a_look_changes_nothing_of_the_training(new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(lab, "MAX_SHARE", 1e9)
    monkeypatch.setattr(lab, "LOOK_SECONDS", 0.0)
    plain, seen = (new_plan("discriminator.dropout=0.3", name=name) for name in ("plain", "seen"))
    execute(plain)
    folder = watched(seen)
    execute(seen)
    found = folder.read_snapshot()
    assert found is not None
    arrays, facts = found
    assert facts["images_seen"] == 160
    assert arrays["real_images"].shape == arrays["fake_images"].shape == arrays["fake_gradient"].shape == (12, 28, 28)
    assert arrays["fixed_images"].shape == arrays["fixed_gradient"].shape == (10, 28, 28)
    assert arrays["fixed_labels"].tolist() == list(range(10))
    assert arrays["fake_scores"].shape == arrays["real_scores"].shape == (16,)
    np.testing.assert_array_equal(arrays["fake_scores"][:12], arrays["fake_shown_scores"])
    assert np.abs(arrays["fake_gradient"]).reshape(12, -1).max(axis=1).tolist() == [127] * 12
    assert set(facts["variety"]) == set("0123456789")
    assert_same(seen.run, plain.run)


def test_without_a_viewer_only_the_state_at_the_end_is_written(new_plan: NewPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = LabFolder.write_snapshot
    monkeypatch.setattr(LabFolder, "write_snapshot", lambda *given: (written.append(given[2]["images_seen"]), write(*given)))
    plan = new_plan()
    execute(plan)
    assert written == [plan.recipe.training.images]
    assert [path.name for path in plan.run.lab.path.iterdir()] == ["snapshot.npz"]
    arrays, facts = snapshot_of(plan.run.lab)
    assert (facts["updated"], facts["paired"]) == ("", plan.recipe.loss.name == "relativistic")
    assert arrays["fake_latents"].shape == (12, plan.recipe.generator.latent)
    assert "fake_earlier_scores" not in arrays


def snapshot_of(folder: LabFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    found = folder.read_snapshot()
    assert found is not None
    return found


class Viewer:
    """A viewer in a thread beside the training."""

    def __init__(self, folder: LabFolder) -> None:
        self.folder = folder
        self.pace = Pace("paused")

    def next(self, *, updates: int = 0, steps: int = 0) -> tuple[int, str, float]:
        """Request updates or steps, and return the step, the updated network and the score of the first fake after them."""
        before = self.state()
        self.pace = Pace("paused", 1.0, self.pace.updates + updates, self.pace.steps + steps)
        self.folder.write_pace(self.pace)
        return self.wait_for(lambda: self.state() != before)

    def state(self) -> tuple[int, str, float]:
        found = self.folder.read_snapshot()
        if found is None:
            return (-1, "", 0.0)
        arrays, facts = found
        return facts["step"], facts["updated"], float(arrays["fake_shown_scores"][0])

    def wait_for(self, what: Callable[[], bool]) -> tuple[int, str, float]:
        until = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < until
            time.sleep(0.01)
        return self.state()


@pytest.mark.usefixtures("beginning")
def test_a_paused_training_goes_on_by_halves_and_whole_steps(new_plan: NewPlan) -> None:
    plan, whole = new_plan(), new_plan(name="whole")
    viewer = Viewer(watched(plan, Pace("paused")))
    training = threading.Thread(target=execute, args=(plan,))
    training.start()
    try:
        step, updated, score = viewer.wait_for(lambda: viewer.state()[0] >= 1)
        assert (step, updated) == (1, "generator")
        places, seen = [], []
        for _ in range(4):
            places.append(viewer.next(updates=1))
            seen.append(snapshot_of(viewer.folder)[0])
        for discriminator, generator in (seen[:2], seen[2:]):
            for arrays in (discriminator, generator):
                assert (arrays["fake_earlier_scores"] != arrays["fake_scores"]).all()
            assert (discriminator["real_earlier_scores"] != discriminator["real_scores"]).all()
            for kind in ("real", "fake"):  # the images of a step are scored before it, between its updates, and after it
                np.testing.assert_array_equal(generator[f"{kind}_earlier_scores"], discriminator[f"{kind}_scores"])
            np.testing.assert_array_equal(generator["real_earlier_scores"], generator["real_scores"])
        assert [place[:2] for place in places] == [
            (2, "discriminator"),
            (2, "generator"),
            (3, "discriminator"),
            (3, "generator"),
        ]
        assert len({score, *(place[2] for place in places)}) == 5, "each update changes the scores"
        assert viewer.next(steps=1)[:2] == (4, "generator")
        assert viewer.next(updates=1)[:2] == (5, "discriminator")
        assert viewer.next(steps=1)[:2] == (5, "generator"), "a step that has begun is completed"
    finally:
        viewer.folder.write_pace(Pace("full"))
        training.join(PATIENCE)
    assert plan.run.read_record()["status"] == "finished"
    execute(whole)
    assert_same(plan.run, whole.run)


@pytest.mark.usefixtures("beginning")
def test_waits_do_not_count_as_training_and_end_with_a_stop_and_without_a_viewer(new_plan: NewPlan) -> None:
    plan, control = new_plan(), Control()
    folder = watched(plan, Pace("paused"))
    training = threading.Thread(target=execute, args=(plan, control))
    training.start()
    Viewer(folder).wait_for(lambda: folder.snapshot.exists())
    time.sleep(2)
    control.stop()
    training.join(PATIENCE)
    record = plan.run.read_record()
    assert (record["status"], record["images_seen"]) == ("stopped", 16)
    assert record["seconds"] < 2

    left = new_plan(name="left")
    folder = watched(left, Pace("paused"))
    training = threading.Thread(target=execute, args=(left,))
    training.start()
    Viewer(folder).wait_for(lambda: folder.snapshot.exists())
    earlier = time.time() - SECONDS_ALIVE - 1
    os.utime(folder.pace, (earlier, earlier))
    training.join(PATIENCE)
    assert left.run.read_record()["status"] == "finished"


@pytest.mark.usefixtures("beginning")
def test_slow_motion_waits_after_each_update(new_plan: NewPlan) -> None:
    plan = new_plan()
    watched(plan, Pace("slow", 0.1))
    started = time.monotonic()
    execute(plan)
    assert time.monotonic() - started >= 0.1 * 19  # the first step is not slowed in its middle


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"name": "fast"}', '{"name": "slow", "seconds": 1e9}', '{"name": "paused", "updates": "x"}', '{"x": 1}'],
)
def test_a_damaged_request_counts_as_none(tmp_path: Path, content: str) -> None:
    folder = LabFolder(tmp_path)
    folder.pace.write_text(content)
    assert folder.read_pace() is None
    folder.keep_alive()
    assert folder.read_pace() == Pace()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_a_damaged_snapshot_counts_as_none(tmp_path: Path, content: bytes) -> None:
    folder = LabFolder(tmp_path)
    folder.write_snapshot({"real_scores": np.zeros(3, np.float32)}, {"step": 1})
    found = folder.read_snapshot()
    assert found is not None
    assert found[1] == {"step": 1}
    folder.snapshot.write_bytes(content)
    assert folder.read_snapshot() is None
