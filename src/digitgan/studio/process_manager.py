"""Trainings that the studio starts: processes of their own, which go on when the server ends.

What must be known of one after a restart lies beside the runs, in `.studio`: NAME.json with the number of its process, NAME.log
with what it said. Whether it still trains is asked of the lock on the run's folder, which dies with its owner.
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
"""The folder, beside the runs, for what the studio must remember."""

MAX_AT_ONCE: Final = 2
"""Trainings at once: more of them only slow each other."""

SECONDS_TO_START: Final = 60.0
"""How long a training may take until its folder is there: loading torch, the data, measuring the speed."""

SECONDS_TO_STEP: Final = 60.0
"""How long a paused training is let go on at most until it has another line of history."""

Phase = Literal["starting", "training", "paused", "ending", "stopped", "finished", "failed", "interrupted"]
"""What a run is doing. "ending": its last pictures are drawn. "interrupted": no process does what its record says."""


@final
class ProcessManager:
    """Starts, pauses and stops trainings in a folder of runs.

    Args:
        runs: the folder.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._starting = False

    def close(self) -> None:
        """Wait for nothing any more; what trains goes on, and what is paused stays so."""
        self._closing.set()

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Begin a new run, or go on with one, by `digitgan train ARGUMENTS --out NAME`.

        Args:
            name: of the run's folder.
            arguments: checked already.

        Raises:
            UsageError: for a name that a run can't have here.
            StateError: if it trains already.
            BusyError: if as many train as may.
        """
        if not RUN_NAME.fullmatch(name):
            raise UsageError(
                f"run name {name[:120]!r}: letters, digits, dots, dashes and underscores are right, a hundred at most"
            )
        with self._alone():
            if self._is_alive(name):
                raise StateError(f"{name}: trains already")
            if len(self.alive()) >= MAX_AT_ONCE:
                raise BusyError(f"{MAX_AT_ONCE} trainings are under way already; stop one, or wait for its end")
            command = [sys.executable, "-m", "digitgan", "train", *arguments, "--out", str(self.runs / name)]
            try:
                self._state(name).parent.mkdir(parents=True, exist_ok=True)
                self._remember(name)  # or what couldn't be written down afterwards would train unseen
                with self._log(name).open("wb") as log:
                    child = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
                    )
            except OSError as problem:
                raise OutputError(f"{self.runs / STATE}: cannot be written ({problem.strerror or problem})") from problem
            self._children[name] = child
            self._remember(name, pid=child.pid, born=_born(child.pid), paused=False, started=time.time())

    def start_anew(self, recipe: str, data: str, arguments: Sequence[str]) -> str:
        """Begin a new run under the next free name, which is returned; see `start`."""
        with self._alone():
            number = 1
            while self._is_taken(name := f"{recipe}-{data}-{number:03d}"):
                number += 1
            self.start(name, arguments)
            return name

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While it lasts, no other thread, and no other studio over the same folder, starts a training."""
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
                with contextlib.suppress(OSError):  # on some network drives nothing can be locked
                    fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                self._starting = False
                os.close(folder)

    def _is_taken(self, name: str) -> bool:
        return (self.runs / name).exists() or self._state(name).exists()

    def pause(self, name: str) -> None:
        """Let a training stand still where it is, in memory.

        Raises:
            StateError: if it doesn't train.
        """
        with self._lock:
            if self._known(name).get("stopping"):
                raise StateError(f"{name}: is being stopped")
            self._signal(name, signal.SIGSTOP)
            if not is_locked(RunFolder(self.runs / name)):  # it was about to begin or to end, and must be let do so
                self._signal(name, signal.SIGCONT)
                raise StateError(f"{name}: doesn't train just now")
            self._remember(name, **{**self._known(name), "paused": True})

    def go_on(self, name: str) -> None:
        """Let a paused training go on.

        Raises:
            StateError: if it isn't one.
        """
        with self._lock:
            self._signal(name, signal.SIGCONT)
            self._remember(name, **{**self._known(name), "paused": False})

    def step(self, name: str) -> None:
        """Let a paused training go on until its history has another line, a two-hundredth of the run; blocks until then.

        Raises:
            StateError: if it isn't one.
        """
        if self.phase(RunFolder(self.runs / name), {"status": "training"}) != "paused":
            raise StateError(f"{name}: isn't paused; pause it, then go on step by step")
        history = RunFolder(self.runs / name).history
        before = _size(history)
        self.go_on(name)
        steered = self._known(name)
        until = time.monotonic() + SECONDS_TO_STEP
        while _size(history) <= before and time.monotonic() < until and self._is_alive(name):
            if self._closing.wait(0.02):
                break
        with self._lock, contextlib.suppress(StateError):  # it has come to its end with this step
            if self._known(name) == steered:  # nobody has steered it meanwhile
                self.pause(name)

    def stop(self, name: str) -> None:
        """End a training after the step it is in, with a checkpoint.

        Raises:
            StateError: if it doesn't train.
        """
        with self._lock:
            known = self._known(name)
            if known.get("stopping") and self._is_alive(name):
                return  # a second signal would end it at once, without a checkpoint
            self._signal(name, signal.SIGTERM)
            self._signal(name, signal.SIGCONT)  # one that is paused must wake up to hear of it
            self._remember(name, **{**known, "paused": False, "stopping": True})

    def alive(self) -> list[str]:
        """The names of the trainings that are under way."""
        folder = self.runs / STATE
        names = [path.stem for path in folder.glob("*.json")] if folder.is_dir() else []
        return [name for name in names if self._is_alive(name)]

    def pending(self) -> dict[str, str]:
        """Trainings that have no folder yet, or could not begin: name -> what they said last, or ""."""
        folder = self.runs / STATE
        found = {}
        with self._lock:  # not in the middle of a start
            names = [path.stem for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
        for name in names:
            if RunFolder(self.runs / name).record.is_file():
                continue
            if self._is_alive(name):
                found[name] = ""
            elif self._known(name).get("stopping"):
                self.forget(name)  # as it was told to end before it had begun
            else:
                found[name] = self.last_words(name) or "it ended without a word"
        return found

    def forget(self, name: str) -> None:
        """Forget a training that could not begin.

        Raises:
            StateError: if it is under way.
        """
        if self._is_alive(name):
            raise StateError(f"{name}: is under way; stop it first")
        for path in (self._state(name), self._log(name)):
            path.unlink(missing_ok=True)

    def last_words(self, name: str) -> str:
        """What a training said at its end, without what it said of its progress."""
        with contextlib.suppress(OSError):
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            begin = next((n for n, line in enumerate(lines) if line.startswith("digitgan: ")), None)
            if begin is not None:
                return "\n".join(lines[begin:]).removeprefix("digitgan: ")[:2000]
            if lines:
                last = "\n".join(lines[-3:])[:2000]
                return f"it ended without saying why: it was killed, perhaps. Before that it said:\n{last}"
        return "it ended without a word"

    def phase(self, run: RunFolder, record: dict[str, Any]) -> Phase:
        """What a run is doing.

        Args:
            run: which.
            record: as it was read.
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
                f"{name}: was not started by a studio; steer it where it was started, by Ctrl-C say"
                if locked
                else f"{name}: doesn't train just now"
            )
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._known(name)["pid"], number)

    def _is_alive(self, name: str) -> bool:
        """Whether the process that was started for a run is still there, and no other has been given its number."""
        child, known = self._children.get(name), self._known(name)
        pid = known.get("pid")
        # Reaps it, if it has ended; another studio over the same folder may have started the run again since.
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
    """When a process began, in whatever the system counts; None where there is none, or only what is left of one."""
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
