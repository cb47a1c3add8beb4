"""The processes that torchrun starts for one command, on one machine or many: which of them this is, and how they meet.

Of all that start several processes, torchrun alone is listened to: schedulers leave `RANK` and `WORLD_SIZE` in the
environment of commands that are to run alone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor

from digitgan.errors import RankError

DEADLINE: Final = timedelta(minutes=5)
"""How long a rank that is alive may let the others wait, unless they agreed on more."""


def by_torchrun(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether torchrun has started this process, be it alone or one of several."""
    return "TORCHELASTIC_RUN_ID" in environment


def world(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """This process's rank, from 0, and how many there are; (0, 1) where torchrun has started no others."""
    return (int(environment["RANK"]), int(environment["WORLD_SIZE"])) if by_torchrun(environment) else (0, 1)


class ProcessGroup:
    """This process and the others that torchrun has started for the same command; where it is alone, it never waits.

    A process can't be left and met again: the store through which torchrun's processes find each other keeps where they
    were before. So they stay together until the process ends.

    Args:
        advice: what is to be done where one of them is lost; ends a sentence.
        deadline: how long one that is alive may let the others wait.

    Attributes:
        rank: this process's number, from 0.
        count: how many there are.

    Raises:
        RankError: if they can't be met.
    """

    def __init__(self, advice: str, deadline: timedelta = DEADLINE) -> None:
        self.rank, self.count = world()
        self._advice = advice
        self._group: dist.ProcessGroup | None = None
        if self.count > 1:
            with self._losses():
                _join()
                self._group = dist.new_group(timeout=deadline)

    def sum_of(self, values: Tensor) -> Tensor:
        """The sum, over all ranks, of a tensor that each has; it may be changed in place.

        Raises:
            RankError: if another rank is lost; so do the other methods.
        """
        if self._group is not None:
            with self._losses():
                dist.all_reduce(values, group=self._group)
        return values

    def hand_out(self, content: bytes) -> bytes:
        """The first rank's bytes, on every rank; what the others give is not looked at."""
        if self._group is None:
            return content
        size = torch.tensor([len(content)])
        with self._losses():
            dist.broadcast(size, 0, group=self._group)
            # A copy that may be written to; one byte more, for there may be none.
            values = (
                torch.frombuffer(bytearray(content + b"\0"), dtype=torch.uint8)
                if self.rank == 0
                else torch.empty(int(size) + 1, dtype=torch.uint8)
            )
            dist.broadcast(values, 0, group=self._group)
        return values[:-1].numpy().tobytes()

    def wait(self) -> None:
        """Until all ranks have come here."""
        self.sum_of(torch.zeros(1))  # on the CPU; a barrier would take NCCL's where there is a GPU

    @contextlib.contextmanager
    def _losses(self) -> Iterator[None]:
        """What torch raises where a rank has gone, as an error that says what to do."""
        try:
            yield
        except (RuntimeError, ValueError) as problem:
            # Of torch's words the first sentence, without the place in its sources.
            words = re.sub(r"^\[[^]]*\] ", "", str(problem).strip()).partition("\n")[0].partition(". ")[0]
            reason = words or type(problem).__name__
            raise RankError(f"another process has ended or doesn't answer ({reason}). {self._advice}") from problem


def _join() -> None:
    if dist.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())  # with --device cpu, more than GPUs
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=DEADLINE)
    # Gloo's threads may still hold a tensor when Python has begun to end, and to let go of it then aborts the process
    # ("terminate called without an active exception", of one exit in thirty): they have to be ended before.
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
