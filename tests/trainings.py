"""Tiny trainings in separate processes, and their comparison."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import processes, tiny
from tests.faults.victims import Signals
from tests.processes import PATIENCE

TWO_EPOCHS = (*tiny.options("training.images=3200", "training.checkpoints=10"), "--seed=3")
"""The tiny recipe for a little more than two epochs of the 1,500 digits, with a checkpoint every 320 images."""

ROOT = Path(__file__).parents[1]


def start(out: Path, *more: str, meets: Signals | None = None) -> subprocess.Popen[bytes]:
    """Start a training of two epochs in the background, optionally with a signal at an event."""
    arguments = ["train", *TWO_EPOCHS, "--out", str(out), "--quiet", *more]
    command = [sys.executable, "-m", "digitgan", *arguments] if meets is None else meets.command(*arguments)
    return processes.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes], expected: int = 0) -> str:
    _, complaint = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == expected, complaint.decode()
    return complaint.decode()


def wait_until_seen(run: RunFolder, images_seen: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the history has a line with at least this number of images seen."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        lines = list(run.read_history())
        if lines and lines[-1]["images_seen"] >= images_seen:
            return
        if ended:
            break
        time.sleep(0.01)
    pytest.fail(f"the training ended, or did not see {images_seen} images in time")


def history(run: RunFolder) -> list[dict[str, float]]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in run.read_history()]


def assert_same(run: RunFolder, reference: RunFolder) -> None:
    """Assert that two runs are equal except for the time."""
    ours, theirs = checkpoints(run.checkpoints)[-1], checkpoints(reference.checkpoints)[-1]
    assert ours.name == theirs.name
    state, expected = load_file(ours / "state.safetensors"), load_file(theirs / "state.safetensors")
    assert state.keys() == expected.keys()
    assert {name for name in state if "exp_avg_sq" in name}, "includes the optimiser states"
    assert {name for name in state if name.startswith("ema.")}
    different = [name for name in state if state[name].numpy().tobytes() != expected[name].numpy().tobytes()]
    assert different == []
    assert history(run) == history(reference)
    model, expected_model = load_file(run.model), load_file(reference.model)
    assert all(model[name].numpy().tobytes() == expected_model[name].numpy().tobytes() for name in expected_model)
    assert [path.name for path in run.preview_files()] == [path.name for path in reference.preview_files()]
    for path, expected_path in zip(run.preview_files(), reference.preview_files(), strict=True):
        assert path.read_bytes() == expected_path.read_bytes(), path.name
    assert run.recipe.read_text() == reference.recipe.read_text()
