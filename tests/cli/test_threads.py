"""Tests of the thread settings on a machine that runs other programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from digitgan.cli import threads as sharing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libgomp and /proc/stat are Linux's")


@pytest.fixture
def neighbour() -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


@pytest.mark.usefixtures("neighbour")
def test_work_beside_is_noticed() -> None:
    assert sharing.busy_cores(0.3) > 0.5


@pytest.mark.parametrize(("cores", "expected"), [(1.0, sharing.SPINS), (0.05, None)])
def test_threads_look_less_long_where_something_else_runs(
    cores: float, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sharing, "busy_cores", lambda seconds: cores)
    sharing.share_cores()
    assert os.environ.get("GOMP_SPINCOUNT") == expected


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.setattr(sharing, "busy_cores", lambda seconds: 2.0)
    sharing.share_cores()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
