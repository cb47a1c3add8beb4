"""A pool of processes that notices at any moment that one of them was killed.

`concurrent.futures.ProcessPoolExecutor` waits without end if a process is killed while it sends a result, because all its
processes share one pipe. Here each process has a pipe of its own, so that its end closes the pipe.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import ParamSpec, Self, TypeVar, final

P = ParamSpec("P")
T = TypeVar("T")


class LostProcessError(Exception):
    """A process of the pool ended before it had returned a result."""


@final
class ProcessPool:
    """Processes that call functions, used as a context manager.

    At the end of the `with` block, calls that have not begun are cancelled, and those that have are completed.

    Args:
        processes: Number of processes.
    """

    def __init__(self, processes: int) -> None:
        self._processes = [_Process() for _ in range(processes)]
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="process-pool")

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the processes."""
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.end()

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function in one of the processes, and return a future of its result.

        The function, its arguments and its result are pickled. The future raises what the function raises, and
        `LostProcessError` if the process ends before it has returned.
        """
        return self._threads.submit(lambda: self._call(function, *args, **kwargs))

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        process = self._idle.get()
        try:
            return process.call(function, *args, **kwargs)
        finally:
            self._idle.put(process)


class _Process:
    def __init__(self) -> None:
        # "spawn", since a process forked from a multi-threaded one may deadlock.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="digitgan-worker")
        self._process.start()
        theirs.close()  # otherwise, the end of the process would not close the pipe

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            self._connection.send((function, args, kwargs))
            returned, result = self._connection.recv()
        except (EOFError, OSError) as problem:
            raise LostProcessError(f"process {self._process.pid}") from problem
        if not returned:
            raise result
        return result  # type: ignore[no-any-return]

    def end(self) -> None:
        self._connection.close()
        self._process.join()


def _serve(connection: Connection) -> None:
    """Call the functions that arrive, until the connection is closed or the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides what Ctrl-C ends
    parent = parent_process()

    def end_with_it() -> None:
        wait([parent.sentinel] if parent is not None else [])
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()
    while True:
        try:
            function, args, kwargs = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = True, function(*args, **kwargs)
        except Exception as problem:  # raised again in the parent process
            answer = False, problem
        _send(connection, answer)


def _send(connection: Connection, answer: tuple[bool, object]) -> None:
    """Send a result or an exception, or an exception that says that it cannot be pickled."""
    try:
        message = ForkingPickler.dumps(answer)
    except Exception as problem:
        _, value = answer
        told = value if isinstance(value, Exception) else problem
        message = ForkingPickler.dumps((False, RuntimeError(f"{type(told).__name__}: {told}")))
    with contextlib.suppress(OSError):  # the parent process has ended
        connection.send_bytes(message)
