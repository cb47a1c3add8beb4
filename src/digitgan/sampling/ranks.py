"""Processes that torchrun started, on one machine or more, all of which draw one set."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch


def world() -> tuple[int, int]:
    """Which of how many processes this is, as torchrun tells them."""
    rank, world = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(world)) if rank.isdecimal() and world.isdecimal() else (0, 1)


@contextlib.contextmanager
def together(count: int) -> Iterator[None]:
    """While it lasts, the processes can wait for each other."""
    if count == 1:
        yield
        return
    torch.distributed.init_process_group("gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def wait_for_all(count: int) -> None:
    """Go on when all have come here."""
    if count > 1:
        torch.distributed.barrier()
