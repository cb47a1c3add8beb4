"""Every test leaves the process as it found it: a fixture compares what tests share, before and after each.

Random numbers are put back; anything else that has changed fails the test, for a later one may depend on it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KEPT = ("multiprocessing.forkserver", "multiprocessing.resource_tracker", "tests.processes")
"""Commands of processes that are kept for the whole session; what these have started is not."""

UNCHECKED = ("PYTEST_CURRENT_TEST", "KMP_", "TORCHINDUCTOR_")
"""Beginnings of environment variables that pytest, or a library when it is first imported, sets."""


@pytest.fixture(autouse=True)
def _isolated(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare the process after a test with before."""
    before, numbers = _state(), _random_numbers()
    yield
    numbers()
    after = _state()
    for what in ("files", "children"):  # those that were there before may end
        after[what] = [one for one in after[what] if one not in before[what]]
        before[what] = []
    changed = {what: (before[what], after[what]) for what in before if before[what] != after[what]}
    if changed:
        _mend(changed)
        told = "; ".join(f"{what}: {_difference(*values)}" for what, values in changed.items())
        pytest.fail(f"the test has changed what others depend on: {told}")


def _state() -> dict[str, Any]:
    state: dict[str, Any] = {
        "environment": {name: value for name, value in os.environ.items() if not name.startswith(UNCHECKED)},
        "folder": str(Path.cwd()) if Path("/proc/self/cwd").exists() else "",
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "files": _open_files(),
        "children": _children(),
    }
    # What hasn't been imported can't have been changed.
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        state["torch"] = {
            "threads": torch.get_num_threads(),
            "dtype": str(torch.get_default_dtype()),
            "device": str(torch.get_default_device()),
            "gradients": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "autocast": torch.is_autocast_enabled("cpu"),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "matmul": torch.get_float32_matmul_precision(),
            "onednn": torch.backends.mkldnn.enabled,
        }
    return state


def _random_numbers() -> Callable[[], None]:
    """What puts the global generators of Python, NumPy and torch back to where they are now."""
    torch = sys.modules.get("torch")
    python, numpy = random.getstate(), np.random.get_state()
    torch_state = torch.get_rng_state() if torch is not None and hasattr(torch, "get_rng_state") else None

    def put_back() -> None:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch is not None and torch_state is not None:
            torch.set_rng_state(torch_state)

    return put_back


def _open_files() -> list[str]:
    """Ordinary files that are open, by their paths; not those of libraries, such as fonts."""
    folder = Path("/proc/self/fd")
    found = []
    for link in folder.iterdir() if folder.exists() else ():
        try:
            target = str(link.readlink())
        except OSError:  # the one by which the folder was read
            continue
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/sys/", "/memfd", sys.prefix)):
            found.append(target)
    return found


def _children(process: str = "self") -> list[tuple[int, str]]:
    """Processes that this one has started and that go on, with their commands; those of a process that is kept, likewise."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _text(task).split():
            command = _text(Path(f"/proc/{child}/cmdline")).replace("\0", " ")
            if process == "self" and any(kept in command for kept in KEPT):
                found += _children(child)
            elif command:
                found.append((int(child), command[:200]))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended
        return ""


def _mend(changed: dict[str, tuple[Any, Any]]) -> None:
    """Put back what can be, so that the tests after this one aren't hit."""
    if "environment" in changed:
        before, after = changed["environment"]
        for name in after.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
    if "folder" in changed:
        os.chdir(changed["folder"][0])
    for number, handler in changed["signals"][0].items() if "signals" in changed else ():
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)
    if "torch" in changed:
        sys.modules["torch"].set_num_threads(changed["torch"][0]["threads"])


def _difference(before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return ", ".join(f"{name}: {before.get(name)!r} -> {after.get(name)!r}" for name in names)
    return f"{before!r} -> {after!r}"
