"""Tests of a disk that fills during training: files stay intact, the message counts bytes, and a resume continues."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import tiny
from tests.cli.commands import run as digitgan
from tests.faults.victims import complaint_of, training
from tests.trainings import assert_same

pytestmark = pytest.mark.usefixtures("isolated_home")

OPTIONS = tiny.options("training.images=1600", "training.checkpoints=2")
"""A training with a checkpoint after half of its images and at its end, and two previews between them."""

STAGES = {"history.jsonl": 0, "previews": 1, "checkpoints": 3, "model.safetensors": 4}
"""The file or folder that no longer fits, and the number of writes before it in `room_until`."""


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


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return an uninterrupted run."""
    run = RunFolder(tmp_path_factory.mktemp("reference") / "run")
    process = training(run.path, *OPTIONS)
    process.join(120)
    assert process.exitcode == 0, complaint_of(run.path)
    return run


def room_until(run: RunFolder, stage: str) -> int:
    """Return the bytes that a training writes from its first checkpoint to the middle of a stage; none for the history."""

    def size(*paths: Path) -> int:
        return sum(-(-path.stat().st_size // 4096) * 4096 for path in paths)  # in whole pages

    third, fourth = run.preview_files()[2:]
    checkpoint = checkpoints(run.checkpoints)[-1]
    writes = [size(run.history) // 2, size(third), size(fourth), size(*checkpoint.iterdir()), size(run.model)]
    before = STAGES[stage]
    return sum(writes[:before]) + writes[before] // 2 if before else 0


@pytest.mark.parametrize(
    "stage",
    [pytest.param(each, marks=[pytest.mark.long] if each in ("previews", "model.safetensors") else []) for each in STAGES],
)
def test_a_full_disk_loses_nothing_and_with_room_it_goes_on(
    tmp_path: Path, small_disk: Path, reference: RunFolder, stage: str
) -> None:
    run = RunFolder(small_disk / "run")
    started = training(run.path, *OPTIONS, prepare=Fills(small_disk, room_until(reference, stage)))
    started.join(120)
    complaint = complaint_of(run.path)
    assert started.exitcode == 2, complaint
    assert "No space left on device" in complaint
    assert "free" in complaint
    assert str(run.path / stage) in complaint
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
    out = small_disk / ("out.pt2" if what == "torch" else "out" if what in ("keras", "huggingface", "web") else f"out.{what}")
    assert digitgan(*EXPORTS[what], f"--out={out}", "--quiet") == 2
    complaint = capsys.readouterr().err
    assert str(small_disk) in complaint
    assert "No space left on device" in complaint
    assert "free" in complaint
    assert {path.name for path in small_disk.iterdir()} == {"kept", "filler"}
