"""The control of training processes: the studio starts, pauses, steps and stops them. They continue after the server ends."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from digitgan.device import use_threads
from digitgan.errors import UsageError
from digitgan.runs import RunFolder, is_locked
from digitgan.studio.errors import BusyError, StateError
from digitgan.studio.model_cache import RUN_NAME
from digitgan.studio.process_table import ProcessTable

MAX_AT_ONCE: Final = 2
"""Largest number of concurrent trainings: more of them would share the same cores."""

SECONDS_TO_STEP: Final = 60.0
"""Time limit, in seconds, until a stepped training writes its next history line."""


@final
class ProcessManager:
    """A manager that starts, pauses and stops trainings in a folder of runs.

    Args:
        runs: folder that contains the runs.

    Attributes:
        table: table of the training processes.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.table = ProcessTable(runs)
        self._closing = threading.Event()

    def close(self) -> None:
        """End all waits. Running trainings continue, and paused trainings stay paused."""
        self._closing.set()

    def start(self, name: str, arguments: Sequence[str], threads: int | None = None) -> None:
        """Start or resume a run with `digitgan train ARGUMENTS --out NAME`.

        Args:
            name: name of the run folder.
            arguments: validated arguments of `digitgan train`.
            threads: number of CPU threads of the training; None for all.

        Raises:
            UsageError: if the name is invalid.
            StateError: if the run is already training.
            BusyError: if `MAX_AT_ONCE` runs are already training.
            OutputError: if the state folder cannot be written.
        """
        if not RUN_NAME.fullmatch(name):
            raise UsageError(
                f"run name {name[:120]!r}: must have up to 100 characters, none of them / \\ @, and not start with a dot"
            )
        with self.table.exclusive():
            if self.table.is_alive(name):
                raise StateError(f"{name}: is already training; stop it first, or choose another name")
            if len(self.table.alive()) >= MAX_AT_ONCE:
                raise BusyError(f"{MAX_AT_ONCE} runs are already training; stop one, or wait until one ends")
            command = [sys.executable, "-m", "digitgan", "train", *arguments, "--out", str(self.runs / name)]
            self.table.launch(name, command, {} if threads is None else {"OMP_NUM_THREADS": str(threads)})

    def start_anew(self, recipe: str, data: str, arguments: Sequence[str]) -> str:
        """Start a new run under the next free name and return the name; see `start`."""
        with self.table.exclusive():
            number = 1
            while self.table.is_taken(name := f"{recipe}-{data}-{number:03d}"):
                number += 1
            self.start(name, arguments)
            return name

    def start_pair(self, stem: str, endings: tuple[str, str], arguments: Sequence[Sequence[str]]) -> tuple[str, str]:
        """Start two runs side by side, each on half of the cores, under the next free names.

        Args:
            stem: beginning of the names; a number and an ending follow.
            endings: ending of the name of each run.
            arguments: validated arguments of `digitgan train` of each run.

        Returns:
            The names.

        Raises:
            BusyError: if another training is running: the two would not be comparable.
            OutputError: if the state folder cannot be written.
        """
        with self.table.exclusive():
            if running := self.table.alive():
                raise BusyError(f"{running[0]} is training; stop it, or wait until it ends: an experiment needs all cores")
            number = 1
            while any(self.table.is_taken(f"{stem}-{number:03d}-{ending}") for ending in endings):
                number += 1
            one, two = (f"{stem}-{number:03d}-{ending}" for ending in endings)
            threads = max(1, use_threads() // 2)
            for name, given in zip((one, two), arguments, strict=True):
                self.start(name, given, threads)
            return one, two

    def pause(self, name: str) -> None:
        """Suspend a training in memory.

        Raises:
            StateError: if the run is not training, or is being stopped.
        """
        with self.table.lock:
            if self.table.read(name).get("stopping"):
                raise StateError(f"{name}: is being stopped; it cannot be paused")
            self.table.signal(name, signal.SIGSTOP)
            if not is_locked(RunFolder(self.runs / name)):  # the process starts or ends; it must not be suspended
                self.table.signal(name, signal.SIGCONT)
                raise StateError(f"{name}: is not training; wait until it has started, or resume it")
            self.table.update(name, paused=True)

    def unpause(self, name: str) -> None:
        """Continue a paused training.

        Raises:
            StateError: if no process of the studio trains the run.
        """
        with self.table.lock:
            self.table.signal(name, signal.SIGCONT)
            self.table.update(name, paused=False)

    def step(self, name: str) -> None:
        """Continue a paused training until its next history line (1/200 of the run), then pause it again.

        The call blocks until then, for `SECONDS_TO_STEP` at most.

        Raises:
            StateError: if the run is not paused.
        """
        run = RunFolder(self.runs / name)
        if self.table.phase(run, {"status": "training"}) != "paused":
            raise StateError(f"{name}: is not paused; pause it before a step")
        before = _size(run.history)
        self.unpause(name)
        steered = self.table.read(name)
        until = time.monotonic() + SECONDS_TO_STEP
        while _size(run.history) <= before and time.monotonic() < until and self.table.is_alive(name):
            if self._closing.wait(0.02):
                break
        with self.table.lock, contextlib.suppress(StateError):  # the run may end during this step
            if self.table.read(name) == steered:  # no other action came in between
                self.pause(name)

    def stop(self, name: str) -> None:
        """Stop a training after its current step, with a checkpoint.

        Raises:
            StateError: if the run is not training.
        """
        with self.table.lock:
            state = self.table.read(name)
            if state.get("stopping") and self.table.is_alive(name):
                return  # a second signal would end it immediately, without a checkpoint
            self.table.signal(name, signal.SIGTERM)
            self.table.signal(name, signal.SIGCONT)  # a suspended process handles the signal only after SIGCONT
            self.table.update(name, paused=False, stopping=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
