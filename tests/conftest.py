"""What every test stands on: the same arithmetic everywhere, a home of its own, and MNIST where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Sums are rounded differently by another number of threads, so it is fixed, here and in the processes that tests start,
# and before anything imports torch. No test needs a window.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "2"
os.environ["MPLBACKEND"] = "Agg"

# Examples take as long as they take on a busy machine; in CI they are the same ones every time.
settings.register_profile("digitgan", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("digitgan")


def pytest_configure(config: pytest.Config) -> None:
    """Keep matplotlib's font cache between runs: a test with a home of its own would spend seconds building it."""
    if config.cache is not None:
        os.environ["MPLCONFIGDIR"] = str(config.cache.mkdir("matplotlib"))


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    import torch

    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder `DIGITGAN_DATA` names, with MNIST's files in its `mnist/`.

    Without them a test is skipped, except in CI, where a missing folder would hide that nothing was tested.
    """
    named = os.environ.get("DIGITGAN_DATA")
    if named and any((Path(named) / "mnist").glob("train-images-idx3-ubyte*")):
        return Path(named).resolve()
    reason = f"DIGITGAN_DATA={named}: no mnist/train-images-idx3-ubyte there" if named else "DIGITGAN_DATA is not set"
    if os.environ.get("CI"):
        pytest.fail(f"MNIST is needed in CI: {reason}")
    pytest.skip(f"MNIST is not at hand: {reason}")


@pytest.fixture
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, for tests of the command line: no caches, no data, no colours, lines of 100 characters."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("DIGITGAN_DATA", "FORCE_COLOR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home
