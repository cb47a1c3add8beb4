"""Tests of a disk that fills during training: files stay intact, the message counts bytes, and a resume continues."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests.cli.commands import run as digitgan
from tests.faults.victims import complaint_of, training
from tests.trainings import SMALL, assert_same

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("isolated_home")]

OFTEN = [*(option for option in SMALL if "checkpoints" not in option), "--set=training.checkpoints=50"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a separate file system of 12 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("needs root to mount a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("free", [0, 40_000, 3_000_000])
def test_a_full_disk_loses_nothing_and_with_room_it_goes_on(tmp_path: Path, small_disk: Path, free: int) -> None:
    """Test write errors in the history, a preview, a later checkpoint and the model, by the bytes left after a checkpoint."""
    reference = RunFolder(tmp_path / "reference")
    process = training(reference.path, *OFTEN)
    process.join(120)
    assert process.exitcode == 0

    run = RunFolder(small_disk / "run")
    started = training(run.path, *OFTEN, prepare=Fills(small_disk, free))
    started.join(120)
    complaint = complaint_of(run.path)
    assert started.exitcode == 2, complaint
    assert "No space left on device" in complaint
    assert "free" in complaint
    assert str(run.path) in complaint
    assert "Traceback" not in complaint
    assert checkpoints(run.checkpoints)
    (small_disk / "filler").unlink()
    resumed = training(run.path, "--resume")
    resumed.join(120)
    assert resumed.exitcode == 0, complaint_of(run.path)
    assert_same(run, reference)


class Fills:
    """A function that fills a disk except some bytes, as soon as the first checkpoint is written.

    Args:
        disk: the mount point.
        free: the number of bytes to leave free.
    """

    def __init__(self, disk: Path, free: int) -> None:
        self.disk, self.free = disk, free

    def __call__(self) -> None:
        from digitgan.session.callbacks import checkpoint_writer as saving

        save = saving.save_checkpoint
        filler = self.disk / "filler"

        def saved(*arguments: object) -> Path:
            written: Path = save(*arguments)  # type: ignore[arg-type]
            if not filler.exists():
                room = os.statvfs(self.disk)
                filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - self.free)))
            return written

        saving.save_checkpoint = saved  # type: ignore[assignment]


EXPORTS = {
    "onnx": ["export", "--format=onnx"],
    "keras": ["export", "--format=keras"],
    "torch": ["export", "--format=torch"],
    "huggingface": ["export", "--format=huggingface"],
    "web": ["export", "--format=web"],
    "npz": ["sample", "--count=20000", "--format=npz"],
    "png": ["sample", "--per-class=300", "--format=png"],
    "gif": ["walk"],
}


@pytest.mark.parametrize("what", EXPORTS)
def test_what_does_not_fit_is_not_begun_or_leaves_nothing(
    small_disk: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    (small_disk / "kept").write_bytes(b"kept")
    room = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(room.f_bavail * room.f_frsize - 40_000))
    out = small_disk / f"out.{what}" if what in ("onnx", "npz", "png", "gif") else small_disk / "out"
    assert digitgan(*EXPORTS[what], f"--out={out}", "--quiet") == 2
    complaint = capsys.readouterr().err
    assert str(small_disk) in complaint
    assert "No space left on device" in complaint
    assert "free" in complaint
    assert {path.name for path in small_disk.iterdir()} == {"kept", "filler"}
