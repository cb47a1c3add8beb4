"""Whole journeys, on real processes: the command line through its argv, kills with real signals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.cli.commands import run

Finished = subprocess.CompletedProcess[str]
Digitgan = Callable[..., Finished]


@pytest.fixture
def digitgan(tmp_path: Path, isolated_home: Path) -> Digitgan:
    """Runs `digitgan ARGV` in an empty folder and waits for it."""

    def started(*argv: str) -> Finished:
        command = [sys.executable, "-m", "digitgan", *argv]
        return processes.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return started


@pytest.fixture
def here(tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Digitgan:
    """The same in this process, which saves loading torch: for journeys on which nothing is killed."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Finished:
        capsys.readouterr()
        code = run(*argv)
        printed, complaint = capsys.readouterr()
        return Finished(argv, code, printed, complaint)

    return call
