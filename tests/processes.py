"""Processes of `digitgan`, forked from a process that has imported it: a start takes 0.05 s instead of 3 s.

`Popen` and `run` have the parameters of those of `subprocess`, for commands `[sys.executable, "-m", MODULE, ...]`. Each process
has its own arguments, folder, environment, pipes and signals. Variables that Python or PyTorch reads on import (`LD_PRELOAD`,
`PYTHONPATH`, `GOMP_SPINCOUNT`) come from the parent process; tests of these use `subprocess`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]

PRELOADED = (
    "digitgan.api",
    "digitgan.cli",
    "digitgan.studio.app",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "scipy.linalg",
    "scipy.stats",
    "sklearn.datasets",
    "torch._dynamo",
    "torch.distributed.run",
)
"""Modules that the server imports: PyTorch, and modules that the subcommands import late."""

PATIENCE = 1800.0
"""Seconds after which a process counts as hung. No test asserts that something is fast, since the machine may be busy."""

MAX_LENGTH = 2**18
"""Largest size of a request in bytes: its arguments and its environment."""

_PARAMETERS = tuple(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]
"""The parameter names of `subprocess.Popen._execute_child`, in order."""


class Popen(subprocess.Popen):  # type: ignore[type-arg]
    """`subprocess.Popen` for a Python module in a process that is forked from the server.

    Attributes:
        cpu_seconds: CPU time of the ended process, in seconds.
        peak_memory: greatest resident memory of the ended process, in MB; that of the server is included.
    """

    _status: int | None = None
    cpu_seconds: float
    peak_memory: float

    def _execute_child(self, *values: Any) -> None:
        asked = dict(zip(_PARAMETERS, values, strict=True))
        python, option, *arguments = map(os.fspath, asked["args"])
        assert (python, option) == (sys.executable, "-m")
        assert asked["preexec_fn"] is None
        assert not asked["pass_fds"]
        pipes = [asked["p2cread"], asked["c2pwrite"], asked["errwrite"]]
        self._status, status = os.pipe()
        request = {
            "arguments": arguments,
            "folder": str(asked["cwd"] or Path.cwd()),
            "environment": dict(os.environ if asked["env"] is None else asked["env"]),
            "session": asked["start_new_session"],
        }
        try:
            self.pid = _server().start(request, [*(pipe if pipe != -1 else own for own, pipe in enumerate(pipes)), status])
        finally:
            os.close(status)
        self._child_created = True
        self._close_pipe_fds(*(asked[name] for name in ["p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"]))

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._status is None:
            return self.pid, 0
        if wait_flags & os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
            return 0, 0
        status, seconds, kilobytes = (os.read(self._status, 64) or b"256 0 0").split()
        os.close(self._status)
        self._status = None
        self.cpu_seconds, self.peak_memory = float(seconds), int(kilobytes) / 1024
        return self.pid, int(status)

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):
            try:
                process, status = self._try_wait(os.WNOHANG)
                if process == self.pid and self.returncode is None:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def run(
    command: list[str], *, timeout: float | None = None, check: bool = False, capture_output: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command as `subprocess.run` does, with `Popen` of this module."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Popen(command, **options) as process:
        try:
            printed, complaint = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, printed, complaint)
    if check:
        done.check_returncode()
    return done


class _Server:
    """The process that has imported everything; it ends with this one."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_LENGTH)
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._lock = threading.Lock()
        atexit.register(self._end)

    def start(self, request: dict[str, Any], files: list[int]) -> int:
        """Fork a process with standard input, output and error and a pipe for its status; return its process id."""
        message = json.dumps(request).encode()
        assert len(message) < MAX_LENGTH
        with self._lock:
            socket.send_fds(self._socket, [message], files)
            answer = self._socket.recv(16)
        assert answer, "the server has ended"
        return int(answer)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(timeout=30)


@functools.cache
def _server() -> _Server:
    return _Server()


def _serve(requests: socket.socket) -> NoReturn:
    """Fork a process for each request until the other end is closed; in a single thread, because it forks."""
    statuses: dict[int, int] = {}
    wakes, wakes_us = os.pipe()
    os.set_blocking(wakes_us, False)
    signal.set_wakeup_fd(wakes_us)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # pytest handles Ctrl-C
    while True:
        ready = select.select([requests, wakes], [], [])[0]
        if wakes in ready:
            os.read(wakes, 4096)
        if requests in ready:
            message, files, *_ = socket.recv_fds(requests, MAX_LENGTH, 4)
            if not message:
                os._exit(0)
            process = os.fork()
            if process == 0:
                _become(json.loads(message), files)
            statuses[process] = files[3]
            for file in files[:3]:
                os.close(file)
            requests.send(str(process).encode())
        for process in list(statuses):
            ended, status, used = os.wait4(process, os.WNOHANG)
            if ended:
                pipe = statuses.pop(process)
                with contextlib.suppress(BrokenPipeError):  # the waiting process has ended
                    os.write(pipe, f"{status} {used.ru_utime + used.ru_stime} {used.ru_maxrss}".encode())
                os.close(pipe)


def _become(request: dict[str, Any], files: list[int]) -> NoReturn:
    """Run the requested module as Python does, from start to exit."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["session"]:
        os.setsid()
    for own, file in enumerate(files[:3]):
        os.dup2(file, own)
    os.closerange(3, 4096)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _writer(1), _writer(2)
    module, *arguments = request["arguments"]
    if "error" in os.environ.get("PYTHONWARNINGS", ""):
        warnings.simplefilter("error")
    sys.argv = [module, *arguments]
    sys.path.insert(0, request["folder"])
    atexit._clear()  # remove the server's functions
    code = _code_of(module)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = 120
    os._exit(code)


def _writer(file: int) -> io.TextIOWrapper:
    return open(file, "w", 1 if file == 2 or os.isatty(file) else -1, "utf-8", "backslashreplace", closefd=False)


def _code_of(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return (ended.code or 0) & 255
        print(ended.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for name in PRELOADED:
        __import__(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
