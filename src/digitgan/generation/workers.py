"""Worker processes that generate images, for one file or for the shards of a set."""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import torch

from digitgan.errors import DigitganError, ModelFileError, RankError
from digitgan.files import file_hash
from digitgan.generation.filters import filters_of
from digitgan.generation.plan import SetPlan
from digitgan.generation.rejection_sampling import Block, rejection_sampler
from digitgan.generation.set_folder import SetFolder, write_shard
from digitgan.model.batching import BLOCK, side_by_side, spans
from digitgan.model.registry import find_model, load
from digitgan.process_pool import LostProcessError, ProcessPool

TASK_IMAGES: Final = 8 * BLOCK
"""Images that a worker generates at a time: enough that sending them costs little, few enough to bound the memory."""

TASKS_PER_WORKER: Final = 2
"""Queued tasks per worker, so that no worker waits for the writer."""


@final
@dataclass(frozen=True)
class WorkerOptions:
    """The options of the worker processes of one command.

    Attributes:
        plan: Plan of the images.
        workers: Number of processes. The threads of this process are divided equally among them.
        data_dir: Folder of downloaded data sets.
        device: Device that each process computes on.
    """

    plan: SetPlan
    workers: int
    data_dir: Path | None
    device: str


def blocks_by_workers(options: WorkerOptions) -> Iterator[Block]:
    """Generate all images of a plan in several processes, and yield their blocks in order.

    The blocks equal those of a single process, whatever the number of workers.

    Raises:
        DigitganError: If a worker raises one.
        RankError: If a worker is lost or fails.
    """
    count = options.plan.labelling.count
    tasks = [range(first, min(first + TASK_IMAGES, count)) for first in range(0, count, TASK_IMAGES)]
    threads = _threads_per_worker(options)
    waiting: deque[Future[list[Block]]] = deque()
    with _pool(min(options.workers, len(tasks)), "Nothing was written; repeat the command") as pool:
        for task in tasks:
            waiting.append(pool.submit(_draw_blocks, options, threads, task))
            if len(waiting) > TASKS_PER_WORKER * options.workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def shards_by_workers(options: WorkerOptions, folder: SetFolder, numbers: Sequence[int]) -> Iterator[int]:
    """Generate and write shards of a set in several processes, and yield the index of each shard when it is finished.

    Args:
        options: Options of the processes.
        folder: Folder of the set.
        numbers: Indices of the shards.

    Raises:
        DigitganError: If a worker raises one.
        RankError: If a worker is lost or fails.
    """
    threads = _threads_per_worker(options)
    with _pool(options.workers, "Finished files are kept; continue with --resume") as pool:
        waiting = {pool.submit(_draw_shard, options, threads, folder, number): number for number in numbers}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done]


@contextlib.contextmanager
def _pool(workers: int, advice: str) -> Iterator[ProcessPool]:
    """Start a pool of processes, and convert the loss of a process and unexpected exceptions to `RankError`."""
    try:
        with ProcessPool(workers) as pool:
            yield pool
    except DigitganError:
        raise
    except LostProcessError as problem:
        raise RankError(
            f"a worker process was lost, because it was killed or memory ran out. {advice}, with fewer --workers if memory is "
            "short"
        ) from problem
    except Exception as problem:
        raise RankError(f"a worker process failed ({type(problem).__name__}: {problem}). {advice}") from problem


def _threads_per_worker(options: WorkerOptions) -> int:
    return max(1, torch.get_num_threads() // options.workers)


def _draw_blocks(options: WorkerOptions, threads: int, images: range) -> list[Block]:
    return list(side_by_side(_sampler(options, threads), spans(images.start, len(images))))


def _draw_shard(options: WorkerOptions, threads: int, folder: SetFolder, number: int) -> None:
    draw = _sampler(options, threads)
    write_shard(options.plan, folder, number, lambda wanted: side_by_side(draw, wanted))


@functools.lru_cache(maxsize=1)
def _sampler(options: WorkerOptions, threads: int) -> Callable[[range], Block]:
    """Return the function that generates a plan's images; cached, since a worker executes several tasks."""
    plan = options.plan
    model = load(plan.model, options.device)
    if file_hash(find_model(plan.model)) != plan.model_sha256:
        raise ModelFileError(f"{plan.model}: the model file has changed since the command was started; repeat the command")
    torch.set_num_threads(threads)
    filters = filters_of(plan, model, options.data_dir, lambda line: None)
    return rejection_sampler(model, plan.seed, plan.truncation, filters, plan.labelling.of)
