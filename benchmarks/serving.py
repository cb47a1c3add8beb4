"""Measure the requests that the studio answers with sixteen connections, and at ten times the rate that it can serve.

    python benchmarks/serving.py --seconds 60

The server is `digitgan serve` in its own process. The client shares its cores. First, sixteen connections request one image
after another for `--seconds`. Then requests arrive at ten times the measured rate, regardless of answers. Then the sixteen
connections repeat the first round. Write the results to benchmarks/results/serving.json, and a table to standard output.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tyro
from common import RESULTS
from machine import machine

CONNECTIONS = 16
OVERLOAD = 10
MAX_OPEN = 400
"""Largest number of connections in the overload, which is above the limit of the server."""


@dataclass
class Found:
    """The answers of one round."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0

    def metrics(self) -> dict[str, Any]:
        times = sorted(self.times)
        at = lambda share: round(1000 * times[min(len(times) - 1, int(share * len(times)))], 1) if times else None  # noqa: E731
        return {
            "answered": len(times),
            "per_second": round(len(times) / self.seconds, 1),
            "refused": self.refused,
            "refused_per_second": round(self.refused / self.seconds, 1),
            "failed": self.failed,
            "median_ms": at(0.5),
            "p99_ms": at(0.99),
            "longest_ms": at(1.0),
        }


def main(seconds: float = 60.0, out: Path = RESULTS / "serving.json") -> None:
    """Measure, print a table, write the JSON.

    Args:
        seconds: length of the first round. The other rounds take 15 seconds at most.
        out: JSON file of the results.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "digitgan", "serve", folder, "--port", "0", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            try:
                rows, memory = asyncio.run(measure(url, server.pid, seconds))
            finally:
                server.terminate()
    report = {
        "question": "requests of one image that the studio answers, also under overload",
        "connections": CONNECTIONS,
        "machine": machine(),
        "rows": rows,
        "memory_mb": memory,
    }
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print("| round | answered/s | refused | failed | median ms | p99 ms | longest ms |\n|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        cells = [row[key] for key in ("per_second", "refused", "failed", "median_ms", "p99_ms", "longest_ms")]
        print(f"| {name} | {' | '.join(map(str, cells))} |")
    print("memory of the server, MB:", memory)


async def measure(url: str, pid: int, seconds: float) -> tuple[dict[str, Any], dict[str, float]]:
    """Run the three rounds, and return their metrics and the server's memory after each."""
    memory: dict[str, float] = {}
    await steadily(url, 3.0)  # warm-up
    memory["warmed up"] = resident(pid)
    rows = {}
    calm = await steadily(url, seconds)
    rows[f"{CONNECTIONS} connections"] = calm.metrics()
    memory["after the first round"] = resident(pid)
    rate = OVERLOAD * len(calm.times) / calm.seconds
    crowd = await relentlessly(url, min(seconds, 15.0), rate)
    rows[f"{OVERLOAD} times as many ({rate:,.0f}/s)"] = crowd.metrics()
    memory["after too many"] = resident(pid)
    rows["again"] = (await steadily(url, min(seconds, 15.0))).metrics()
    memory["at the end"] = resident(pid)
    return rows, memory


async def steadily(url: str, seconds: float) -> Found:
    """Run sixteen connections, each with a new request as soon as the last one is answered."""
    found, started = Found(), time.perf_counter()

    async def one(number: int) -> None:
        async with Asking(url) as client:
            seed = number
            while time.perf_counter() - started < seconds:
                await client.ask(seed, found)
                seed += CONNECTIONS

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    found.seconds = time.perf_counter() - started
    return found


async def relentlessly(url: str, seconds: float, rate: float) -> Found:
    """Send requests at a rate per second, as far as the machine allows."""
    found, started, asked = Found(), time.perf_counter(), 0
    free: list[Asking] = []
    open_: set[asyncio.Task[None]] = set()

    async def one(seed: int) -> None:
        client = free.pop() if free else await Asking(url).__aenter__()
        await client.ask(seed, found)
        free.append(client)

    while (now := time.perf_counter() - started) < seconds:
        while asked < now * rate and len(open_) < MAX_OPEN:
            task = asyncio.create_task(one(asked))
            open_.add(task)
            task.add_done_callback(open_.discard)
            asked += 1
        await asyncio.sleep(0.001)
    await asyncio.gather(*open_)
    for client in free:
        await client.__aexit__()
    found.seconds = time.perf_counter() - started
    return found


class Asking:
    """A persistent connection with minimal work for the client, which shares the cores of the server."""

    def __init__(self, url: str) -> None:
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port

    async def __aenter__(self) -> Asking:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, seed: int, found: Found) -> None:
        """Request one image, and record the outcome and its time."""
        started = time.perf_counter()
        path = f"/api/v1/sample?labels={seed % 10}&seed={seed}"
        try:
            self.writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n".encode())
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await self.reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            found.failed += 1
            await self.__aexit__()
            await self.__aenter__()
            return
        match head[9:12]:
            case b"200":
                found.times.append(time.perf_counter() - started)
            case b"429" | b"503":
                found.refused += 1
            case _:
                found.failed += 1


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024, 1)


if __name__ == "__main__":
    tyro.cli(main)
