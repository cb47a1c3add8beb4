"""The process group of a command that torchrun starts in several processes, on one or more machines.

Only torchrun is recognised as a launcher. Schedulers also set `RANK` and `WORLD_SIZE` for commands that run in a single
process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor

from digitgan.device import choose_device
from digitgan.errors import RankError, UsageError

DEADLINE: Final = timedelta(minutes=5)
"""The default time for which a rank may keep the other ranks waiting."""


_LAUNCHER: Final = os.getppid()
"""Process that started this one, at the time of the import: it may be lost before the group is joined."""

POLL_SECONDS: Final = 1.0
"""Interval at which a process checks whether its launcher is alive."""


def by_torchrun(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether torchrun started this process, alone or as one of several."""
    return "TORCHELASTIC_RUN_ID" in environment


def world(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the rank of this process, from 0, and the number of processes; (0, 1) without torchrun."""
    return (int(environment["RANK"]), int(environment["WORLD_SIZE"])) if by_torchrun(environment) else (0, 1)


def check_gpus(device: str, environment: Mapping[str, str] = os.environ) -> None:
    """Check that each process that torchrun started on this machine has a GPU of its own, which NCCL requires.

    Args:
        device: name of the device, see `digitgan.device.choose_device`.
        environment: environment variables of the process.

    Raises:
        UsageError: if the device is a GPU, and there are fewer GPUs than processes.
    """
    processes = int(environment["LOCAL_WORLD_SIZE"]) if by_torchrun(environment) else 1
    if processes > 1 and choose_device(device).type == "cuda" and processes > (gpus := torch.cuda.device_count()):
        raise UsageError(
            f"--device {device}: {processes} processes and {gpus} GPU{'s' if gpus > 1 else ''} on this machine; each process "
            f"needs a GPU of its own. Start {gpus} with --nproc-per-node {gpus}, or use --device cpu"
        )


class ProcessGroup:
    """The group of processes that torchrun started for one command; a single process never waits.

    The group exists until the process ends. A process cannot leave and rejoin, because the store of torchrun keeps the old
    addresses of the processes.

    Args:
        advice: the sentence of the error message that tells the user what to do when a process is lost.
        deadline: the time for which a rank may keep the other ranks waiting.

    Attributes:
        rank: the rank of this process, from 0.
        count: the number of processes.

    Raises:
        RankError: if the other processes cannot be reached.
    """

    def __init__(self, advice: str, deadline: timedelta = DEADLINE) -> None:
        self.rank, self.count = world()
        self._advice = advice
        self._group: dist.ProcessGroup | None = None
        if self.count > 1:
            with self._losses():
                _join()
                self._group = dist.new_group(timeout=deadline)
            # After an exception, its traceback keeps this object until the interpreter shuts down. The group would then outlive
            # `_leave`, with threads that abort the process; handlers run in the reverse order, so this one runs before it.
            atexit.register(self._forget)

    def sum_of(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over all ranks; the tensor may be changed in place.

        Raises:
            RankError: if another rank is lost. The other methods raise it too.
        """
        if self._group is not None:
            with self._losses():
                dist.all_reduce(values, group=self._group)
        return values

    def broadcast(self, content: bytes) -> bytes:
        """Return the bytes of the first rank on every rank; the arguments of the other ranks are ignored."""
        if self._group is None:
            return content
        size = torch.tensor([len(content)])
        with self._losses():
            dist.broadcast(size, 0, group=self._group)
            # torch.frombuffer needs a writable, non-empty buffer: hence the copy and the extra byte.
            values = (
                torch.frombuffer(bytearray(content + b"\0"), dtype=torch.uint8)
                if self.rank == 0
                else torch.empty(int(size) + 1, dtype=torch.uint8)
            )
            dist.broadcast(values, 0, group=self._group)
        return values[:-1].numpy().tobytes()

    def wait(self) -> None:
        """Wait until all ranks have called this method."""
        self.sum_of(torch.zeros(1))  # on the CPU: a barrier would use NCCL if there is a GPU

    def _forget(self) -> None:
        """Release the group, so that `_leave` can end its threads."""
        self._group = None

    @contextlib.contextmanager
    def _losses(self) -> Iterator[None]:
        """Convert the exceptions that torch raises for a lost rank to `RankError`."""
        try:
            yield
        except (RuntimeError, ValueError) as problem:
            # Keep the first sentence of torch's message, without the position in its source code.
            words = re.sub(r"^\[[^]]*\] ", "", str(problem).strip()).partition("\n")[0].partition(". ")[0]
            reason = words or type(problem).__name__
            raise RankError(f"another process has ended or does not respond ({reason}). {self._advice}") from problem


def _join() -> None:
    if dist.is_initialized():
        return
    threading.Thread(target=_end_with_launcher, args=(_LAUNCHER,), daemon=True).start()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())  # --device cpu allows more ranks
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=DEADLINE)
    # Destroy the group before the interpreter shuts down. A thread of Gloo that releases a tensor during shutdown aborts the
    # process ("terminate called without an active exception"), in one of thirty exits.
    atexit.register(_leave)


def _end_with_launcher(parent: int) -> None:
    """End this process after its launcher, which may be killed without a signal to the processes that it started.

    The process gets SIGTERM, as torchrun sends it when it is stopped: the command saves its work and ends. If it has not ended
    after `DEADLINE`, it is ended without further ado.
    """
    while os.getppid() == parent and not (parent == 1 and _is_init()):
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DEADLINE.total_seconds())
    os._exit(1)


def _is_init() -> bool:
    """Return whether process 1 is not torchrun: it has then adopted this process after the loss of its launcher."""
    try:
        return b"torch" not in Path("/proc/1/cmdline").read_bytes()
    except OSError:
        return False


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
