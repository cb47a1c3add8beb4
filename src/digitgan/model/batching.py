"""Generation of images in blocks of fixed size, so that an image does not depend on the images generated with it.

The rounding of floating-point sums depends on the batch size, on the position of an image in the batch and on the number of
threads. Image i is therefore always computed at position i % `BLOCK` of a batch of `BLOCK`, by one thread. Several cores
compute several blocks in parallel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Final, TypeVar

import torch

BLOCK: Final = 64
"""The number of images per block: small enough for a low latency of one image, large enough for throughput."""

AHEAD: Final = 2
"""The number of queued blocks per thread: enough to keep every thread busy, few enough to bound the memory."""

Item = TypeVar("Item")
Made = TypeVar("Made")


def spans(start: int, count: int) -> Iterator[range]:
    """Return the indices `start` to `start + count` in chunks of one block; the first and last may be partial blocks."""
    stop = start + count
    edges = [start, *range((start // BLOCK + 1) * BLOCK, stop, BLOCK), stop]
    return (range(first, last) for first, last in pairwise(edges))


def side_by_side(task: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield the result of `task` for each item, in order, with as many parallel single-threaded calls as torch has threads."""
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
        torch.set_num_threads(threads)  # some libraries keep one setting for all threads
