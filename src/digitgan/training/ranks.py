"""Several processes at one training, on one machine or many: each takes its share of a batch's parts, and all learn alike.

`torchrun` starts the same command in every process, and says to each who it is and where the others are. The first rank, the
leader, decides, shows and writes. The others hold the same trainer and follow: they are told of each step, compute their parts
of its batch, average gradients with the rest, and so arrive at the same networks. What comes out depends on how many parts a
batch has, which is the recipe's, and not on how many ranks share them.

Where a rank is lost, the others notice: its connections close, or it hasn't answered by the deadline.
"""

from __future__ import annotations

from enum import IntEnum
from typing import final

import torch

from digitgan.distributed import ProcessGroup, world
from digitgan.errors import RecipeError
from digitgan.training.control import Control


@final
class RankCommand(IntEnum):
    """What the leader tells the others to do next."""

    END = 0
    STEP = 1
    TAKE_OVER = 2


@final
class Ranks(ProcessGroup):
    """This process among those of a training.

    Attributes:
        in_step: whether the leader has ordered a step that it hasn't finished itself.
    """

    def __init__(self) -> None:
        super().__init__(
            "What was saved is whole: start all of them again with --resume; any number that divides updates.microbatches "
            "will do"
        )
        self.in_step = False
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

    def send(self, order: RankCommand) -> None:
        """Tell the others what to do next; they must do it together with the leader."""
        self._agree(order)
        self.in_step = order == RankCommand.STEP

    def receive(self) -> RankCommand:
        """What the leader says is to be done next; waits for it."""
        return RankCommand(self._agree(0))

    def _agree(self, order: int) -> int:
        """The order, which the leader alone gives; and whether any rank was asked to stop, which may have been any of them."""
        asked = self._control is not None and self._control.stop_requested
        told = self.sum_of(torch.tensor([order, int(asked)]))
        if self._control is not None and told[1]:
            self._control.stop()
        return int(told[0])


def join_ranks() -> Ranks | None:
    """Meet the other processes that torchrun has started; None where it has started no others.

    Raises:
        RankError: if they can't be met.
    """
    return Ranks() if world()[1] > 1 else None
