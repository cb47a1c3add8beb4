"""Worker processes that generate the files of a set."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

import torch

from digitgan.generation.filters import filters_of
from digitgan.generation.rejection_sampling import Block, rejection_sampler
from digitgan.generation.set_folder import SetFolder, write_shard
from digitgan.generation.set_plan import SetPlan
from digitgan.model.batching import side_by_side
from digitgan.model.registry import load


def sample_by_workers(
    plan: SetPlan, folder: SetFolder, shards: Sequence[int], workers: int, data_dir: Path | None, device: str
) -> Iterator[int]:
    """Generate files of a set in several processes, and yield the index of each file when it is finished.

    Args:
        plan: Plan of the set.
        folder: Folder of the set.
        shards: Indices of the files.
        workers: Number of processes. The threads of this process are divided equally among them.
        data_dir: Folder of downloaded data sets.
        device: Device that each process computes on.

    Raises:
        DigitganError: If a worker raises one.
    """
    threads = max(1, torch.get_num_threads() // workers)
    # "spawn", since a process forked from a multi-threaded one may deadlock.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker)
    try:
        waiting = {pool.submit(_draw_shard, plan, folder, shard, data_dir, device, threads): shard for shard in shards}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done]
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Ignore SIGINT in a worker, and end the worker when its parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def end_with_it() -> None:
        wait([parent.sentinel] if parent is not None else [])
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()


def _draw_shard(plan: SetPlan, folder: SetFolder, shard: int, data_dir: Path | None, device: str, threads: int) -> None:
    draw = _drawer(plan, data_dir, device, threads)
    write_shard(plan, folder, shard, lambda wanted: side_by_side(draw, wanted))


@functools.lru_cache(maxsize=1)
def _drawer(plan: SetPlan, data_dir: Path | None, device: str, threads: int) -> Callable[[range], Block]:
    """Return the function that generates a plan's images; cached, since a worker generates several files."""
    model = load(plan.model, device)
    torch.set_num_threads(threads)
    filters = filters_of(plan, model, data_dir, lambda line: None)
    return rejection_sampler(model, plan.seed, plan.truncation, filters, plan.labelling.of)
