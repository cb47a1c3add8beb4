"""Training processes that the studio starts. They continue after the server ends.

The state of a process is stored beside the runs, in `.studio`: NAME.json contains its process ID, NAME.log its standard error.
A run is training while its folder is locked; the lock ends with the process that holds it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, final

from digitgan.errors import OutputError, UsageError
from digitgan.files import replacing
from digitgan.runs import RunFolder, is_locked
from digitgan.studio.errors import BusyError, StateError
from digitgan.studio.model_cache import RUN_NAME

STATE: Final = ".studio"
"""Folder, beside the runs, for the state of the training processes."""

MAX_AT_ONCE: Final = 2
"""Largest number of concurrent trainings: more of them would share the same cores."""

SECONDS_TO_STEP: Final = 60.0
"""Time limit, in seconds, until a stepped training writes its next history line."""

Phase = Literal["starting", "training", "paused", "ending", "stopped", "finished", "failed", "interrupted"]
"""The phase of a run. "ending": its final images are generated. "interrupted": it did not end, but no process runs."""


@final
class ProcessManager:
    """A manager that starts, pauses and stops trainings in a folder of runs.

    Args:
        runs: folder that contains the runs.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._starting = False

    def close(self) -> None:
        """End all waits. Running trainings continue, and paused trainings stay paused."""
        self._closing.set()

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start or resume a run with `digitgan train ARGUMENTS --out NAME`.

        Args:
            name: name of the run folder.
            arguments: validated arguments of `digitgan train`.

        Raises:
            UsageError: if the name is invalid.
            StateError: if the run is already training.
            BusyError: if `MAX_AT_ONCE` runs are already training.
            OutputError: if the state folder cannot be written.
        """
        if not RUN_NAME.fullmatch(name):
            raise UsageError(
                f"run name {name[:120]!r}: must be up to 100 letters, digits, '.', '-' or '_', and start with a letter or digit"
            )
        with self._alone():
            if self._is_alive(name):
                raise StateError(f"{name}: is already training; stop it first, or choose another name")
            if len(self.alive()) >= MAX_AT_ONCE:
                raise BusyError(f"{MAX_AT_ONCE} runs are already training; stop one, or wait until one ends")
            command = [sys.executable, "-m", "digitgan", "train", *arguments, "--out", str(self.runs / name)]
            try:
                self._state(name).parent.mkdir(parents=True, exist_ok=True)
                self._remember(name)  # before the start: a failed write would leave an untracked process
                with self._log(name).open("wb") as log:
                    child = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
                    )
            except OSError as problem:
                raise OutputError(f"{self.runs / STATE}: cannot be written ({problem.strerror or problem})") from problem
            self._children[name] = child
            self._remember(name, pid=child.pid, born=_born(child.pid), paused=False, started=time.time())

    def start_anew(self, recipe: str, data: str, arguments: Sequence[str]) -> str:
        """Start a new run under the next free name and return the name; see `start`."""
        with self._alone():
            number = 1
            while self._is_taken(name := f"{recipe}-{data}-{number:03d}"):
                number += 1
            self.start(name, arguments)
            return name

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Prevent other threads, and other studios on the same folder, from starting a training."""
        with self._lock:
            if self._starting or sys.platform == "win32":
                yield
                return
            import fcntl

            try:
                (self.runs / STATE).mkdir(parents=True, exist_ok=True)
                folder = os.open(self.runs / STATE, os.O_RDONLY)
            except OSError as problem:
                raise OutputError(f"{self.runs / STATE}: cannot be written ({problem.strerror or problem})") from problem
            self._starting = True
            try:
                with contextlib.suppress(OSError):  # some network file systems have no locks
                    fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                self._starting = False
                os.close(folder)

    def _is_taken(self, name: str) -> bool:
        return (self.runs / name).exists() or self._state(name).exists()

    def pause(self, name: str) -> None:
        """Suspend a training in memory.

        Raises:
            StateError: if the run is not training, or is being stopped.
        """
        with self._lock:
            if self._known(name).get("stopping"):
                raise StateError(f"{name}: is being stopped; it cannot be paused")
            self._signal(name, signal.SIGSTOP)
            if not is_locked(RunFolder(self.runs / name)):  # the process starts or ends; it must not be suspended
                self._signal(name, signal.SIGCONT)
                raise StateError(f"{name}: is not training; wait until it has started, or resume it")
            self._remember(name, **{**self._known(name), "paused": True})

    def go_on(self, name: str) -> None:
        """Continue a paused training.

        Raises:
            StateError: if no process of the studio trains the run.
        """
        with self._lock:
            self._signal(name, signal.SIGCONT)
            self._remember(name, **{**self._known(name), "paused": False})

    def step(self, name: str) -> None:
        """Continue a paused training until its next history line (1/200 of the run), then pause it again.

        The call blocks until then, for `SECONDS_TO_STEP` at most.

        Raises:
            StateError: if the run is not paused.
        """
        if self.phase(RunFolder(self.runs / name), {"status": "training"}) != "paused":
            raise StateError(f"{name}: is not paused; pause it before a step")
        history = RunFolder(self.runs / name).history
        before = _size(history)
        self.go_on(name)
        steered = self._known(name)
        until = time.monotonic() + SECONDS_TO_STEP
        while _size(history) <= before and time.monotonic() < until and self._is_alive(name):
            if self._closing.wait(0.02):
                break
        with self._lock, contextlib.suppress(StateError):  # the run may end during this step
            if self._known(name) == steered:  # no other action came in between
                self.pause(name)

    def stop(self, name: str) -> None:
        """Stop a training after its current step, with a checkpoint.

        Raises:
            StateError: if the run is not training.
        """
        with self._lock:
            known = self._known(name)
            if known.get("stopping") and self._is_alive(name):
                return  # a second signal would end it immediately, without a checkpoint
            self._signal(name, signal.SIGTERM)
            self._signal(name, signal.SIGCONT)  # a suspended process handles the signal only after SIGCONT
            self._remember(name, **{**known, "paused": False, "stopping": True})

    def alive(self) -> list[str]:
        """Return the names of the runs whose training process is alive."""
        folder = self.runs / STATE
        names = [path.stem for path in folder.glob("*.json")] if folder.is_dir() else []
        return [name for name in names if self._is_alive(name)]

    def pending(self) -> dict[str, str]:
        """Return the runs that are starting or failed to start: name -> error message, or "" while starting."""
        folder = self.runs / STATE
        found = {}
        with self._lock:  # never during a start
            names = [path.stem for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
        for name in names:
            if RunFolder(self.runs / name).record.is_file():
                continue
            if self._is_alive(name):
                found[name] = ""
            elif self._known(name).get("stopping"):
                self.forget(name)  # it was stopped before it had started
            else:
                found[name] = self.last_words(name) or "the process ended without output"
        return found

    def forget(self, name: str) -> None:
        """Remove the state and the log of a run that failed to start.

        Raises:
            StateError: if its process is alive.
        """
        if self._is_alive(name):
            raise StateError(f"{name}: its process is still running; stop it first")
        for path in (self._state(name), self._log(name)):
            path.unlink(missing_ok=True)

    def last_words(self, name: str) -> str:
        """Return the error message of a training that has ended, or its last output lines, without progress messages."""
        with contextlib.suppress(OSError):
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            begin = next((n for n, line in enumerate(lines) if line.startswith("digitgan: ")), None)
            if begin is not None:
                return "\n".join(lines[begin:]).removeprefix("digitgan: ")[:2000]
            if lines:
                last = "\n".join(lines[-3:])[:2000]
                return f"the process ended without an error message; it may have been killed. Its last output:\n{last}"
        return "the process ended without output"

    def phase(self, run: RunFolder, record: dict[str, Any]) -> Phase:
        """Return the phase of a run.

        Args:
            run: folder of the run.
            record: content of its record.
        """
        known, alive = self._known(run.path.name), self._is_alive(run.path.name)
        if is_locked(run):
            return "paused" if alive and known.get("paused") else "training"
        if alive:
            return "starting" if run.record.stat().st_mtime < known.get("started", 0.0) else "ending"
        match record.get("status"):
            case "finished":
                return "finished"
            case "failed":
                return "failed"
            case "stopped":
                return "stopped"
        return "interrupted"

    def _signal(self, name: str, number: int) -> None:
        if not self._is_alive(name):
            locked = is_locked(RunFolder(self.runs / name))
            raise StateError(
                f"{name}: was not started by the studio; control it where it was started, for example with Ctrl-C"
                if locked
                else f"{name}: is not training; wait until it has started, or resume it"
            )
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._known(name)["pid"], number)

    def _is_alive(self, name: str) -> bool:
        """Return whether the process started for a run is alive. The start time excludes a reused process ID."""
        child, known = self._children.get(name), self._known(name)
        pid = known.get("pid")
        # `poll` reaps an ended child. Another studio on the same folder may have restarted the run, so the IDs are compared.
        if child is not None and child.poll() is not None and child.pid == pid:
            return False
        return isinstance(pid, int) and _born(pid) == known.get("born") is not None

    def _known(self, name: str) -> dict[str, Any]:
        try:
            known = json.loads(self._state(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _remember(self, name: str, **facts: Any) -> None:
        with replacing(self._state(name)) as file:
            file.write(json.dumps(facts).encode())

    def _state(self, name: str) -> Path:
        return self.runs / STATE / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self.runs / STATE / f"{name}.log"


def _born(pid: int) -> str | None:
    """Return the start time of a process, in a unit of the system; None if it does not exist or is a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        with contextlib.suppress(OSError, IndexError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            return None if fields[0] in ("Z", "X") else fields[19]
        return None
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
