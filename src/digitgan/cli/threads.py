"""Getting on with other work on the same machine.

A training is thousands of small parallel loops, each of which ends when its slowest thread does. libgomp's threads wait for one
another by looking again and again. On a quiet machine nothing is faster; where another program wants a core, the threads that
look keep the thread they wait for from running, and a training crawls at a twentieth of its speed. Told to look less long, it
keeps half of its speed there, but loses a sixth on a quiet machine. So it is told only where something else is running.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

SPINS = "2000"
"""How often a waiting thread looks again before it gives up its core; libgomp's own number is 300,000."""

LISTENING_SECONDS = 0.1
BUSY_CORES = 0.2
"""From this many cores' worth of other work on, the machine counts as shared."""

_TIMES = Path("/proc/stat")


def share_cores() -> None:
    """Choose how threads wait, by a look at what else is running; what the user has set stays.

    libgomp reads the choice when torch is loaded: later calls do nothing. Nor is there anything to do but on Linux.
    """
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if not chosen and "torch" not in sys.modules and _TIMES.exists() and busy_cores(LISTENING_SECONDS) > BUSY_CORES:
        os.environ["GOMP_SPINCOUNT"] = SPINS


def busy_cores(seconds: float) -> float:
    """How many cores' worth of work the whole machine does, measured over so many seconds, this process asleep."""
    before = _idle_and_all()
    time.sleep(seconds)
    idle, total = (now - then for now, then in zip(_idle_and_all(), before, strict=True))
    return (os.cpu_count() or 1) * (1 - idle / total) if total else 0.0


def _idle_and_all() -> tuple[int, int]:
    """Clock ticks of all cores since the machine started: idle ones (waiting for disks included), and all."""
    ticks = [int(word) for word in _TIMES.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
