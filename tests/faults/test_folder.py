"""What becomes of a run's folder while it trains: taken by a second process, made read-only, removed; a terminal that goes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests.faults.victims import complaint_of, training
from tests.trainings import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("isolated_home")]

LONG = [*(option for option in SMALL if "--images" not in option and "checkpoints" not in option), "--images=1000000"]
OFTEN = "--set=training.checkpoints=1000"


def wait_for_a_checkpoint(run: RunFolder) -> None:
    deadline = time.monotonic() + 60
    while not checkpoints(run.checkpoints):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_it_goes_on(run: RunFolder) -> None:
    seen = int(checkpoints(run.checkpoints)[-1].name)
    resumed = training(run.path, "--resume", f"--images={seen + 320}")
    resumed.join(120)
    assert resumed.exitcode == 0, complaint_of(run.path)


def test_a_second_process_is_refused_until_the_first_has_died(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    first = training(run.path, *LONG, OFTEN)
    wait_for_a_checkpoint(run)
    for options in (["--resume"], [*LONG, "--overwrite"]):
        second = subprocess.run(
            [sys.executable, "-m", "digitgan", "train", "--out", str(run.path), "--quiet", *options],
            capture_output=True,
            text=True,
            env=os.environ | {"COLUMNS": "1000"},
            timeout=120,
        )
        assert second.returncode == 2
        assert "another process is training in it" in second.stderr
    assert first.is_alive()
    first.kill()
    first.join()
    assert_it_goes_on(run)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_made_read_only_ends_it_with_what_was_saved(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = training(run.path, *LONG, OFTEN)
    wait_for_a_checkpoint(run)
    run.checkpoints.chmod(0o500)
    process.join(60)
    run.checkpoints.chmod(0o700)
    assert process.exitcode == 2
    assert str(run.checkpoints) in complaint_of(run.path)
    assert checkpoints(run.checkpoints)


def test_a_folder_removed_midway_ends_it_with_one_clear_message(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = training(run.path, *LONG, OFTEN)
    wait_for_a_checkpoint(run)
    run.path.rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "moved")
    process.join(60)
    if process.is_alive():
        process.kill()
        pytest.fail("it goes on without a folder")
    complaint = complaint_of(run.path)
    assert process.exitcode == 2, complaint
    assert "Traceback" not in complaint
    assert str(run.path) in complaint


def test_a_terminal_that_goes_leaves_a_run_to_go_on_with(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = training(run.path, *LONG, OFTEN)
    wait_for_a_checkpoint(run)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGHUP)
    process.join(10)
    assert process.exitcode == -signal.SIGHUP
    assert_it_goes_on(run)
