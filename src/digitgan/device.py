"""The device, threads and precision of a command, and the settings that determine rounding.

Results are bit-identical only on one kind of machine. `arithmetic` returns the settings that must be equal.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

from digitgan.errors import UsageError, nearest

DEVICES: Final = ("auto", "cpu", "cuda", "mps")

MAX_THREADS: Final = 8
"""The default maximum number of threads.

Networks this small do not gain from more threads, because the work per thread becomes too small.
"""

MALLOC_OPTIONS: Final = {
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),
    "M_TOP_PAD": (-2, 64 * 2**20),
    "M_MMAP_THRESHOLD": (-3, 32 * 2**20),
}
"""The `mallopt` parameters of glibc: the number of each and its value in bytes.

Each value is the maximum that glibc accepts, except for the pad.
"""

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
"""The environment variables that select kernels of PyTorch, oneDNN, MKL or CUDA."""

_VECTOR_MATH: Final = threading.Lock()

_IMPORTED: Final = time.monotonic()


def available_devices() -> list[str]:
    """Return the devices that this machine and the installed PyTorch have, the fastest first: "cuda", "mps", "cpu"."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, there in has.items() if there]


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of a given name.

    Args:
        name: one of `DEVICES`. "auto" selects a GPU if there is one, otherwise the CPU.

    Raises:
        UsageError: if the name is unknown, or if this machine or the installed PyTorch lacks the device.
    """
    if name not in DEVICES:
        raise UsageError(f"--device {name!r}: {nearest(name, DEVICES)}")
    available = available_devices()
    if name == "auto":
        name = available[0]
    if name not in available:
        present = ", ".join(available)
        raise UsageError(f"--device {name}: not available on this machine or in the installed torch; choose from {present}")
    return torch.device(name)


def seconds_of_process() -> float:
    """Return the time since the operating system started this process; on systems other than Linux, since this import."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return time.monotonic() - _IMPORTED


def use_threads() -> int:
    """Set the number of CPU threads of torch and return it.

    The number is that of OMP_NUM_THREADS if it is a positive integer, at most 1024. Otherwise it is the number of CPU cores
    available to this process, at most `MAX_THREADS`.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    named = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(int(named[:4]), 1024) if named.isdecimal() and int(named[:4]) > 0 else min(allowed, MAX_THREADS)
    torch.set_num_threads(threads)
    return threads


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one CPU thread for the calling thread inside the context."""
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
    """Set the device, threads and memory allocation of a training run.

    Returns:
        The device and the number of threads.

    Raises:
        UsageError: see `choose_device`.
    """
    chosen, threads = choose_device(device), use_threads()
    if chosen.type == "cpu":
        keep_freed_memory()
    return chosen, threads


def keep_freed_memory() -> None:
    """Configure the C library to keep freed memory for the next allocation.

    Each training step allocates the same tens of megabytes. By default glibc returns such blocks to the kernel. It then gets
    them back page by page, filled with zeros, which takes a tenth of the training time. The function does nothing without
    glibc.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in MALLOC_OPTIONS.values():
            mallopt(option, size)


def initialize_vector_math() -> None:
    """Run the processor detection of MKL on one thread, before several threads use its vector functions.

    PyTorch computes `tanh`, `exp`, `log` and similar functions with MKL, on several threads. In the first such call of a
    process, MKL 2024.2 stores the processor's number in two steps without a lock (`mkl_vml_serv_cpu_detect`). A thread that
    reads the number in between uses a less accurate kernel for its part of the tensor. The error is up to 870 units in the
    last place. On Intel processors with AVX-512, this race changed the first images of one process in a hundred, and all
    weights that followed (`benchmarks/first_step.py`). One call by a single thread removes the race. It takes microseconds,
    and every network of this project makes it in its constructor.
    """
    with _VECTOR_MATH:
        torch.tanh(torch.zeros(1, device="cpu"))


def choose_precision(device: torch.device) -> str:
    """Return the training precision for a device.

    The choice depends only on the hardware, not on a measurement, so that a command always gives the same weights.
    `benchmarks/precision.py` measures both precisions on a CPU. With AVX-512 BF16, a bfloat16 step takes 0.57 to 0.90 of the
    float32 time, depending on the recipe. A CPU without such instructions emulates bfloat16 at a twentieth of the speed. On a
    GPU, launching the kernels takes longer than running them, so the casts cost more than they save. In batches of 128, a
    bfloat16 step takes 1.1 to 1.3 of the float32 time (`benchmarks/gpu.py`, NVIDIA H200).

    Returns:
        "bfloat16" on a CPU that multiplies in bfloat16, otherwise "float32".
    """
    return "bfloat16" if device.type == "cpu" and cpu_multiplies_bfloat16() else "float32"


def cpu_multiplies_bfloat16() -> bool:
    """Return whether this CPU multiplies in bfloat16 (AVX-512 BF16 or AMX) and PyTorch may use these instructions."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":  # AMX implies AVX-512; ATEN_CPU_CAPABILITY can disable both
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # PyTorch before 2.13
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def arithmetic(device: torch.device, threads: int, precision: str) -> dict[str, Any]:
    """Return the settings that determine the rounding of a training run, as JSON values.

    Two training runs with the same recipe, seed and data are bit-identical if all these settings are equal. The batches,
    latents and labels do not depend on them.

    Args:
        device: the training device.
        threads: the number of CPU threads. Sums are split among them.
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
    """Return the name of the CPU as reported by the operating system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def resident_memory() -> int:
    """Return the memory that this process has now, in bytes; its peak until now if the system does not tell; 0 if unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return round(1e9 * (peak_memory_gb(torch.device("cpu")) or 0))


def available_memory(device: torch.device) -> int | None:
    """Return the memory that this process may still take, in bytes; None if unknown.

    It is that of the GPU; or that of the machine, the limits of the process and of its control group respected.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.current_allocated_memory())
    found = [each for each in (_free_memory(), _free_in_group(), _free_in_limits()) if each is not None]
    return max(0, min(found)) if found else None


def _free_memory() -> int | None:
    """Return the free memory of the machine."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        if found:
            return found[0]
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return None


def _free_in_group() -> int | None:
    """Return what the control group of this process and those around it may still take; None without a limit."""
    folders = [Path("/sys/fs/cgroup")]
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        inner = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
        folders += [folders[0] / each for each in (Path(inner), *Path(inner).parents) if str(each) != "."]
    return min((free for folder in folders if (free := _free_in(folder)) is not None), default=None)


def _free_in(root: Path) -> int | None:
    """Return what a control group may still take; None without a limit. Files in its cache can be freed."""
    for limit, usage, statistics, freeable in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):
            most, used = (int((root / name).read_text(encoding="ascii")) for name in (limit, usage))
            lines = (root / statistics).read_text(encoding="ascii").splitlines()
            return most - used + sum(int(line.split()[1]) for line in lines if line.split()[0] == freeable)
    return None


def _free_in_limits() -> int | None:
    """Return how much this process may grow by its limits (ulimit -v, ulimit -d); None without one."""
    try:
        import resource  # not on Windows

        words = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except (ImportError, OSError):
        return None
    size, data = (int(words[place]) * os.sysconf("SC_PAGE_SIZE") for place in (0, 5))
    limits = ((resource.RLIMIT_AS, size), (resource.RLIMIT_DATA, data))
    found = [
        resource.getrlimit(kind)[0] - taken for kind, taken in limits if resource.getrlimit(kind)[0] != resource.RLIM_INFINITY
    ]
    return min(found, default=None)


def peak_memory_gb(device: torch.device) -> float | None:
    """Return the largest memory that this process has had until now, in GB: of a GPU, or of the machine. None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9  # in bytes on macOS, in KiB on Linux
