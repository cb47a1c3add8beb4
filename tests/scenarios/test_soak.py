"""A minute of training and of requests to a studio that shows it: memory and file handles do not grow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PATIENCE
from tests.trainings import ROOT

LARGEST_GROWTH = 0.1
"""Growth of the memory that counts as a leak. Half an hour gives 1 to 3 %; the first minutes vary more."""

FEW_HANDLES = 3
"""Handles that a process may hold for a moment: a file being written, a connection being closed."""


@pytest.mark.long
@pytest.mark.usefixtures("caches_at_hand")
def test_memory_and_handles_do_not_grow_while_it_trains_and_serves(tmp_path: Path) -> None:
    soak = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), "--minutes", "1", "--out", str(tmp_path / "soak.json")]
    subprocess.run(soak, cwd=tmp_path, check=True, capture_output=True, timeout=2 * PATIENCE)
    report = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    assert report["exit_code_of_the_training"] == 143
    assert set(report["answers"]) == {"200", "event", "snapshot"}
    for name, row in report["growth"].items():
        assert row["share"] < LARGEST_GROWTH, name
        assert max(row["handles"]["after"]) <= max(row["handles"]["before"]) + FEW_HANDLES, name
