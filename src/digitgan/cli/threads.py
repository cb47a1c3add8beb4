"""The import of torch, with thread settings for a machine that also runs other programs.

A training consists of thousands of small parallel loops, and each loop ends with its slowest thread. The threads of libgomp
wait for each other in a spin loop. This is the fastest way on an idle machine. If another program needs a core, the spinning
threads block the thread that they wait for, and the training runs at a twentieth of its speed. A shorter spin loop keeps half
of the speed there, but costs a sixth on an idle machine. Therefore it is set only if other programs are running.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

SPINS = "2000"
"""Iterations of the spin loop before a waiting thread yields its core; the default of libgomp is 300,000."""

LISTENING_SECONDS = 0.1
"""Duration of the measurement of other programs, in seconds."""

BUSY_CORES = 0.2
"""Load of other programs, in cores, above which the machine counts as shared."""

_TIMES = Path("/proc/stat")


def import_torch() -> None:
    """Import torch after `share_cores`, without garbage collections.

    The import makes hundreds of thousands of objects that stay, and each collection looks at all of them again. Without
    collections it takes a sixth less time. `gc.freeze` then spares the later ones these objects.
    """
    share_cores()
    gc.disable()
    import torch  # noqa: F401

    gc.freeze()
    gc.enable()


def share_cores() -> None:
    """Shorten the spin loop of waiting threads if other programs are running, unless the user has set it.

    libgomp reads the setting when torch is imported, so later calls have no effect. Other systems than Linux need no setting.
    """
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if not chosen and "torch" not in sys.modules and _TIMES.exists() and busy_cores(LISTENING_SECONDS) > BUSY_CORES:
        os.environ["GOMP_SPINCOUNT"] = SPINS


def busy_cores(seconds: float) -> float:
    """Measure the load of the machine in cores over this number of seconds, while this process sleeps."""
    before = _idle_and_all()
    time.sleep(seconds)
    idle, total = (now - then for now, then in zip(_idle_and_all(), before, strict=True))
    return (os.cpu_count() or 1) * (1 - idle / total) if total else 0.0


def _idle_and_all() -> tuple[int, int]:
    """Return the clock ticks of all cores since the start of the machine: idle (including waiting for disks) and total."""
    ticks = [int(word) for word in _TIMES.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
