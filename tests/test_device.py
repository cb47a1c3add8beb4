"""Device, precision and threads, and equal rounding in every process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from digitgan import device as devices
from digitgan.errors import UsageError
from tests.isolation import needs_gpu
from tests.trainings import PATIENCE

CPU = torch.device("cpu")

SLOW_DETECTION = r"""
#include <dlfcn.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int begun, ended, overtaken;

/* Replaces the function of MKL that every vector function calls first. The first call takes a fifth of a second. It counts as
   overtaken if another thread computes in the meantime. */
int mkl_vml_serv_cpu_detect(void) {
    int (*detect)(void) = (int (*)(void))dlsym(dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD), "mkl_vml_serv_cpu_detect");
    if (!atomic_fetch_add(&begun, 1)) {
        usleep(200000);
        atomic_store(&ended, 1);
    } else if (!atomic_load(&ended)) {
        atomic_store(&overtaken, 1);
    }
    return detect();
}

int calls(void) { return atomic_load(&begun); }
int was_overtaken(void) { return atomic_load(&overtaken); }
"""

FIRST_IMAGES = """
import ctypes, json, sys
import torch
from digitgan.networks import ImageSpec, build_generator
from digitgan.networks import base as interfaces
from digitgan.recipes import find_recipe
if sys.argv[2] == "without":
    interfaces.initialize_vector_math = lambda: None
torch.set_num_threads(2)
generator = build_generator(find_recipe("mask-cgan"), ImageSpec(1, 28, 28, 10))
generator(torch.randn(16, 100), torch.arange(16) % 10)
library = ctypes.CDLL(sys.argv[1])
print(json.dumps({"calls": library.calls(), "overtaken": library.was_overtaken()}))
"""


@pytest.fixture(scope="module")
def slow_detection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library that slows down the processor detection of MKL; it must be loaded before PyTorch."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux" or not torch.backends.mkl.is_available():
        pytest.skip("needs a C compiler, Linux and a PyTorch with MKL")
    folder = tmp_path_factory.mktemp("library")
    (folder / "slow.c").write_text(SLOW_DETECTION)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "slow.so", folder / "slow.c", "-ldl"], check=True)
    return folder / "slow.so"


@pytest.mark.parametrize(("initialized", "overtaken"), [("with", 0), ("without", 1)])
def test_threads_do_not_race_for_the_detection_of_the_processor(
    slow_detection: Path, initialized: str, overtaken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the call the race occurs, which shows that the test can detect it."""
    monkeypatch.setenv("LD_PRELOAD", str(slow_detection))
    command = [sys.executable, "-c", FIRST_IMAGES, str(slow_detection), initialized]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["calls"] > 0
    assert found["overtaken"] == overtaken


@pytest.mark.parametrize(
    ("capability", "has", "expected"),
    [
        ("AVX512", {"avx512_bf16": True}, "bfloat16"),
        ("AVX512", {"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ("AVX512", {"avx512_bf16": False, "amx_bf16": False}, "float32"),
        ("AVX2", {"avx512_bf16": True}, "float32"),
        ("DEFAULT", {"neon": True, "bf16": True}, "float32"),
    ],
)
def test_precision_is_a_matter_of_instructions(
    capability: str, has: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: MappingProxyType(has), raising=False)
    assert devices.choose_precision(CPU) == expected
    assert devices.choose_precision(torch.device("cuda")) == "float32"


@pytest.mark.parametrize(("bf16", "amx"), [(False, False), (True, False), (False, True)])
def test_pytorch_before_2_13_names_instructions_otherwise(bf16: bool, amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert devices.choose_precision(CPU) == ("bfloat16" if bf16 or amx else "float32")


def test_what_decides_rounding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    found = devices.arithmetic(CPU, 2, "float32")
    assert json.loads(json.dumps(found)) == found
    assert found["threads"] == 2
    assert found["precision"] == "float32"
    assert found["variables"]["MKL_CBWR"] == "AVX2"
    assert found["processor"]
    assert found["torch"] == torch.__version__
    assert found != devices.arithmetic(CPU, 1, "float32")


@pytest.mark.parametrize(("named", "threads"), [("3", 3), ("99999", 1024), ("0", None), ("two", None), ("", None)])
def test_threads_are_those_that_are_asked_for_or_the_cores(
    named: str, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setenv("OMP_NUM_THREADS", named)
    assert [devices.use_threads()] == asked
    assert asked == [threads] if threads else 1 <= asked[0] <= devices.MAX_THREADS


def test_an_unknown_device_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="cuda"):
        devices.choose_device("cude")


@pytest.mark.parametrize(
    ("expression", "needed"),
    [
        ("gpu", True),
        ("gpu and not long", True),
        ("not long  and gpu", True),
        ("", False),
        ("not gpu", False),
        ("not gpu and long", False),
        ("gpu or long", False),
        ("not (long and gpu)", False),
        ("gpus", False),
    ],
)
def test_tests_see_the_gpu_only_where_all_of_them_need_it(expression: str, needed: bool) -> None:
    assert needs_gpu(expression) is needed
