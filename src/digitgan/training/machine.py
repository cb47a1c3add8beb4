"""What this machine has, and what a training will use of it; decided by measurement where a table would be a guess."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import statistics
import sys
import time
from typing import final

import torch

from digitgan.data import Batch
from digitgan.errors import UsageError, nearest
from digitgan.networks import ImageForm
from digitgan.recipes import Recipe
from digitgan.training.draws import Draws
from digitgan.training.pretraining import MOST_AT_ONCE, MOST_OF_RUN
from digitgan.training.step import Game

DEVICES = ("auto", "cpu", "cuda", "mps")

MOST_THREADS = 8
"""Networks this small gain nothing from more threads: the portions become too small to share out."""

SPEED_SECONDS = 2.5
"""Time spent at most on measuring the speed of training: long enough to be within a few percent."""

SPEED_SHARE = 0.04
"""The most that it may take of the time there is."""

MALLOC_OPTIONS = {"M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_TOP_PAD": (-2, 64 * 2**20), "M_MMAP_THRESHOLD": (-3, 32 * 2**20)}
"""glibc's numbers for `mallopt`, and what they are set to, in bytes: the most that each takes, but for the pad."""

FASTER = 0.95
"""bfloat16 must take less than this share of float32's time: there is nothing to be had from it otherwise."""

FEWEST_PAIRS = 3
MOST_PAIRS = 12
PAIRS_SECONDS = 1.0
"""Steps by which the two are compared: many where they are short, for the noise, and few where each takes a second."""


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; for "auto" a GPU where there is one, otherwise the CPU.

    Raises:
        UsageError: for an unknown name, or a device that this machine or this torch doesn't have.
    """
    if name not in DEVICES:
        raise UsageError(f"--device {name!r}: {nearest(name, DEVICES)}")
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if has[kind])
    if not has[name]:
        present = ", ".join(kind for kind, there in has.items() if there)
        raise UsageError(f"--device {name}: this machine, or the torch installed on it, has none; it has {present}")
    return torch.device(name)


def use_threads() -> int:
    """Let torch use this process's CPU cores, up to `MOST_THREADS`, or as many as OMP_NUM_THREADS says; returns how many."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    named = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(int(named[:4]), 1024) if named.isdecimal() and int(named[:4]) > 0 else min(allowed, MOST_THREADS)
    torch.set_num_threads(threads)
    return threads


def prepare(device: str) -> tuple[torch.device, int]:
    """Choose the device, threads and memory's ways for a training; returns the device and how many threads.

    Raises:
        UsageError: see `choose_device`.
    """
    chosen, threads = choose_device(device), use_threads()
    if chosen.type == "cpu":
        keep_freed_memory()
    return chosen, threads


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what is asked for next.

    A step asks for the same tens of megabytes as the one before it. glibc hands such pieces back to the kernel when they are
    freed and is given them anew, page by page, each filled with zeros: a tenth of the time of a training. Elsewhere than on
    glibc nothing is done.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in MALLOC_OPTIONS.values():
            mallopt(option, size)


def faster_precision(recipe: Recipe, form: ImageForm, device: torch.device) -> str:
    """ "bfloat16" where whole steps are faster in it than in float32, otherwise "float32".

    A CPU whose instructions stop at AVX2 has none for bfloat16 and takes it at a twentieth of the speed: it isn't asked.
    """
    if device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "NO AVX", "AVX2"):
        return "float32"
    trials = [_Trial(recipe, form, device, precision) for precision in ("float32", "bfloat16")]
    for trial in trials:
        trial.seconds(1)  # in which the kernels are prepared
    # In turn, so that other work on the machine slows both.
    shares: list[float] = []
    started = time.perf_counter()
    while len(shares) < FEWEST_PAIRS or (len(shares) < MOST_PAIRS and time.perf_counter() - started < PAIRS_SECONDS):
        float32, bfloat16 = (trial.seconds(1) for trial in trials)
        shares.append(bfloat16 / float32)
    return "bfloat16" if statistics.median(shares) < FASTER else "float32"


def training_speed(recipe: Recipe, form: ImageForm, device: torch.device, budget: float) -> float:
    """Images a second that a training by this recipe gets through here, measured on a game that is thrown away.

    Args:
        recipe: with its precision decided.
        form: of the images.
        device: where it is to be.
        budget: the seconds that it is measured for.
    """
    enough = min(SPEED_SECONDS, SPEED_SHARE * budget)
    trial, interval = _Trial(recipe, form, device, recipe.training.precision), recipe.penalty.interval
    # Whole intervals, so that the penalty has its share. The first runs slowly, while kernels are prepared, and others may meet
    # a neighbour's work: their median is what a longer training gets.
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < 3 or time.perf_counter() - started < enough:
        seconds.append(trial.seconds(interval))
        if time.perf_counter() - started > 4 * enough:
            break  # a slow network, for which a rough measurement must do
    return recipe.training.batch_size * interval / statistics.median(seconds)


def images_within(seconds: float, recipe: Recipe, form: ImageForm, device: torch.device, speed: float) -> int:
    """The length of a run that takes so long, the generator's pretraining included.

    Args:
        seconds: that there are.
        recipe: with its precision decided.
        form: of the images.
        device: where it is to be.
        speed: images a second, from `training_speed`.
    """
    whole, size = round(speed * seconds), recipe.training.batch_size
    if not recipe.training.generator_pretraining:
        return whole
    trial = _Trial(recipe, form, device, recipe.training.precision)
    alone = statistics.median(trial.seconds_alone() for _ in range(5))
    # A run that is long enough has all of it, a shorter one so much for each of its own steps.
    long = round(speed * (seconds - alone * recipe.training.generator_pretraining))
    short = round(seconds / (1 / speed + alone * MOST_OF_RUN / size))
    return max(long, min(short, whole))


@final
class _Trial:
    """A game that is played to see how long its steps take, and thrown away."""

    def __init__(self, recipe: Recipe, form: ImageForm, device: torch.device, precision: str) -> None:
        training = dataclasses.replace(recipe.training, images=10**12, precision=precision)
        self.game = Game(dataclasses.replace(recipe, training=training), form, seed=0, device=device)
        size = training.batch_size
        pixels = torch.zeros(size, form.channels, form.height, form.width, dtype=torch.uint8, device=device)
        self.batch = Batch(pixels, torch.arange(size, device=device) % form.classes)
        self.draw = Draws(0, self.game.generator.latent, form.classes, size, device, recipe.updates).at(0)

    def seconds(self, steps: int) -> float:
        """How long so many steps take."""
        started = time.perf_counter()
        for _ in range(steps):
            self.game.step(self.batch, self.draw)
        _wait(self.game.device)
        return time.perf_counter() - started

    def seconds_alone(self) -> float:
        """How long a step of the generator's pretraining takes."""
        started = time.perf_counter()
        batch = Batch(self.batch.images[:MOST_AT_ONCE], self.batch.labels[:MOST_AT_ONCE])
        self.game.reconstruct(self.draw.z[:MOST_AT_ONCE], batch, self.game.generator_optimizer)
        _wait(self.game.device)
        return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
