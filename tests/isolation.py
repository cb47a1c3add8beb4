"""Isolation of the tests from the GPU, and a fixture that checks that a test does not change the state of the process.

Random numbers are seeded for each test. Any other change fails the test, because later tests may depend on the state.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KEPT = ("multiprocessing.forkserver", "multiprocessing.resource_tracker", "tests.processes")
"""Commands of processes that live until pytest ends; their children are checked."""

UNCHECKED = ("PYTEST_CURRENT_TEST", "KERAS_BACKEND", "KMP_", "TF_FORCE_GPU_", "TORCHINDUCTOR_")
"""Prefixes of environment variables that pytest sets, or a library on its first import."""


def needs_gpu(expression: str) -> bool:
    """Return whether a marker expression selects only tests marked `gpu`.

    `gpu` must be one of the terms joined by "and". Expressions with "or" or parentheses are not examined: they return False.
    """
    terms = [term.strip() for term in re.split(r"\band\b", expression)]
    return "gpu" in terms and not re.search(r"\bor\b|\(", expression)


@pytest.fixture(autouse=True)
def _isolated(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare the state of the process before and after a test, and seed the random numbers.

    They are also seeded after the test, for the fixtures of a module or a session that the next test needs: these are made
    before this one.
    """
    before = _state()
    seed_random_numbers()
    yield
    seed_random_numbers()
    after = _state()
    for what in ("files", "children"):  # existing ones may end
        after[what] = [one for one in after[what] if one not in before[what]]
        before[what] = []
    changed = {what: (before[what], after[what]) for what in before if before[what] != after[what]}
    if changed:
        _mend(changed)
        told = "; ".join(f"{what}: {_difference(*values)}" for what, values in changed.items())
        pytest.fail(f"the test changed shared state: {told}")


def _state() -> dict[str, Any]:
    state: dict[str, Any] = {
        "environment": {name: value for name, value in os.environ.items() if not name.startswith(UNCHECKED)},
        "folder": str(Path.cwd()) if Path("/proc/self/cwd").exists() else "",
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "files": _open_files(),
        "children": _children(),
    }
    # A module that is not imported cannot be changed.
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


def seed_random_numbers() -> None:
    """Seed Python, NumPy and torch, so that no test depends on the order of the tests or on the worker that runs it."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(0)


def _open_files() -> list[str]:
    """Return the paths of open regular files, without those of libraries, such as fonts."""
    folder = Path("/proc/self/fd")
    found = []
    for link in folder.iterdir() if folder.exists() else ():
        try:
            target = str(link.readlink())
        except OSError:  # the descriptor of this listing
            continue
        if ".onnxruntime" in target:  # a database of its own, which ONNX Runtime keeps open from its first use on
            continue
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/sys/", "/memfd", sys.prefix)):
            found.append(target)
    return found


def _children(process: str = "self") -> list[tuple[int, str]]:
    """Return process id and command of the running children, and of the children of kept processes."""
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
    """Restore the state as far as possible for the following tests."""
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
