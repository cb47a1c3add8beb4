"""Check that the memory and file handles of a long training and of a studio under load do not grow with time.

    python benchmarks/soak.py --minutes 30

`digitgan train` runs on MNIST in a folder that `digitgan serve` shows. It writes a preview every 10,000 images, a checkpoint
every 20,000 and an evaluation every 50,000. One client follows the events of the run, and one its snapshots in the Lab. Another
requests the run, its history, its newest preview, images of its best model, a map of its latent space, the nearest training
images and the answer to a drawing in a loop. After the third evaluation and 300 answers, the benchmark records the anonymous
memory and the open file handles of both processes every five seconds. It compares the least memory of the second fifth with
that of the last fifth: caches fill in the first fifth, and an evaluation or a checkpoint needs memory for a moment, while a
leak raises the least too. Write the results to benchmarks/results/soak.json, and a table to standard output.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tyro
from common import RESULTS
from machine import machine

BETWEEN_LOOKS = 5.0
PATIENCE = 1800.0
"""Seconds after which a request or the end of the training counts as hung, on a busy machine too."""

IMAGES = 20_000_000
"""Length of the training, which takes more than half an hour."""

EVERY = {"previews": 10_000, "checkpoints": 20_000}
NAME = "soak"

DRAWING = json.dumps(
    {
        "width": 28,
        "height": 28,
        "levels": base64.b64encode(bytes(255 * (8 < n // 28 < 20 and n % 28 == 14) for n in range(784))).decode(),
    }
).encode()
"""A vertical stroke, as the body of a request."""

EVALUATIONS_BEFORE = 3
"""Number of evaluations before the measurement. The allocator keeps memory of the first ones, however slow the machine is."""


ANSWERS_BEFORE = 300
"""Number of answers of the server before the measurement: its caches fill with the first ones, however slow the machine is."""


def main(minutes: float = 30.0, out: Path = RESULTS / "soak.json") -> None:
    """Measure, print a table, write the JSON.

    Args:
        minutes: length of the measurement in minutes.
        out: JSON file of the results.
    """
    here = machine()
    with tempfile.TemporaryDirectory() as folder, studio(folder) as (url, server), training(Path(folder) / NAME) as trainer:
        answers: Counter[str] = Counter()
        over = threading.Event()
        clients = [threading.Thread(target=client, args=(url, answers, over)) for client in (ask, watch, look_in)]
        for thread in clients:
            thread.start()
        begun = time.monotonic()
        while answers["200"] < ANSWERS_BEFORE and time.monotonic() - begun < PATIENCE:
            time.sleep(0.5)
        looks: dict[str, list[dict[str, float]]] = {"training": [], "studio": []}
        started = time.monotonic()
        while time.monotonic() - started < 60 * minutes:
            time.sleep(BETWEEN_LOOKS)
            for name, process in (("training", trainer), ("studio", server)):
                looks[name].append({"seconds": round(time.monotonic() - started), **state_of(process.pid)})
        over.set()
        trainer.terminate()
        ended = trainer.wait(PATIENCE)
        record = json.loads((Path(folder) / NAME / "run.json").read_text(encoding="utf-8"))
        for thread in clients:
            thread.join()
    report = {
        "question": "growth of memory and file handles with time",
        "minutes": minutes,
        "exit_code_of_the_training": ended,
        "images_seen": record["images_seen"],
        "answers": dict(answers),
        "growth": {name: growth(found) for name, found in looks.items()},
        "looks": {name: found[:: max(1, len(found) // 60)] for name, found in looks.items()},
        "machine": here,
    }
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print("| process | MB, second fifth | MB, last fifth | growth | handles |\n|---|---|---|---|---|")
    for name, row in report["growth"].items():  # type: ignore[attr-defined]
        print(f"| {name} | {row['mb_before']} | {row['mb_after']} | {row['share']:+.1%} | {row['handles']} |")
    print(f"{record['images_seen']:,} images seen; answers: {dict(answers)}")


@contextlib.contextmanager
def studio(folder: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a studio for a folder, and yield its address and process."""
    command = [sys.executable, "-m", "digitgan", "serve", folder, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"].rstrip("/"), process
        finally:
            process.terminate()


@contextlib.contextmanager
def training(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a training that outlasts the measurement, and yield its process."""
    settings = [f"--set=training.{name}={IMAGES // every}" for name, every in EVERY.items()]
    command = ["train", "fast", "--images", str(IMAGES), "--out", str(run), "--evaluate-every", "50000", "--quiet", *settings]
    with subprocess.Popen([sys.executable, "-m", "digitgan", *command]) as process:
        try:
            scores = run / "scores.jsonl"
            while not scores.exists() or len(scores.read_text(encoding="utf-8").splitlines()) < EVALUATIONS_BEFORE:
                if process.poll() is not None:
                    raise SystemExit(f"the training ended with exit code {process.returncode}")
                time.sleep(0.5)
            yield process
        finally:
            process.terminate()


def ask(url: str, answers: Counter[str], over: threading.Event) -> None:
    """Send requests of each kind in turn."""
    number = 0
    while not over.is_set():
        previews: list[int] = json.loads(get(f"{url}/api/v1/runs/{NAME}/previews", answers) or "[]")
        for path in (
            f"runs/{NAME}",
            f"runs/{NAME}/history",
            *(f"runs/{NAME}/previews/{images}" for images in previews[-1:]),
            f"sample?model={NAME}@best&labels={number % 10}&seed={number}",
            f"write?text=2026&model={NAME}@best&seed={number}",
            f"map?model={NAME}@best&left=-3&right=3&bottom=-3&top=3&seed={number}",
            f"nearest?model={NAME}@best&seed={number}",
        ):
            get(f"{url}/api/v1/{path}", answers)
            number += 1
        get(urllib.request.Request(f"{url}/api/v1/draw", DRAWING, {"Content-Type": "application/json"}), answers)
        time.sleep(0.05)  # a pause, so that the load is that of many readers and not an overload


def watch(url: str, answers: Counter[str], over: threading.Event) -> None:
    """Read the events of the run."""
    stream(f"{url}/api/v1/runs/{NAME}/events", b"event:", answers, "event", over)


def look_in(url: str, answers: Counter[str], over: threading.Event) -> None:
    """Watch the training in the Lab."""
    stream(f"{url}/api/v1/runs/{NAME}/lab", b"event: snapshot", answers, "snapshot", over)


def stream(address: str, prefix: bytes, answers: Counter[str], name: str, over: threading.Event) -> None:
    """Read server-sent events, with a new connection every minute, and count the lines with a prefix under a name."""
    while not over.is_set():
        until = time.monotonic() + 60
        with urllib.request.urlopen(address, timeout=PATIENCE) as events:
            while time.monotonic() < until and not over.is_set() and (line := events.readline()):
                answers[name] += line.startswith(prefix)


def get(address: str | urllib.request.Request, answers: Counter[str]) -> bytes:
    """Return the body of an answer, and count its status."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            answers[str(answer.status)] += 1
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as problem:
        answers[str(problem.code)] += 1
        return b""
    except OSError:
        answers["no answer"] += 1
        return b""


def state_of(process: int) -> dict[str, float]:
    """Return the anonymous memory in MB and the number of open file handles of a process."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    memory = re.search(r"RssAnon:\s+(\d+)", status)
    assert memory is not None
    return {"mb": round(int(memory[1]) / 1024, 1), "handles": len(list(Path(f"/proc/{process}/fd").iterdir()))}


def growth(looks: list[dict[str, float]]) -> dict[str, Any]:
    """Compare the least memory of the second fifth with that of the last."""
    fifth = len(looks) // 5
    before, after = looks[fifth : 2 * fifth], looks[-fifth:]
    least = [min(look["mb"] for look in part) for part in (before, after)]
    handles = [sorted({look["handles"] for look in part}) for part in (before, after)]
    return {
        "mb_before": least[0],
        "mb_after": least[1],
        "share": round(least[1] / least[0] - 1, 4),
        "handles": {"before": handles[0], "after": handles[1]},
    }


if __name__ == "__main__":
    tyro.cli(main)
