"""Fixtures for the studio: `digitgan serve` in a separate process, on a folder that contains a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import httpx
import pytest

from tests import processes
from tests.processes import PATIENCE


@final
@dataclass(frozen=True)
class Studio:
    """A running server.

    Attributes:
        url: address without a token and without a trailing slash.
        token: required token, or "".
        runs: folder that contains the runs.
        process: process of the server.
    """

    url: str
    token: str
    runs: Path
    process: subprocess.Popen[str]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", timeout=PATIENCE, **options)


def open_studio(runs: Path, *options: str, port: int = 0) -> Iterator[Studio]:
    command = [sys.executable, "-m", "digitgan", "serve", str(runs), "--port", str(port), "--json", *options]
    with processes.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONWARNINGS": "error"}) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"]
        url, _, token = address.partition("?token=")
        try:
            yield Studio(url.rstrip("/"), token, runs, process)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_run: Path) -> Path:
    """Return a folder that contains a finished run, `small`."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    shutil.copytree(tiny_run, folder / "small")
    return folder


@pytest.fixture(scope="session")
def studio(runs: Path) -> Iterator[Studio]:
    yield from open_studio(runs)
