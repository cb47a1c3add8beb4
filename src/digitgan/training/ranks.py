"""Distributed training in several processes, on one or more machines.

`torchrun` starts the same command in every process and sets the rank and the addresses. The first rank, the leader, makes the
decisions, displays the progress and writes files. The other ranks hold the same trainer and follow. At each step, every rank
computes its share of the microbatches, and the gradients are averaged, so that all ranks have the same networks. The result
depends on the number of microbatches, which the recipe sets, but not on the number of ranks.

The ranks detect a lost rank by its closed connections or by a timeout.
"""

from __future__ import annotations

from enum import IntEnum
from typing import final

import torch

from digitgan.data import ProgressFn
from digitgan.distributed import ProcessGroup, check_gpus, world
from digitgan.errors import RecipeError
from digitgan.training.control import Control


@final
class RankCommand(IntEnum):
    """The commands of the leader to the other ranks."""

    END = 0
    STEP = 1
    TAKE_OVER = 2
    WAIT = 3


@final
class Ranks(ProcessGroup):
    """The process group of a distributed training.

    Attributes:
        in_step: whether the leader has sent `STEP` and not finished the step.
    """

    def __init__(self) -> None:
        super().__init__(
            "The saved files are complete: start all processes again with --resume; their number must divide "
            "updates.microbatches"
        )
        self.in_step = False
        self._control: Control | None = None

    @property
    def leads(self) -> bool:
        """Return whether this process is the leader."""
        return self.rank == 0

    def share_of(self, count: int) -> range:
        """Return the indices of this rank's share of `count` microbatches.

        Raises:
            RecipeError: if the number of processes does not divide `count`.
        """
        if count % self.count:
            raise RecipeError(
                f"updates.microbatches = {count} with {self.count} processes: must be a multiple of the number of processes; "
                f"use --set updates.microbatches={self.count}"
            )
        each = count // self.count
        return range(self.rank * each, (self.rank + 1) * each)

    def stop_together(self, control: Control) -> None:
        """Share stop requests among all ranks from now on; a scheduler may signal any of them."""
        self._control = control

    def send(self, order: RankCommand) -> None:
        """Send a command to the other ranks, which execute it together with the leader."""
        self._agree(order)
        self.in_step = order == RankCommand.STEP

    def notifying(self, notify: ProgressFn) -> ProgressFn:
        """Return a function for lines of progress that also lets the other ranks wait for longer than the deadline."""

        def told(line: str) -> None:
            notify(line)
            self.send(RankCommand.WAIT)

        return told

    def receive(self) -> RankCommand:
        """Wait for the next command of the leader and return it."""
        return RankCommand(self._agree(0))

    def _agree(self, order: int) -> int:
        """Return the command of the leader, and forward a stop request of any rank to this one; followers pass 0."""
        asked = self._control is not None and self._control.stop_requested
        told = self.sum_of(torch.tensor([order, int(asked)]))
        if self._control is not None and told[1]:
            self._control.stop()
        return int(told[0])


def join_ranks(device: str) -> Ranks | None:
    """Join the processes that torchrun started to train on a device; return None if there is a single process.

    Raises:
        UsageError: if the device is a GPU, and this machine has fewer GPUs than processes.
        RankError: if the other processes cannot be reached.
    """
    check_gpus(device)
    return Ranks() if world()[1] > 1 else None
