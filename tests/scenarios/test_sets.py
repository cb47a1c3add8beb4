"""Large sets from the command line: equal bytes for any number of processes and after a kill, and independent readers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import processes
from tests.scenarios.conftest import Digitgan
from tests.scenarios.process_tree import children_of, lives
from tests.trainings import PATIENCE

PLAN = ["sample", "--labels", "1,7,4", "--count", "1000", "--seed", "5", "--shard-size", "300"]
FORMATS = ("npz", "idx", "parquet", "folder")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def manifest(folder: Path) -> dict:  # type: ignore[type-arg]
    found: dict = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))  # type: ignore[type-arg]
    return found


def images_of(folder: Path) -> np.ndarray:
    return np.concatenate([np.load(path)["images"] for path in sorted(folder.glob("images-*.npz"))])


@pytest.fixture
def drawn(here: Digitgan, tmp_path: Path) -> Path:
    done = here(*PLAN, "--format", "npz", "--out", "drawn")
    assert done.returncode == 0, done.stderr
    return tmp_path / "drawn"


def test_workers_draw_the_same_bytes(here: Digitgan, drawn: Path, tmp_path: Path) -> None:
    done = here(*PLAN, "--format", "npz", "--out", "other", "--workers", "3")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "other") == contents(drawn)


@pytest.mark.long
def test_ranks_of_torchrun_draw_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "digitgan", *PLAN, "--format", "npz", "--out", "other", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "other") == contents(drawn)


def test_the_size_of_the_files_does_not_change_the_images(here: Digitgan, drawn: Path, tmp_path: Path) -> None:
    assert here(*PLAN[:-1], "77", "--format", "npz", "--out", "other").returncode == 0
    assert here(*PLAN[:-2], "--format", "npz", "--out", "one.npz").returncode == 0
    np.testing.assert_array_equal(images_of(tmp_path / "other"), images_of(drawn))
    np.testing.assert_array_equal(np.load(tmp_path / "one.npz")["images"], images_of(drawn))


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_set_is_what_its_manifest_says(here: Digitgan, tmp_path: Path, format_name: str) -> None:
    done = here(*PLAN, "--format", format_name, "--out", "set")
    assert done.returncode == 0, done.stderr
    found = manifest(tmp_path / "set")
    assert found["counts"] == {str(label): {1: 334, 7: 333, 4: 333}.get(label, 0) for label in range(10)}
    assert [part["images"] for part in found["files"]] == [300, 300, 300, 100]
    for part in found["files"]:
        for name, facts in part["files"].items():
            if format_name != "folder":
                assert facts["sha256"] == hashlib.sha256((tmp_path / "set" / name).read_bytes()).hexdigest()
    again = here(*found["command"].split()[1:], "--out", "again")
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "again") == contents(tmp_path / "set")


def test_each_format_holds_the_same_images_for_readers_that_are_not_ours(here: Digitgan, drawn: Path, tmp_path: Path) -> None:
    import io

    import pyarrow.parquet as pq

    expected, labels = images_of(drawn), np.resize([1, 7, 4], 1000)
    np.testing.assert_array_equal(np.concatenate([np.load(path)["labels"] for path in sorted(drawn.glob("*.npz"))]), labels)
    for format_name in FORMATS[1:]:
        assert here(*PLAN, "--format", format_name, "--out", format_name).returncode == 0

    # IDX as documented for MNIST: big-endian magic numbers 2051 and 2049, and sizes.
    parts = sorted(path for path in (tmp_path / "idx").iterdir() if path.is_dir())
    pixels, marks = [], []
    for part in parts:
        images = (part / "train-images-idx3-ubyte").read_bytes()
        magic, count, height, width = struct.unpack(">4i", images[:16])
        assert magic == 2051
        pixels.append(np.frombuffer(images, np.uint8, offset=16).reshape(count, height, width))
        marks.append(np.frombuffer((part / "train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8))
    np.testing.assert_array_equal(np.concatenate(pixels), expected)
    np.testing.assert_array_equal(np.concatenate(marks), labels)

    # Parquet in the schema of Hugging Face's datasets.
    tables = [pq.read_table(path) for path in sorted((tmp_path / "parquet" / "data").glob("train-*.parquet"))]
    features = json.loads(tables[0].schema.metadata[b"huggingface"])["info"]["features"]
    assert features == {"image": {"_type": "Image"}, "label": {"names": list("0123456789"), "_type": "ClassLabel"}}
    rows = [row for table in tables for row in table.to_pylist()]
    decoded = np.stack([np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in rows])
    np.testing.assert_array_equal(decoded, expected)
    assert [row["label"] for row in rows] == labels.tolist()

    # torchvision's ImageFolder uses the sorted folder names as classes.
    root = tmp_path / "folder" / "images"
    assert sorted(path.name for path in root.iterdir()) == ["1", "4", "7"]
    for path in root.rglob("*.png"):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), expected[int(path.stem)])
        assert labels[int(path.stem)] == int(path.parent.name)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_a_set_that_was_killed_is_finished_with_the_same_bytes(digitgan: Digitgan, tmp_path: Path, workers: str) -> None:
    plan = ["sample", "--count", "20000", "--format", "npz", "--shard-size", "500"]
    assert digitgan(*plan, "--out", "whole").returncode == 0
    command = [sys.executable, "-m", "digitgan", *plan, "--workers", workers, "--out", "killed"]
    process = processes.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed = tmp_path / "killed"
    deadline = time.monotonic() + PATIENCE
    while len(list(killed.glob("*.npz"))) < 4 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    workers_left = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(map(lives, workers_left)):  # workers end when their parent process ends
        assert time.monotonic() < deadline
        time.sleep(0.05)
    finished = sorted(killed.glob("*.npz"))
    assert 4 <= len(finished) < 40
    assert not (killed / "manifest.json").exists()

    # A kill may leave a truncated file without a record. A finished file may also be altered afterwards.
    (killed / "images-00039-of-00040.npz").write_bytes(b"PK")
    finished[0].write_bytes(b"altered")

    refused = digitgan(*plan, "--out", "killed")
    assert refused.returncode == 2
    assert re.search("killed: .*--resume.*--overwrite", refused.stderr)
    assert (killed / ".unfinished").is_dir()

    done = digitgan(*plan, "--workers", workers, "--out", "killed", "--resume")
    assert done.returncode == 0, done.stderr
    assert contents(killed) == contents(tmp_path / "whole")
    over = digitgan(*plan, "--out", "killed", "--resume")
    assert over.returncode == 0, over.stderr
    assert re.search(r"killed: 0 of 40\b", over.stderr)
    assert contents(killed) == contents(tmp_path / "whole")


def test_of_a_finished_set_what_was_damaged_or_lost_is_drawn_again(digitgan: Digitgan, tmp_path: Path) -> None:
    plan = ["sample", "--count", "60", "--format", "npz", "--shard-size", "20", "--out", "set"]
    assert digitgan(*plan).returncode == 0
    whole = contents(tmp_path / "set")
    first, second, _ = sorted((tmp_path / "set").glob("*.npz"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"x")
    done = digitgan(*plan, "--resume")
    assert done.returncode == 0, done.stderr
    assert re.search(r"set: 2 of 3\b", done.stderr)
    assert contents(tmp_path / "set") == whole

    other = digitgan(*plan, "--resume", "--seed", "3")
    assert other.returncode == 2
    assert re.search("set: .*--out", other.stderr)
    assert re.search("command: .*--seed 0 .*--seed 3 ", other.stderr)
    (tmp_path / "set" / "manifest.json").write_text("{")
    damaged = digitgan(*plan, "--resume")
    assert damaged.returncode == 2
    assert re.search(r"manifest\.json: .*--overwrite", damaged.stderr)
    assert {name: content for name, content in contents(tmp_path / "set").items() if name != "manifest.json"} == {
        name: content for name, content in whole.items() if name != "manifest.json"
    }


def test_an_interrupted_set_says_how_to_go_on(tmp_path: Path, digitgan: Digitgan) -> None:
    plan = ["sample", "--count", "200000", "--format", "npz", "--shard-size", "500", "--out", "set"]
    process = processes.Popen(
        [sys.executable, "-m", "digitgan", *plan],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE
    while not list((tmp_path / "set").glob("*.npz")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert re.search(r"set: .* of 400\b.*--resume", complaint)
    other = digitgan(*plan, "--resume", "--seed", "1")
    assert other.returncode == 2
    assert re.search("set: .*--out", other.stderr)
    assert "seed: 0 -> 1" in other.stderr


def test_a_set_without_room_is_refused_before_anything_is_written(here: Digitgan, tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    count = min(10_000_000, free // 4096 + 1_000_000)
    if count * 4096 <= free:
        pytest.skip("needs a disk with less room than the largest set takes")
    done = here("sample", "--count", str(count), "--format", "folder", "--shard-size", "1000", "--out", "set")
    assert done.returncode == 2
    assert re.search(rf"set: {count:,} images as folder .*--out", done.stderr)
    assert not (tmp_path / "set").exists()


@pytest.mark.long
@pytest.mark.parametrize("format_name", ["npz", "parquet"])
def test_a_disk_that_is_full_midway_loses_no_finished_file(digitgan: Digitgan, tmp_path: Path, format_name: str) -> None:
    """Set a limit on the file size of the process, between the sizes of a file of ones and of a file of zeros."""
    plan = ["sample", "--labels", "1,0", "--per-class", "500", "--format", format_name, "--shard-size", "500"]
    assert digitgan(*plan, "--out", "whole").returncode == 0
    sizes = [path.stat().st_size for path in sorted((tmp_path / "whole").rglob(f"*.{format_name}"))]
    assert sizes[0] < sizes[1]
    limit = (sizes[0] + sizes[1]) // 2
    stopped = subprocess.run(
        [sys.executable, "-m", "digitgan", *plan, "--out", "full"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert stopped.returncode == 2
    assert "File too large" in stopped.stderr
    assert re.search(r"\d [MG]B.*\d [MG]B.*--resume", stopped.stderr)
    full = tmp_path / "full"
    assert [path.stat().st_size for path in full.rglob(f"*.{format_name}")] == sizes[:1]
    assert not list(full.rglob("*.part"))
    done = digitgan(*plan, "--out", "full", "--resume")
    assert done.returncode == 0, done.stderr
    assert contents(full) == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "2000000", "--format", "npz"], "2,000,000 .*--shard-size 50000"),
        (["--format", "png", "--shard-size", "10"], "--format png: .*folder, npz, idx, parquet"),
        (["--out", "set.npz"], r"--out set\.npz: .*--format png.*--format npz"),
        (["--format", "npz", "--out", "set"], r"--out set: --format npz .*\.npz"),
        (["--format", "npz", "--out", "deep/set.foo"], r"--out deep/set\.foo: --format npz .*\.npz"),
        (["--format", "folder", "--out", "set.npz"], r"--out set\.npz: --format folder .*--format npz"),
        (["--format", "npz", "--out", "set.npz", "--shard-size", "5"], r"--out set\.npz: .*--shard-size"),
        (["--format", "npz", "--shard-size", "0"], "--shard-size 0: .*1,000,000"),
        (["--format", "npz", "--workers", "0"], "--workers 0: .*256"),
        (["--format", "npz", "--resume", "--shard-size", "9"], "--resume .*--out"),
        (["--format", "npz", "--resume", "--shard-size", "9", "--out", "set", "--overwrite"], "--resume .*--overwrite"),
        (["--format", "npz", "--resume", "--shard-size", "9", "--out", "set"], "set: .*--resume"),
        (["--zero-latent", "--format", "npz", "--shard-size", "9"], "--zero-latent .*--shard-size"),
        (["--weights", "0:1"], "--weights 0:1: .*--count"),
        (["--weights", "0:1", "--count", "5", "--labels", "1"], "--weights 0:1: .*--labels"),
        (["--truncation", "0"], r"--truncation 0: .*\b0\.1\b"),
        (["--min-confidence", "1.5"], r"--min-confidence 1\.5: "),
        (["--zero-latent", "--unique"], "--zero-latent .*--unique"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Digitgan, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = here("sample", *arguments)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}


def test_a_folder_of_other_things_is_left_as_it_is(here: Digitgan, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("mine", encoding="utf-8")
    done = here(*PLAN, "--format", "npz", "--out", "set", "--overwrite")
    assert done.returncode == 2
    assert "set: " in done.stderr
    assert (tmp_path / "set" / "thesis.txt").read_text(encoding="utf-8") == "mine"
