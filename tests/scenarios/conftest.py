"""Fixtures of the scenario tests, which run the command line in real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.cli.commands import run
from tests.processes import PATIENCE

Finished = subprocess.CompletedProcess[str]
Digitgan = Callable[..., Finished]


@pytest.fixture
def digitgan(tmp_path: Path, isolated_home: Path) -> Digitgan:
    """Return a function that runs `digitgan ARGV` in an empty folder and waits for its end."""

    def started(*argv: str) -> Finished:
        command = [sys.executable, "-m", "digitgan", *argv]
        return processes.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)

    return started


@pytest.fixture
def here(tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Digitgan:
    """Return a function that runs `digitgan ARGV` in this process, which avoids the import of torch."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Finished:
        capsys.readouterr()
        code = run(*argv)
        printed, complaint = capsys.readouterr()
        return Finished(argv, code, printed, complaint)

    return call
