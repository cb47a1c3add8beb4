"""Scenario tests: a resumed run equals an uninterrupted one, bit for bit on one CPU."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import processes, tiny
from tests.faults.victims import Signals
from tests.trainings import PATIENCE, TWO_EPOCHS, assert_same, finish, start

pytestmark = pytest.mark.usefixtures("isolated_home")

SHORTER = "--images=640"
"""For trainings with two threads, which are slow if other programs run."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("uninterrupted") / "run")
    finish(start(run.path))
    assert json.loads(run.record.read_text())["status"] == "finished"
    return run


# In the first epoch, in the middle of the second, and shortly before the end, in the decay of the learning rate.
@pytest.mark.parametrize(
    "killed_after", [pytest.param(500, marks=pytest.mark.long), pytest.param(2240, marks=pytest.mark.long), 3008]
)
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, uninterrupted: RunFolder, killed_after: int) -> None:
    run = RunFolder(tmp_path / "run")
    finish(start(run.path, meets=Signals(signal.SIGKILL, "History", "Stepped", killed_after)), -signal.SIGKILL)
    assert not run.model.exists()
    last = int(checkpoints(run.checkpoints)[-1].name)
    assert killed_after - 320 <= last < killed_after
    finish(start(run.path, "--resume"))
    assert_same(run, uninterrupted)


@pytest.mark.long
def test_killed_and_resumed_equals_uninterrupted_with_two_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    finish(start(whole.path, SHORTER))
    assert json.loads(whole.record.read_text())["arithmetic"]["threads"] == 2
    finish(start(killed.path, SHORTER, meets=Signals(signal.SIGKILL, "History", "Stepped", 300)), -signal.SIGKILL)
    finish(start(killed.path, "--resume"))
    assert_same(killed, whole)


def test_the_same_command_makes_the_same_weights_beside_other_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test the default precision, which must not depend on a time measurement."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    options = [option for option in tiny.options("training.images=640") if "precision" not in option]
    command = [sys.executable, "-m", "digitgan", "train", *options, "--quiet", "--out"]
    quiet, busy = RunFolder(tmp_path / "quiet"), RunFolder(tmp_path / "busy")
    processes.run([*command, str(quiet.path)], check=True)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        processes.run([*command, str(busy.path)], check=True)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    assert_same(busy, quiet)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_stopped_leaves_a_checkpoint_and_a_model_and_can_go_on(
    tmp_path: Path, uninterrupted: RunFolder, number: signal.Signals, code: int
) -> None:
    run = RunFolder(tmp_path / "run")
    finish(start(run.path, meets=Signals(number, "History", "Stepped", 1000)), code)
    record = json.loads(run.record.read_text())
    assert record["status"] == "stopped"
    assert int(checkpoints(run.checkpoints)[-1].name) == record["images_seen"]
    draw = [sys.executable, "-m", "digitgan", "sample", str(run.path), "--labels=7", "--out", str(tmp_path / "sevens.png")]
    assert processes.run(draw, check=False).returncode == 0
    finish(start(run.path, "--resume"))
    assert_same(run, uninterrupted)


def test_a_resume_by_other_arithmetic_says_so_and_is_recorded(
    tmp_path: Path, uninterrupted: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "earlier_arithmetic" not in json.loads(uninterrupted.record.read_text())
    run = RunFolder(tmp_path / "run")
    finish(start(run.path, SHORTER, meets=Signals(signal.SIGKILL, "History", "Stepped", 100)), -signal.SIGKILL)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    command = [sys.executable, "-m", "digitgan", "train", "--out", str(run.path), "--resume"]
    done = processes.run(command, capture_output=True, text=True, check=True)
    assert "threads 1 -> 2" in done.stderr
    record = json.loads(run.record.read_text())
    assert record["arithmetic"]["threads"] == 2
    assert [(earlier["until"], earlier["threads"]) for earlier in record["earlier_arithmetic"]] == [(64, 1)]


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    large = [
        "fast",
        "--data=digits",
        "--set=training.batch_size=16384",
        "--set=training.precision=float32",
        "--images=10000000",
    ]
    command = [sys.executable, "-m", "digitgan", "train", *large, "--out", str(run.path)]
    with processes.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not run.record.exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(1)  # the first step takes many seconds
        process.send_signal(signal.SIGTERM)
        # Python handles a signal between two operations; a second signal before that would be merged with the first.
        assert process.stderr is not None
        while "checkpoint" not in process.stderr.readline():
            assert process.poll() is None
        assert process.poll() is None, "the first signal lets the step finish"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == -signal.SIGTERM


def test_a_finished_run_can_be_extended(tmp_path: Path, uninterrupted: RunFolder) -> None:
    run = RunFolder(tmp_path / "run")
    subprocess.run(["cp", "-r", str(uninterrupted.path), str(run.path)], check=True)
    finish(start(run.path, "--resume", "--images=4000"))
    record = json.loads(run.record.read_text())
    assert (record["status"], record["images_seen"]) == ("finished", 4000)
    assert [line["images_seen"] for line in run.read_history()][-1] == 4000
    assert run.read_recipe().training.images == 4000


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, uninterrupted: RunFolder) -> None:
    run = RunFolder(tmp_path / "run")
    subprocess.run(["cp", "-r", str(uninterrupted.path), str(run.path)], check=True)
    newest = checkpoints(run.checkpoints)[-1] / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    (run.checkpoints / "00009999.part").mkdir()
    environment = {**os.environ, "COLUMNS": "1000"}
    command = [sys.executable, "-m", "digitgan", "train", *TWO_EPOCHS, "--out", str(run.path), "--resume"]
    done = processes.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert str(newest) in done.stderr
    assert not (run.checkpoints / "00009999.part").exists()
    assert_same(run, uninterrupted)


def test_resuming_otherwise_is_refused_and_nothing_changes(tmp_path: Path, uninterrupted: RunFolder) -> None:
    run = RunFolder(tmp_path / "run")
    subprocess.run(["cp", "-r", str(uninterrupted.path), str(run.path)], check=True)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "digitgan", "train", "--out", str(run.path), "--resume", "--set=penalty.gamma=0.5"]
    done = processes.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert re.search(r"penalty\.gamma: 0\.05 -> 0\.5", " ".join(done.stderr.split()))
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
