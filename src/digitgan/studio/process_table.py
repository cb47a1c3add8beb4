"""The table of the training processes that a studio started: their state, in files beside the runs, and their signals.

The files are in `.studio`: NAME.json contains the process ID of a run, NAME.log its standard error. A run is training while its
folder is locked; the lock ends with the process that holds it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, final

from digitgan.errors import OutputError
from digitgan.files import replacing
from digitgan.runs import RunFolder, is_locked
from digitgan.studio.errors import StateError

STATE: Final = ".studio"
"""Folder, beside the runs, for the state of the training processes."""

Phase = Literal["starting", "training", "paused", "ending", "stopped", "finished", "failed", "interrupted"]
"""The phase of a run. "ending": its final images are generated. "interrupted": it did not end, but no process runs."""


@final
class ProcessTable:
    """The training processes of a folder of runs, by the name of the run. Several studios may share the folder.

    Args:
        runs: folder that contains the runs.

    Attributes:
        lock: lock of this studio; it is held while a state changes.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.lock = threading.RLock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starting = False

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Prevent other threads, and other studios on the same folder, from starting a training.

        Raises:
            OutputError: if the state folder cannot be written.
        """
        with self.lock:
            if self._starting or sys.platform == "win32":
                yield
                return
            import fcntl

            with self._write_errors():
                (self.runs / STATE).mkdir(parents=True, exist_ok=True)
                folder = os.open(self.runs / STATE, os.O_RDONLY)
            self._starting = True
            try:
                with contextlib.suppress(OSError):  # some network file systems have no locks
                    fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                self._starting = False
                os.close(folder)

    def launch(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the process of a run.

        Args:
            name: name of the run.
            command: command line of the process.
            environment: further environment variables.

        Raises:
            OutputError: if the state folder cannot be written.
        """
        with self._write_errors():
            self.write(name)  # before the start: a failed write would leave an untracked process
            with self._log(name).open("wb") as log:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                    env=os.environ | dict(environment or {}),
                )
        self._children[name] = child
        self.write(name, pid=child.pid, born=_start_time(child.pid), paused=False, started=time.time())

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the process of a run.

        Raises:
            StateError: if no process of the studio trains the run.
        """
        if not self.is_alive(name):
            locked = is_locked(RunFolder(self.runs / name))
            raise StateError(
                f"{name}: was not started by the studio; control it where it was started, for example with Ctrl-C"
                if locked
                else f"{name}: is not training; wait until it has started, or resume it"
            )
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.read(name)["pid"], number)

    def read(self, name: str) -> dict[str, Any]:
        """Return the state of a process, or {} if there is none.

        The keys are "pid", "born", "paused", "started", "stopping" and "had_started".
        """
        try:
            state = json.loads(self._state(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def write(self, name: str, **state: Any) -> None:
        """Replace the state of a process."""
        with replacing(self._state(name)) as file:
            file.write(json.dumps(state).encode())

    def update(self, name: str, **state: Any) -> None:
        """Change entries of the state of a process; nothing if the state has been removed meanwhile."""
        with self.lock:
            if before := self.read(name):
                self.write(name, **{**before, **state})

    def is_taken(self, name: str) -> bool:
        """Return whether there is a run or a process of a name."""
        return (self.runs / name).exists() or self._state(name).exists()

    def is_alive(self, name: str) -> bool:
        """Return whether the process started for a run is alive. The start time excludes a reused process ID."""
        child, state = self._children.get(name), self.read(name)
        pid = state.get("pid")
        # `poll` reaps an ended child. Another studio on the same folder may have restarted the run, so the IDs are compared.
        if child is not None and child.poll() is not None and child.pid == pid:
            return False
        return isinstance(pid, int) and _start_time(pid) == state.get("born") is not None

    def alive(self) -> list[str]:
        """Return the names of the runs whose training process is alive."""
        return [name for name in self._names() if self.is_alive(name)]

    def pending(self) -> dict[str, str]:
        """Return the runs that are starting or failed to start: name -> error message, or "" while starting.

        A run that had started and whose folder is gone was removed by hand: it is forgotten.
        """
        found = {}
        with self.lock:  # never during a start
            names = self._names()
        for name in names:
            state = self.read(name)
            if RunFolder(self.runs / name).record.is_file():
                if not state.get("had_started"):
                    self.update(name, had_started=True)
            elif state.get("had_started"):
                if not self.is_alive(name):  # else it ends itself at its next event, as its folder is gone
                    self.forget(name)
            elif self.is_alive(name):
                found[name] = ""
            elif state.get("stopping") or self._ended_well(name):
                self.forget(name)  # it was stopped before it had started
            else:
                found[name] = self.last_error_lines(name) or "the process ended without output"
        return found

    def forget(self, name: str) -> None:
        """Remove the state and the log of a run that failed to start.

        Raises:
            StateError: if its process is alive.
        """
        if self.is_alive(name):
            raise StateError(f"{name}: its process is still running; stop it first")
        for path in (self._state(name), self._log(name)):
            path.unlink(missing_ok=True)

    def last_error_lines(self, name: str) -> str:
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
        state, alive = self.read(run.path.name), self.is_alive(run.path.name)
        if is_locked(run):
            return "paused" if alive and state.get("paused") else "training"
        if alive:
            return "starting" if run.record.stat().st_mtime < state.get("started", 0.0) else "ending"
        match record.get("status"):
            case "finished":
                return "finished"
            case "failed":
                return "failed"
            case "stopped":
                return "stopped"
        return "interrupted"

    def _ended_well(self, name: str) -> bool:
        """Return whether the process of a run, which this studio started, has finished its training."""
        child = self._children.get(name)
        return child is not None and child.poll() == 0

    def _names(self) -> list[str]:
        folder = self.runs / STATE
        return [path.stem for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []

    def _state(self, name: str) -> Path:
        return self.runs / STATE / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self.runs / STATE / f"{name}.log"

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Convert an `OSError` to an `OutputError` with its reason."""
        try:
            yield
        except OSError as problem:
            raise OutputError(f"{self.runs / STATE}: cannot be written ({problem.strerror or problem})") from problem


def _start_time(pid: int) -> str | None:
    """Return the start time of a process, in a unit of the system; None if it does not exist or is a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        with contextlib.suppress(OSError, IndexError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            return None if fields[0] in ("Z", "X") else fields[19]
        return None
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip() or None
