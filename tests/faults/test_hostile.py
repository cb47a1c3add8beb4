"""Tests of malicious files: the command that reads a file rejects it within five seconds and 500 MB."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests import processes
from tests.processes import PATIENCE

pytestmark = pytest.mark.usefixtures("isolated_home")

SECONDS, MEGABYTES = 5.0, 500
"""Limits of CPU time and memory, beyond those of the same command with an empty file."""


class Harm:
    """An object that makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("was-unpickled",))


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Harm()))


def pickled_in_a_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harm()))


def absurd_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")


def absurd_tensor(path: Path) -> None:
    header = json.dumps({"weight": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def large_and_empty(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 << 30)


def nested(path: Path) -> None:
    header = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def large_toml(path: Path) -> None:
    path.write_bytes(b"a = 1 # again\n" * (8 << 20))


def nested_toml(path: Path) -> None:
    path.write_bytes(b"a = " + b"[" * 100_000 + b"]" * 100_000)


def zip_bomb(path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (12_000_000, 28, 28)}
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("images.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(9_000):
            file.write(bytes(1 << 20))


def pickled_array(path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.array([Harm()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", content.getvalue())
        archive.writestr("labels.npy", content.getvalue())


def promised_terabytes(path: Path) -> None:
    path.mkdir()
    header = bytes([0, 0, 8, 3]) + struct.pack(">III", 2**31, 28, 28)
    with gzip.open(path / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(header)
    with gzip.open(path / "train-labels-idx1-ubyte.gz", "wb") as file:
        file.write(bytes([0, 0, 8, 1]) + struct.pack(">I", 2**31))


def gzip_bomb(path: Path) -> None:
    """Write an IDX file of ten images followed by 20 GB of zeros in gzip members of 256 MB."""
    path.mkdir()
    header = gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">III", 10, 28, 28))
    (path / "train-images-idx3-ubyte.gz").write_bytes(header + gzip.compress(bytes(256 << 20), 1) * 80)
    labels = bytes([0, 0, 8, 1]) + struct.pack(">I", 10) + bytes(range(10))
    (path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def keras_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("config.json", "w", force_zip64=True) as file:
            for _ in range(5_000):
                file.write(b" " * (1 << 20))
        archive.writestr("model.weights.h5", b"")


def onnx_that_leads_elsewhere(path: Path) -> None:
    """Write an ONNX file whose external weights are /etc/passwd."""
    weights = onnx.TensorProto(name="weights", data_type=onnx.TensorProto.FLOAT, dims=[10])
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../../../../../../etc/passwd")
    image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [10])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["weights"], ["image"])], "generator", [], [image], [weights]
    )
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())


def picture_bomb(path: Path) -> None:
    (path / "a").mkdir(parents=True)
    side = 60_000

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib.compressobj(9)
    packed = b"".join(pixels.compress(bytes(side + 1)) for _ in range(2_000)) + pixels.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    (path / "a" / "0.png").write_bytes(png)


TRAIN = ["train", "--images", "64", "--out", "run", "--data"]
CONFIGURE = [*TRAIN, "nowhere", "--config"]
"""The data is missing, so that an empty recipe, which is valid, is not trained either."""

CASES: dict[str, tuple[Callable[[Path], None], str, list[str]]] = {
    "a pickle as a model": (pickled, "model.safetensors", ["sample", "--out", "grid.png"]),
    "a torch file as a model": (pickled_in_a_zip, "model.pt", ["sample", "--out", "grid.png"]),
    "a model with an absurd header": (absurd_header, "model.safetensors", ["sample", "--out", "grid.png"]),
    "a model with an absurd tensor": (absurd_tensor, "model.safetensors", ["sample", "--out", "grid.png"]),
    "a model of 20 GB": (large_and_empty, "model.safetensors", ["sample", "--out", "grid.png"]),
    "a model with a nested header": (nested, "model.safetensors", ["sample", "--out", "grid.png"]),
    "a recipe of 100 MB": (large_toml, "recipe.toml", CONFIGURE),
    "a nested recipe": (nested_toml, "recipe.toml", CONFIGURE),
    "a zip bomb as data": (zip_bomb, "data.npz", TRAIN),
    "a pickle as data": (pickled_array, "data.npz", TRAIN),
    "IDX that promises terabytes": (promised_terabytes, "idx", TRAIN),
    "a picture of 3,600 megapixels": (picture_bomb, "pictures", TRAIN),
    "an unpacked end of 20 GB in IDX": (gzip_bomb, "idx", TRAIN),
    "an ONNX file as a model": (onnx_that_leads_elsewhere, "generator.onnx", ["sample", "--out", "grid.png"]),
    "an ONNX file as a Keras model": (onnx_that_leads_elsewhere, "generator.keras", ["import"]),
    "a zip bomb as a Keras model": (keras_bomb, "generator.keras", ["import"]),
    "a pickle as a Keras model": (pickled, "generator.keras", ["import"]),
    "20 GB as a Keras model": (large_and_empty, "generator.keras", ["import"]),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name.startswith("a zip bomb") else []) for name in CASES]
)
def test_it_is_refused_soon_and_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make, file, command = CASES[name]
    monkeypatch.chdir(tmp_path)
    empty = "empty" + Path(file).suffix
    Path(empty).touch()
    make(Path(file))
    before = sorted(path.name for path in tmp_path.iterdir())
    _, _, usual_seconds, usual_memory = refused(command, empty)
    code, complaint, seconds, memory = refused(command, file)
    assert code == 2, complaint
    assert "Traceback" not in complaint
    assert file in complaint
    assert seconds - usual_seconds < SECONDS
    assert memory - usual_memory < MEGABYTES
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "the command changed the folder"


def refused(command: list[str], file: str) -> tuple[int, str, float, float]:
    """Run a command with a file. Return its exit code, standard error, CPU seconds and peak memory in MB."""
    first, *options = command
    place = [*options, file] if options and options[-1].startswith("--") else [file, *options]
    process = processes.Popen(
        [sys.executable, "-m", "digitgan", first, *place],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "1000"},
    )
    _, complaint = process.communicate(timeout=PATIENCE)
    return process.returncode, complaint, process.cpu_seconds, process.peak_memory
