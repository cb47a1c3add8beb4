"""Tests of the checks that a training fits the machine: its memory, its data and its model file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan import errors
from digitgan.data import Conversion, ReadOptions, load_image_set
from digitgan.device import available_memory
from digitgan.errors import OutOfMemoryError, RecipeError, is_out_of_memory, naming_out_of_memory
from digitgan.networks import ImageSpec
from digitgan.options import TrainOptions
from digitgan.recipes import find_recipe, with_settings
from digitgan.session import capacity
from digitgan.session.capacity import check_capacity
from digitgan.session.plan import plan_training
from digitgan.session.recipe import with_precision
from digitgan.training.memory import estimate_memory

CPU = torch.device("cpu")
SPEC = ImageSpec(1, 64, 64, 1)


def check(name: str, available: float, monkeypatch: pytest.MonkeyPatch, spec: ImageSpec = SPEC, *settings: str) -> None:
    monkeypatch.setattr(capacity, "available_memory", lambda _: available)
    check_capacity(with_precision(with_settings(find_recipe(name), settings), CPU), spec, CPU, 1000, 2)


def test_a_training_that_does_not_fit_is_refused_with_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    check("dcgan", 4e9, monkeypatch)
    with pytest.raises(OutOfMemoryError) as caught:
        check("dcgan", 1.0e9, monkeypatch)
    told = str(caught.value)
    assert re.search(r"dcgan with images of 64x64 in batches of 256: the training would take about \d\.\d GB", told)
    size = re.search(r"--set training\.batch_size=(\d+)", told)
    assert size is not None
    check("dcgan", 1.0e9, monkeypatch, SPEC, f"training.batch_size={size[1]}")
    assert "--size 32" in told
    assert caught.value.exit_code == 5


def test_a_limit_below_the_smallest_batch_names_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutOfMemoryError, match="No smaller batch or size fits: free memory"):
        check("dcgan", 1e6, monkeypatch)


def test_a_model_that_could_not_be_read_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        RecipeError, match=r"its model file would have 1\.7 GB\. Files of more than 1\.1 GB are neither written nor read"
    ):
        check("dcgan", 1e15, monkeypatch, ImageSpec(1, 512, 512, 1))


def test_images_that_do_not_fit_are_refused_before_they_are_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((9, 8, 8), np.uint8), labels=np.arange(9) % 2)
    assert len(load_image_set(str(tmp_path / "a.npz"))) == 9
    monkeypatch.setattr("digitgan.data.conversion.collection.available_memory", lambda _: 9 * 16 * 16 - 1)
    with pytest.raises(OutOfMemoryError, match=r"9 images of 16x16 take .* make them smaller with --size, or use fewer"):
        load_image_set(str(tmp_path / "a.npz"), read=ReadOptions(Conversion((16, 16))))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits of processes: Linux")
def test_the_available_memory_respects_the_limits_of_the_process() -> None:
    """A process of its own, because limits stay."""
    code = (
        "import resource, torch; from digitgan.device import available_memory\n"
        "free = available_memory(torch.device('cpu'))\n"
        "size = 4096 * int(open('/proc/self/statm').read().split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 300_000_000, resource.RLIM_INFINITY))\n"
        "print(free, available_memory(torch.device('cpu')))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    free, limited = map(int, printed)
    assert free > 1e9
    assert 200e6 < limited <= 300e6
    assert available_memory(CPU) is not None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.01 GB)"),
        torch.OutOfMemoryError("CUDA out of memory."),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_each_report_of_full_memory_becomes_one_error(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(OutOfMemoryError, match="r: the memory is full; wait"), naming_out_of_memory("r", "wait"):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), OSError(2, "no such file")])
def test_other_errors_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)), naming_out_of_memory("r", "wait"):
        raise error
    assert errors.OutOfMemoryError.exit_code == 5


def test_a_training_whose_memory_runs_out_keeps_its_checkpoint_and_goes_on_later(tmp_path: Path) -> None:
    """The allocator fails in the fourth step, after a checkpoint at 8 images."""
    out = tmp_path / "run"
    code = (
        "import sys, torch\n"
        "from digitgan.training import Trainer\n"
        "from digitgan.cli import main\n"
        "step = Trainer.step\n"
        "def limited(self, batch, noise):\n"
        "    if self.images_seen == 12:\n"
        "        torch.empty(1 << 45)\n"
        "    return step(self, batch, noise)\n"
        "Trainer.step = limited\n"
        "main(sys.argv[1:])\n"
    )
    options = ["train", "dcgan", "--size", "64", "--per-class-limit", "20", "--images", "40", "--quiet", "--out", str(out)]
    options += ["--set", "training.batch_size=4", "--set", "training.checkpoints=5", "--set", "training.previews=1"]
    ended = subprocess.run([sys.executable, "-c", code, *options], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (5, ""), ended.stderr
    assert re.fullmatch(rf"digitgan: {re.escape(str(out))}: the memory is full; what is saved is complete\..*\n", ended.stderr)
    record = json.loads((out / "run.json").read_text())
    assert (record["status"], record["diagnosis"], record["images_seen"]) == ("stopped", "the memory was full", 12)
    again = [sys.executable, "-m", "digitgan", "train", "--resume", "--out", str(out), "--json"]
    finished = subprocess.run(again, check=True, capture_output=True, text=True, env=dict(os.environ))
    assert json.loads(finished.stdout)["images_seen"] == 40


def test_a_model_that_is_too_large_is_refused_before_its_images_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        pytest.fail("the images are read first")

    monkeypatch.setattr("digitgan.session.plan.DataRequest.load", read)
    with pytest.raises(RecipeError, match=r"512x512.*model file"):
        plan_training(TrainOptions(recipe="dcgan", size="512"), print)


def test_many_microbatches_are_estimated_as_fast_as_two() -> None:
    started = time.monotonic()
    many = [
        with_settings(find_recipe("fast"), [f"training.batch_size={size}", f"updates.microbatches={size // 16}"])
        for size in (64, 4096)
    ]
    found = [estimate_memory(recipe, ImageSpec(1, 28, 28, 10), torch.device("cpu"), 100, 1) for recipe in many]
    assert time.monotonic() - started < 30
    assert found[0] is not None
    assert found[1] is not None
    assert found[1].activations == pytest.approx(found[0].activations, rel=0.3)
