"""Several processes at one training, on one machine or many: each takes its share of a batch's parts, and all learn alike.

`torchrun` starts the same command in every process, and says to each who it is and where the others are. The first rank, the
leader, decides, shows and writes. The others hold the same game and follow: they are told of each step, compute their parts
of its batch, average gradients with the rest, and so arrive at the same networks. What comes out depends on how many parts a
batch has, which is the recipe's, and not on how many ranks share them.

Where a rank is lost, the others notice: its connections close, or it hasn't answered by the deadline.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from enum import IntEnum
from typing import Final, final

import torch
import torch.distributed as dist
from torch import Tensor

from digitgan.errors import RankError, RecipeError
from digitgan.training.control import Control

DEADLINE: Final = timedelta(minutes=5)
"""How long a rank that is alive may let the others wait: longer than a leader takes to score and to save."""


@final
class Order(IntEnum):
    """What the leader tells the others to do next."""

    END = 0
    STEP = 1
    TAKE_OVER = 2


@final
class Ranks:
    """This process among those of a training.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank = rank
        self.count = count
        self._control: Control | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the one that decides, shows and writes."""
        return self.rank == 0

    def share_of(self, count: int) -> range:
        """Which of so many parts are this rank's.

        Raises:
            RecipeError: if they can't be shared out evenly.
        """
        if count % self.count:
            raise RecipeError(
                f"updates.microbatches = {count} with {self.count} processes: each takes as many parts of a batch; "
                f"--set updates.microbatches={self.count} is right, or a multiple of it"
            )
        each = count // self.count
        return range(self.rank * each, (self.rank + 1) * each)

    def stop_together(self, control: Control) -> None:
        """From now on, where one rank is asked to stop, all are: a scheduler may speak to any of them."""
        self._control = control

    def order(self, order: Order) -> None:
        """Tell the others what to do next; they must do it together with the leader."""
        self._agree(order)

    def ordered(self) -> Order:
        """What the leader says is to be done next; waits for it."""
        return Order(self._agree(0))

    def _agree(self, order: int) -> int:
        """The order, which the leader alone gives; and whether any rank was asked to stop, which may have been any of them."""
        asked = self._control is not None and self._control.stop_asked
        told = self.sum_of(torch.tensor([order, int(asked)]))
        if self._control is not None and told[1]:
            self._control.stop()
        return int(told[0])

    def hand_out(self, content: bytes) -> bytes:
        """The leader's bytes, on every rank; what the others give is not looked at."""
        size = torch.tensor([len(content)])
        with _losses():
            dist.broadcast(size, 0)
            # A copy that may be written to; one byte more, for there may be none.
            values = (
                torch.frombuffer(bytearray(content + b"\0"), dtype=torch.uint8)
                if self.leads
                else torch.empty(int(size) + 1, dtype=torch.uint8)
            )
            dist.broadcast(values, 0)
        return values[:-1].numpy().tobytes()

    def wait(self) -> None:
        """Until all ranks have come here."""
        with _losses():
            dist.barrier()

    def sum_of(self, values: Tensor) -> Tensor:
        """The sum, over all ranks, of a tensor that each has; it may be changed in place."""
        with _losses():
            dist.all_reduce(values)
        return values


def join_ranks(environment: dict[str, str] | None = None) -> Ranks | None:
    """Meet the other processes that torchrun has started; None where it has started no others.

    Raises:
        RankError: if they can't be met.
    """
    told = os.environ if environment is None else environment
    if int(told.get("WORLD_SIZE", "1")) == 1 or "TORCHELASTIC_RUN_ID" not in told:
        return None
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(told["LOCAL_RANK"]) % torch.cuda.device_count())  # with --device cpu, more than GPUs
        with _losses():
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=DEADLINE)
    return Ranks(dist.get_rank(), dist.get_world_size())


@contextlib.contextmanager
def _losses() -> Iterator[None]:
    """What torch raises where a rank has gone, as an error that says what to do."""
    try:
        yield
    except (RuntimeError, ValueError) as problem:
        reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise RankError(
            f"another process of this training has ended or doesn't answer ({reason}). What was saved is whole: start all of "
            "them again with --resume; any number that divides updates.microbatches will do"
        ) from problem
