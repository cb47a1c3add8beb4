"""Tests of a training whose folder is in use, read-only or removed, whose terminal closes, or whose clock jumps."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import processes, tiny
from tests.faults.victims import complaint_of, training
from tests.trainings import PATIENCE, TWO_EPOCHS, assert_same, finish, start, wait_until_seen

pytestmark = pytest.mark.usefixtures("isolated_home")

LONG = tiny.options("training.images=1000000", "training.checkpoints=1000")


def wait_for_a_checkpoint(run: RunFolder, meanwhile: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not checkpoints(run.checkpoints):
        assert time.monotonic() < deadline
        meanwhile()
        time.sleep(0.02)


def assert_it_goes_on(run: RunFolder) -> None:
    seen = int(checkpoints(run.checkpoints)[-1].name)
    resumed = training(run.path, "--resume", f"--images={seen + 320}")
    resumed.join(PATIENCE)
    assert resumed.exitcode == 0, complaint_of(run.path)


def test_a_second_process_is_refused_until_the_first_has_died(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    first = training(run.path, *LONG)
    wait_for_a_checkpoint(run)
    for options in (["--resume"], [*LONG, "--overwrite"]):
        second = processes.run(
            [sys.executable, "-m", "digitgan", "train", "--out", str(run.path), "--quiet", *options],
            capture_output=True,
            text=True,
            env=os.environ | {"COLUMNS": "1000"},
            timeout=PATIENCE,
        )
        assert second.returncode == 2
        assert "another process" in second.stderr
    assert first.is_alive()
    first.kill()
    first.join()
    assert_it_goes_on(run)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that can be made read-only. For root, who can write to any folder, it is a separate file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() == 0:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", str(disk)], capture_output=True, text=True)
        if mounted.returncode and not os.environ.get("CI"):
            pytest.skip(f"root can mount nothing here: {mounted.stderr}")
        assert mounted.returncode == 0, mounted.stderr
    yield disk
    if os.geteuid() == 0:
        subprocess.run(["umount", str(disk)], check=True)


def set_writable(disk: Path, writable: bool) -> None:
    if os.geteuid() == 0:
        command = ["mount", "-o", f"remount,{'rw' if writable else 'ro'}", str(disk)]
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(command, capture_output=True).returncode:  # fails while a file is open for writing
            assert time.monotonic() < deadline
    else:
        for folder in (disk / "run", disk / "run" / "checkpoints"):
            folder.chmod(0o700 if writable else 0o500)


def test_a_folder_made_read_only_ends_it_with_what_was_saved(disk: Path) -> None:
    run = RunFolder(disk / "run")
    process = training(run.path, *LONG)
    wait_for_a_checkpoint(run)
    set_writable(disk, False)
    process.join(PATIENCE)
    set_writable(disk, True)
    assert process.exitcode == 2
    complaint = complaint_of(run.path)
    assert str(run.path) in complaint
    assert "Traceback" not in complaint
    assert_it_goes_on(run)


def test_a_folder_removed_midway_ends_it_with_one_clear_message(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = training(run.path, *LONG)
    wait_for_a_checkpoint(run)
    run.path.rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "moved")
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        pytest.fail("the training continued without its folder")
    complaint = complaint_of(run.path)
    assert process.exitcode == 2, complaint
    assert "Traceback" not in complaint
    assert str(run.path) in complaint


def test_a_terminal_that_is_closed_ends_it_with_a_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    command = ["-m", "digitgan", "train", "--out", str(run.path), *LONG]
    terminal = pexpect.spawn(sys.executable, command, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))

    def read() -> None:  # the process blocks if the terminal is not read
        with contextlib.suppress(pexpect.TIMEOUT):
            terminal.read_nonblocking(10_000, timeout=0)

    wait_for_a_checkpoint(run, meanwhile=read)
    terminal.ptyproc.fileobj.close()  # the system then sends SIGHUP
    terminal.closed = terminal.ptyproc.closed = True  # pexpect must not close a reused descriptor
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert_it_stopped_with_a_checkpoint(run)


@pytest.mark.parametrize(
    "interrupted", [pytest.param(False, id="alone", marks=pytest.mark.long), pytest.param(True, id="with Ctrl-C")]
)
def test_a_reader_that_goes_ends_it_with_a_checkpoint(tmp_path: Path, interrupted: bool) -> None:
    """Test `digitgan train 2>&1 | head -1`, and Ctrl-C in `digitgan train 2>&1 | tee`, which both processes receive."""
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "digitgan", "train", "--out", str(run.path), *LONG]
    process = processes.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for_a_checkpoint(run)
    assert process.stdout is not None
    if interrupted:
        process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(PATIENCE) == 128 + (signal.SIGINT if interrupted else signal.SIGPIPE)
    assert_it_stopped_with_a_checkpoint(run)


def test_a_reader_of_progress_that_goes_leaves_the_result_to_whoever_reads_that(tmp_path: Path) -> None:
    """Test `digitgan train --json 2>&1 >result.json | head -1`."""
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "digitgan", "train", "--json", "--out", str(run.path), *LONG]
    with (tmp_path / "result.json").open("w") as result:
        process = processes.Popen(command, stdout=result, stderr=subprocess.PIPE)
    wait_for_a_checkpoint(run)
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(PATIENCE) == 128 + signal.SIGPIPE
    assert json.loads((tmp_path / "result.json").read_text())["images_seen"] == run.read_record()["images_seen"]


def assert_it_stopped_with_a_checkpoint(run: RunFolder) -> None:
    record = run.read_record()
    assert record["status"] == "stopped"
    assert record["images_seen"] == int(checkpoints(run.checkpoints)[-1].name)
    assert_it_goes_on(run)


@pytest.mark.long
def test_a_pause_is_no_time_trained(tmp_path: Path) -> None:
    """Test a pause by Ctrl-Z or by the studio."""
    run, pause = RunFolder(tmp_path / "run"), 6
    process = start(run.path)
    wait_until_seen(run, 640, process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(pause)
    process.send_signal(signal.SIGCONT)
    finish(process)
    seconds = [line["seconds"] for line in run.read_history()]
    longest = max(later - earlier for earlier, later in itertools.pairwise(seconds))
    assert longest < 0.8 * pause


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file from which libfaketime reads the clock offset of the processes started by the test."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries and not os.environ.get("CI"):
        pytest.skip("needs libfaketime: apt install faketime")
    file = tmp_path / "clock"
    file.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(libraries[0]))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")  # only the wall clock of a system can be set
    return file


@pytest.mark.long
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, clock: Path) -> None:
    run, reference = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "reference")
    finish(start(reference.path))
    # The processes of `start` are forked from one that was started without the library.
    command = [sys.executable, "-m", "digitgan", "train", *TWO_EPOCHS, "--out", str(run.path), "--quiet"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    wait_until_seen(run, 320, process)
    assert "libfaketime" in Path(f"/proc/{process.pid}/maps").read_text()
    for jump, images_seen in (("-3650d", 640), ("+7300d", 1600), ("-1h", 2560)):
        wait_until_seen(run, images_seen, process)
        clock.write_text(jump)
    finish(process)
    clock.write_text("+7300d")
    year = subprocess.run(
        [sys.executable, "-c", "import time; print(time.localtime().tm_year)"], capture_output=True, text=True
    )
    assert int(year.stdout) >= time.localtime().tm_year + 19, "libfaketime does not change the clock"
    assert_same(run, reference)
    seconds = [line["seconds"] for line in run.read_history()]
    assert seconds == sorted(seconds)
    assert 0 < seconds[-1] < 200
