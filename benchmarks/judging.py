"""What benchmarks share: the real command in a process of its own, and a judge of what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import digitgan
from digitgan.evaluation import Judge, load_judge, save_judge, train_judge

RESULTS = Path(__file__).parent / "results"
JUDGE = Path(__file__).parent.parent / "build" / "judge.safetensors"
DRAWN = 10_000


def the_judge() -> Judge:
    """The judge, a classifier trained on MNIST's training images: made once and kept in the build folder."""
    if not JUDGE.exists():
        print("training the judge (once, a few minutes) …", file=sys.stderr)
        save_judge(JUDGE, train_judge(digitgan.load_image_set("mnist")))
    return load_judge(JUDGE)


def train(recipe: str, *options: str, settings: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Train in a process of its own; its result, with its peak memory."""
    changes = [item for setting in settings for item in ("--set", setting)]
    command = [sys.executable, "-m", "digitgan", "train", recipe, *options, *changes]
    with subprocess.Popen([*command, "--out", str(folder), "--json", "--quiet"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{recipe} {' '.join(options)}: the training ended with exit code {process.returncode}")
    result: dict[str, Any] = json.loads(printed)
    return result | {"peak_memory_gb": usage.ru_maxrss / 2**20}
