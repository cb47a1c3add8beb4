"""Run all tests several times under load, to find tests that pass only on an idle machine.

    python -m tests.under_load --runs 5 -- -n 2

Two busy loops start and stop about every half minute, and most of the free memory is allocated.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

PERIOD = 30.0
"""Mean duration between the start and the stop of the loops, in seconds."""

LEFT_GIB = 10
"""Memory that remains for the tests, in GiB."""

HOG = "import sys, time; taken = bytearray(int(sys.argv[1])); taken[::4096] = bytes([1]) * len(taken[::4096]); time.sleep(1e6)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    options = parser.parse_args()
    hog = subprocess.Popen([sys.executable, "-c", HOG, str(max(0, _available() - LEFT_GIB * 2**30))])
    over = threading.Event()
    load = threading.Thread(target=_load, args=(over,))
    load.start()
    codes = []
    try:
        for number in range(1, options.runs + 1):
            started = time.monotonic()
            codes.append(subprocess.run([sys.executable, "-m", "pytest", "-q", *options.pytest], check=False).returncode)
            print(f"run {number}: exit code {codes[-1]}, {time.monotonic() - started:.0f} s", flush=True)
    finally:
        over.set()
        load.join()
        hog.kill()
        hog.wait()
    sys.exit(max(codes))


def _load(over: threading.Event) -> None:
    chance = random.Random(0)
    while not over.is_set():
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        over.wait(chance.uniform(0.2, 1.8) * PERIOD)
        for loop in loops:
            loop.kill()
            loop.wait()
        over.wait(chance.uniform(0.2, 1.8) * PERIOD)


def _available() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


if __name__ == "__main__":
    main()
