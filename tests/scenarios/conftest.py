"""Whole journeys, on real processes: the command line through its argv, kills with real signals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Finished = subprocess.CompletedProcess[str]
Digitgan = Callable[..., Finished]


@pytest.fixture
def digitgan(tmp_path: Path, isolated_home: Path) -> Digitgan:
    """Runs `digitgan ARGV` in an empty folder and waits for it."""

    def run(*argv: str) -> Finished:
        command = [sys.executable, "-m", "digitgan", *argv]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return run
