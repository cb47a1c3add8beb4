"""Measure the reading of pictures: many small ones, and large photos that are made small.

    python benchmarks/own_data.py

makes 60,000 JPEG files of 32x32 pixels in class folders, and 2,000 of 4,000x3,000 pixels, which are brought to 64x64. Each set
is read in a process of its own, twice: the second time from the cache of converted sets. The 2,000 photos are 20 different ones
under several names, so that the disk need not hold gigabytes; each is decoded. Results are written to
benchmarks/results/own_data.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from common import RESULTS
from machine import machine
from PIL import Image

READ = """
import json, sys, time
from digitgan.data import Conversion, ReadOptions, load_image_set
size = json.loads(sys.argv[2])
started = time.monotonic()
images = load_image_set(sys.argv[1], read=ReadOptions(Conversion(size=size and tuple(size))))
seconds = time.monotonic() - started
# The peak of getrusage() includes that of the process that started this one.
peak = 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
found = {"images": len(images), "seconds": round(seconds, 2), "peak_memory_mb": round(peak / 1e6)}
print(json.dumps(found | {"megabytes_of_images": round(images.images.nbytes / 1e6, 1)}))
"""


def main(small: int = 60_000, photos: int = 2000, out: Path = RESULTS / "own_data.json") -> None:
    """Make the pictures, read them, print and write the results.

    Args:
        small: number of pictures of 32x32.
        photos: number of pictures of 4,000x3,000.
        out: JSON file of the results.
    """
    report: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        for name, make, size in (
            (f"{small:,} JPEG files of 32x32 in class folders", lambda path: _small(path, small), None),
            (f"{photos:,} JPEG files of 4,000x3,000, brought to 64x64", lambda path: _photos(path, photos), [64, 64]),
        ):
            path = Path(folder) / "pictures"
            make(path)
            report[name] = {"first": _read(path, size, cache), "again": _read(path, size, cache)}
            print(name, report[name], flush=True)
            subprocess.run(["rm", "-r", str(path)], check=True)
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _read(path: Path, size: list[int] | None, cache: Path) -> dict[str, Any]:
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-c", READ, str(path), json.dumps(size)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _small(folder: Path, count: int) -> None:
    noise = np.random.default_rng(0)
    for number in range(count):
        path = folder / str(number % 10) / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((32, 32)).save(path, quality=90)


def _photos(folder: Path, count: int) -> None:
    noise = np.random.default_rng(0)
    for number in range(count):
        path = folder / str(number % 10) / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < 20:
            coarse = Image.fromarray(noise.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize((4000, 3000))
            grain = noise.normal(0, 6, (3000, 4000, 1))
            Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)
        else:
            os.link(folder / str(number % 20 % 10) / f"{number % 20:05d}.jpg", path)


if __name__ == "__main__":
    tyro.cli(main)
