"""A scenario of a killed comparison, which continues and has the same result as an uninterrupted one."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from digitgan.training.checkpoint import checkpoints
from tests import processes, tiny
from tests.faults.victims import Signals
from tests.processes import PATIENCE
from tests.scenarios.conftest import Digitgan
from tests.trainings import ROOT

pytestmark = pytest.mark.usefixtures("caches_at_hand")

ARGV = (
    "compare",
    "fast",
    "wgan-gp",
    "--images=640",
    "--seeds=1",
    "--draw=200",
    *tiny.options("training.checkpoints=20", "training.evaluate_every=640", named=False),
)


def metrics(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))["entries"]
    return [{key: value for key, value in entry.items() if key not in ("seconds", "run")} for entry in entries]


@pytest.mark.long
def test_a_killed_comparison_continues(digitgan: Digitgan, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    in_the_second = Signals(signal.SIGKILL, "CheckpointWriter", "CheckpointDue", 320, "wgan-gp")
    process = processes.run(in_the_second.command(*ARGV, f"--out={killed}", "--quiet"), cwd=ROOT, timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    first_model = killed / "runs" / "fast-0" / "model.safetensors"
    made = first_model.stat().st_mtime_ns
    assert not (killed / "comparison.json").exists()
    images_seen = max(int(path.name) for path in checkpoints(killed / "runs" / "wgan-gp-0" / "checkpoints"))
    assert images_seen > 0

    done = digitgan(*ARGV, f"--out={killed}")
    assert done.returncode == 0, done.stderr
    assert "/fast-0" in "".join(done.stderr.split())  # long paths are wrapped
    assert f" {images_seen:,} " in " ".join(done.stderr.split())
    assert first_model.stat().st_mtime_ns == made

    whole = digitgan(*ARGV, "--out=whole", "--quiet")
    assert whole.returncode == 0, whole.stderr
    assert metrics(killed) == metrics(tmp_path / "whole")
