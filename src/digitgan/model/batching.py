"""Images in blocks: what is drawn together, so that an image is the same in any company, and several blocks side by side.

How floating-point sums round depends on the size of a batch, on an image's place in it, and on how many threads share the work.
So image i is always computed at place i % `BLOCK` of a batch of `BLOCK`, by one thread; what is faster on several cores is
several blocks at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Final, TypeVar

import torch

BLOCK: Final = 64
"""Images that are computed together. Small enough that one image comes quickly, large enough for speed."""

AHEAD: Final = 2
"""Blocks that wait for each thread, finished or not: enough that none is idle, few enough that memory doesn't grow."""

Item = TypeVar("Item")
Made = TypeVar("Made")


def spans(start: int, count: int) -> Iterator[range]:
    """Indices `start` to `start + count` in chunks of one block each: the first and the last may be parts of theirs."""
    stop = start + count
    edges = [start, *range((start // BLOCK + 1) * BLOCK, stop, BLOCK), stop]
    return (range(first, last) for first, last in pairwise(edges))


def side_by_side(task: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """What `task` makes of each item, in their order, as many at once as torch has threads; each computes alone."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield from map(task, items)
        return
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for item in items:
            waiting.append(pool.submit(task, item))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # some libraries keep one number for all threads
