"""`digitgan sample --workers` writes the same bytes as one process; a lost or failing worker leaves no partial file."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digitgan.errors import DigitganError, RankError
from digitgan.files import file_hash
from digitgan.generation.labels import spread_labels
from digitgan.generation.plan import SetPlan
from digitgan.generation.workers import TASK_IMAGES, WorkerOptions, blocks_by_workers
from digitgan.generation.writers import WRITERS
from digitgan.model.registry import find_model
from tests import processes
from tests.scenarios.conftest import Digitgan
from tests.scenarios.process_tree import children_of, command_of, lives
from tests.trainings import PATIENCE

COUNT = 2 * TASK_IMAGES + 100
"""Three tasks, the last one shorter, so that each of three workers generates a part."""


def contents(path: Path) -> dict[str, bytes]:
    """Return the content of a file, or of each file in a folder, including hidden ones."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize(
    ("format_name", "workers"),
    [
        pytest.param("npz", (2, 3), id="npz"),
        pytest.param("png", (2,), id="png", marks=pytest.mark.long),
        pytest.param("folder", (3,), id="folder", marks=pytest.mark.long),
        pytest.param("idx", (2,), id="idx", marks=pytest.mark.long),
        pytest.param("parquet", (3,), id="parquet", marks=pytest.mark.long),
    ],
)
def test_workers_write_the_same_bytes(here: Digitgan, tmp_path: Path, format_name: str, workers: tuple[int, ...]) -> None:
    ending = WRITERS.find(format_name).ending
    for count in (1, *workers):
        out = f"by-{count}{ending}"
        done = here(
            *["sample", "--count", str(COUNT), "--seed", "3", "--format", format_name, "--workers", str(count), "--out", out]
        )
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / out) == contents(tmp_path / f"by-1{ending}")
    assert contents(tmp_path / f"by-1{ending}")
    assert {path.name for path in tmp_path.iterdir()} == {"home", *(f"by-{count}{ending}" for count in (1, *workers))}


@pytest.mark.long
@pytest.mark.usefixtures("caches_at_hand")
def test_workers_filter_the_same_images(here: Digitgan, tmp_path: Path) -> None:
    filters = ("--min-confidence", "0.9", "--unique")
    printed = []
    for workers in ("1", "2"):
        out = f"by-{workers}.npz"
        options = ("--count", str(TASK_IMAGES + 50), "--format", "npz", "--workers", workers, "--out", out, "--json")
        done = here("sample", *options, *filters)
        assert done.returncode == 0, done.stderr
        printed.append(json.loads(done.stdout)["accepted"])
    assert contents(tmp_path / "by-1.npz") == contents(tmp_path / "by-2.npz")
    assert printed[0] == printed[1]
    assert min(printed[0].values()) < 1


@pytest.mark.parametrize("options", [("--zero-latent",), ("--count", "20")], ids=" ".join)
def test_few_images_need_no_workers(here: Digitgan, tmp_path: Path, options: tuple[str, ...]) -> None:
    for workers in ("1", "2"):
        out = str(tmp_path / f"by-{workers}.npz")
        assert here("sample", *options, "--format", "npz", "--workers", workers, "--out", out).returncode == 0
    assert (tmp_path / "by-1.npz").read_bytes() == (tmp_path / "by-2.npz").read_bytes()


@pytest.mark.parametrize("option", ["--resume", "--statement"])
def test_an_option_of_sets_needs_the_size_of_the_files(here: Digitgan, tmp_path: Path, option: str) -> None:
    done = here("sample", "--format", "npz", option, "--workers", "2", "--out", "set")
    assert done.returncode == 2
    assert re.search(rf"{option}: .*--shard-size", done.stderr)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


@pytest.mark.parametrize(
    "shards",
    [pytest.param((), id="one file"), pytest.param(("--shard-size", "2000"), id="several files", marks=pytest.mark.long)],
)
def test_a_killed_worker_is_one_error_and_leaves_no_partial_file(
    isolated_home: Path, tmp_path: Path, shards: tuple[str, ...]
) -> None:
    out = "out" if shards else "out.npz"
    argv = ["sample", "--count", "400000", "--format", "npz", *shards, "--workers", "2", "--out", out]
    process = processes.Popen(
        [sys.executable, "-m", "digitgan", *argv],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE
    while not any(file.stat().st_size for file in tmp_path.rglob(".*.npz.*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = [child for child in children_of(process.pid) if "spawn_main" in command_of(child)]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    printed, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert printed == ""
    assert re.search(r"^digitgan: .*worker.*--workers", complaint, re.M)
    assert len(complaint.splitlines()) == 1, complaint
    assert not any(map(lives, workers))
    assert list(tmp_path.rglob("*.part")) == []
    assert (tmp_path / out).exists() == bool(shards)
    assert ("--resume" in complaint) == bool(shards)


@pytest.fixture
def plan() -> SetPlan:
    """Return the plan of images of the shipped model."""
    return SetPlan(
        model="mnist",
        model_sha256=file_hash(find_model("mnist")),
        class_names=tuple("0123456789"),
        shape=(28, 28),
        labelling=spread_labels(range(10), per_class=None, count=COUNT),
        seed=0,
        truncation=None,
        min_confidence=None,
        unique=False,
        discriminator_rejection=None,
        discriminator_sha256=None,
        data=None,
        classifier_sha256=None,
        format="npz",
        shard_size=COUNT,
        version="0",
    )


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"model": "nowhere"}, DigitganError, "'nowhere'"),
        ({"model_sha256": "0" * 64}, DigitganError, "mnist: .*changed"),
        ({"truncation": "wide"}, RankError, "worker.*TypeError"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_error_of_a_worker_is_raised_and_the_writer_leaves_no_file(
    plan: SetPlan, tmp_path: Path, changes: dict[str, object], kind: type[DigitganError], message: str
) -> None:
    changed = dataclasses.replace(plan, **changes)  # type: ignore[arg-type]
    blocks = (block.images for block in blocks_by_workers(WorkerOptions(changed, 1, None, "cpu")))
    labels = plan.labelling.of(range(COUNT))
    with pytest.raises(kind, match=message):
        WRITERS.find("npz").write(tmp_path / "out.npz", blocks, labels, plan.class_names)
    assert list(tmp_path.iterdir()) == []
