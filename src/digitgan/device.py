"""The hardware a command runs on: device, threads, precision, and what decides how its sums round.

Equal to the last bit means: equal on one kind of machine. `arithmetic` names what that takes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

from digitgan.errors import UsageError, nearest

DEVICES: Final = ("auto", "cpu", "cuda", "mps")

MAX_THREADS: Final = 8
"""Networks this small gain nothing from more threads: the chunks become too small to share out."""

MALLOC_OPTIONS: Final = {
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),
    "M_TOP_PAD": (-2, 64 * 2**20),
    "M_MMAP_THRESHOLD": (-3, 32 * 2**20),
}
"""glibc's numbers for `mallopt`, and their values in bytes: the maximum of each, except for the pad."""

ROUNDING_VARIABLES: Final = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
)
"""Environment variables by which a user chooses other kernels of PyTorch, oneDNN, MKL or CUDA."""

_VECTOR_MATH: Final = threading.Lock()


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; for "auto" a GPU where there is one, otherwise the CPU.

    Raises:
        UsageError: for an unknown name, or a device that this machine or this PyTorch does not have.
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
    """Let torch use this process's CPU cores, up to `MAX_THREADS`, or as many as OMP_NUM_THREADS says; return how many."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    named = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(int(named[:4]), 1024) if named.isdecimal() and int(named[:4]) > 0 else min(allowed, MAX_THREADS)
    torch.set_num_threads(threads)
    return threads


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """While it lasts, this thread computes alone."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare(device: str) -> tuple[torch.device, int]:
    """Choose device, threads and memory allocation for a training; return the device and the number of threads.

    Raises:
        UsageError: see `choose_device`.
    """
    chosen, threads = choose_device(device), use_threads()
    if chosen.type == "cpu":
        keep_freed_memory()
    return chosen, threads


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next request.

    A step asks for the same tens of megabytes as the one before it. By default glibc returns such blocks to the kernel and
    gets them back page by page, each filled with zeros, which takes a tenth of the time of a training. Without glibc nothing
    is done.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in MALLOC_OPTIONS.values():
            mallopt(option, size)


def initialize_vector_math() -> None:
    """Let MKL detect the processor before several threads use its vector functions at once.

    PyTorch computes `tanh`, `exp`, `log` and others of their kind by MKL, from several threads. In the first such call of a
    process, MKL 2024.2 stores the processor's number in two steps without a lock (`mkl_vml_serv_cpu_detect`). A thread that
    reads it in between takes a kernel of lower accuracy for its part of the tensor, off by up to 870 units in the last place.
    On Intel processors with AVX-512 this changed the first images of one process in a hundred, and all weights that followed
    (`benchmarks/first_step.py`). One call by a single thread leaves nothing to race for. It takes microseconds, and every
    network of this project makes it when it is built.
    """
    with _VECTOR_MATH:
        torch.tanh(torch.zeros(1))


def choose_precision(device: torch.device) -> str:
    """Return the precision of training that suits a device: "bfloat16" where the hardware multiplies in it, else "float32".

    The choice depends on the hardware alone, never on a measurement, so that a command gives the same weights each time.
    `benchmarks/precision.py` measures both: with AVX-512 BF16, a step takes 0.57 to 0.90 of its time in float32, depending on
    the recipe. A CPU without such instructions emulates bfloat16, at a twentieth of the speed. On a GPU the casts cost more
    than they save, because launching kernels takes longer than computing them: in batches of 128, a step in bfloat16 takes 1.1
    to 1.3 of its time in float32 (`benchmarks/gpu.py`, NVIDIA H200).
    """
    return "bfloat16" if device.type == "cpu" and cpu_multiplies_bfloat16() else "float32"


def cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions that multiply in bfloat16 (AVX-512 BF16 or AMX), and PyTorch may use them."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":  # AMX comes with AVX-512; ATEN_CPU_CAPABILITY can forbid both
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # PyTorch before 2.13
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def arithmetic(device: torch.device, threads: int, precision: str) -> dict[str, Any]:
    """Return what decides how a training's sums round, as JSON values.

    Two trainings by the same recipe, seed and data are equal bit for bit where all of these are equal. Which batches, latents
    and labels they see is the same everywhere.

    Args:
        device: where it runs.
        threads: CPU threads that share the work; sums are split among them.
        precision: "float32" or "bfloat16".
    """
    found = {
        "device": device.type,
        "processor": processor_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "precision": precision,
        "torch": torch.__version__,
        "variables": {name: os.environ[name] for name in ROUNDING_VARIABLES if name in os.environ},
    }
    if device.type == "cuda":
        found |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return found


def processor_name() -> str:
    """Return the CPU's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
