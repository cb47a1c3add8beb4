"""The readers of external input. Each takes bytes and may raise a `DigitganError` only.

To fuzz another reader, add it to `readers`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import h5py
import numpy as np
import scipy.io
import torch
from PIL import Image
from safetensors.torch import save as tensors_to_bytes

from digitgan import cli
from digitgan.data import ImageSet, load_image_set, read_idx, read_npz, read_parquet, read_picture
from digitgan.errors import DigitganError
from digitgan.exporters.keras_import import read_keras
from digitgan.exporters.keras_import.architecture import read_architecture
from digitgan.generation.labels import parse_labels, weighted_labels
from digitgan.generation.writers import WRITERS
from digitgan.model.file import load_model, save_model
from digitgan.networks import ImageSpec, build_generator
from digitgan.networks.keras_graph import KINDS
from digitgan.recipes import BLANK, RECIPES, Recipe, find_recipe, from_toml, read_recipe, to_toml, with_settings
from digitgan.runs import RunFolder, history_line
from digitgan.training import Trainer, restore_checkpoint, save_checkpoint
from tests import tiny

NAMES = tuple("0123456789")
ARCHITECTURE = {
    "class_name": "Sequential",
    "config": {
        "name": "generator",
        "build_input_shape": [None, 8],
        "layers": [
            {"class_name": "Dense", "config": {"name": "dense", "units": 784, "activation": "tanh", "use_bias": True}},
            {"class_name": "Reshape", "config": {"name": "reshape", "target_shape": [28, 28, 1]}},
        ],
    },
}


PLANNED = ("--set", "training.precision=float32", "--dry-run")
"""Options that plan a training without running it."""


@final
@dataclass(frozen=True)
class Reader:
    """A reader to fuzz.

    Attributes:
        read: a function of bytes that raises no other error than `DigitganError`.
        examples: contents from which the fuzzer derives others. The first one is valid.
    """

    read: Callable[[bytes], object]
    examples: tuple[bytes, ...]


def readers(folder: Path) -> dict[str, Reader]:
    """Return all readers by name.

    Args:
        folder: an empty folder for the files to read.
    """
    recipe = tiny.recipe()
    model = folder / "model.safetensors"
    checkpoint = _checkpoint(folder / "checkpoints", recipe)
    return {
        "recipe": Reader(lambda content: from_toml(_text(content), "recipe.toml", BLANK), tuple(map(_toml, RECIPES))),
        "recipe file": Reader(_by_file(folder / "recipe.toml", read_recipe), (_toml("fast"),)),
        "setting": Reader(
            lambda content: with_settings(recipe, [_text(content)]), (b"penalty.gamma=0.5", tiny.SETTINGS[0].encode())
        ),
        "labels": Reader(lambda content: parse_labels(_text(content), NAMES), (b"0-9", b"1,3,5", b"7")),
        "weights": Reader(lambda content: weighted_labels(_text(content), NAMES, 100), (b"0:1,1:2.5", b"3:1")),
        "IDX": Reader(_by_file(folder / "images", read_idx), _idx()),
        "NPZ": Reader(_by_file(folder / "images.npz", read_npz), _npz()),
        "Parquet": Reader(_by_file(folder / "images.parquet", read_parquet), (_parquet(folder / "example.parquet"),)),
        "NPY": Reader(_by_file(folder / "images.npy", _image_set), (_npy(),)),
        "CSV of pixels": Reader(
            _by_file(folder / "pixels.csv", _image_set), (b"label,a,b,c,d\n1,0,9,99,255\n0,5,6,7,8\n", b"1,2,3,4,5")
        ),
        "ZIP": Reader(_by_file(folder / "pictures.zip", _image_set), (_zip(),)),
        "TAR": Reader(_by_file(folder / "pictures.tar", _image_set), (_tar("w"), _tar("w:gz"), _tar("w:xz"))),
        "MATLAB": Reader(_by_file(folder / "images.mat", _image_set), (_mat(compressed=False), _mat(compressed=True))),
        "CIFAR": Reader(_by_file(folder / "batch.bin", _image_set), (bytes([1]) + bytes(3072),)),
        **{
            name: Reader(_beside_pictures(folder / name.replace(" ", "-"), file), examples)
            for name, (file, examples) in LABEL_TABLES.items()
        },
        "set with a manifest": Reader(_beside_shard(folder / "shards"), (_manifest(),)),
        "picture": Reader(_by_file(folder / "picture.png", read_picture), _pictures()),
        "model": Reader(_by_file(model, load_model), (_model(model, recipe), _header())),
        "run": Reader(_run(folder / "run"), (b'{"seed": 1, "data": "digits", "status": "finished"}',)),
        "history": Reader(
            _history(folder / "history"), (history_line({"images_seen": 64, "discriminator_loss": 0.5}).encode(),)
        ),
        "manifest": Reader(_part(checkpoint, "manifest.json", recipe), ((checkpoint / "manifest.json").read_bytes(),)),
        "Keras architecture": Reader(lambda content: read_architecture(content, "generator.json"), _architectures()),
        "Keras model": Reader(_by_file(folder / "generator.keras", lambda path: read_keras(path, None, None)), (_keras(),)),
        "options": Reader(_options, (b"--seed 3 --images 64", b"--set penalty.gamma=1 --config none.toml", b"fast --epochs 2")),
    }


def refused_or_read(reader: Reader, content: bytes) -> None:
    """Read the content and suppress a `DigitganError`. Other errors are raised."""
    with contextlib.suppress(DigitganError):
        reader.read(content)


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _by_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def written_and_read(content: bytes) -> object:
        path.write_bytes(content)
        return read(path)

    return written_and_read


def _toml(name: str) -> bytes:
    return to_toml(find_recipe(name)).encode()


def _idx() -> tuple[bytes, ...]:
    plain = bytes([0, 0, 8, 3]) + struct.pack(">III", 2, 3, 3) + bytes(range(18))
    return plain, gzip.compress(plain)


def _npz() -> tuple[bytes, ...]:
    images, labels = np.zeros((2, 4, 4), np.uint8), np.arange(2)
    made = []
    for save in (np.savez, np.savez_compressed):
        content = io.BytesIO()
        save(content, images=images, labels=labels, class_names=np.array(["a", "b"]))
        made.append(content.getvalue())
    return tuple(made)


def _parquet(path: Path) -> bytes:
    WRITERS["parquet"].write(path, [np.zeros((2, 3, 4), np.uint8)], np.array([1, 0]), NAMES[:2])
    return path.read_bytes()


LABEL_TABLES = {
    "table of labels": ("labels.csv", (b"file,label\na.png,cat\nb.png,dog\n", b"a.png;1\nb.png;2\n")),
    "lines of JSON": ("metadata.jsonl", (b'{"file_name": "a.png", "label": 1}\n{"file_name": "b.png", "label": 2}',)),
    "dataset.json": ("dataset.json", (b'{"labels": [["a.png", 1], ["b.png", [0, 1]]]}',)),
}
"""The tables of labels by name: the file, and its examples."""


def _image_set(path: Path) -> ImageSet:
    return load_image_set(str(path))


def _beside_pictures(folder: Path, name: str) -> Callable[[bytes], object]:
    """Return a function that writes a table beside two pictures and reads the folder."""
    folder.mkdir()
    for picture in ("a.png", "b.png"):
        Image.new("L", (4, 4)).save(folder / picture)
    return _by_file(folder / name, lambda path: load_image_set(str(folder)))


def _beside_shard(folder: Path) -> Callable[[bytes], object]:
    folder.mkdir()
    (folder / "0.npz").write_bytes(_npz()[0])
    return _by_file(folder / "manifest.json", lambda path: load_image_set(str(folder)))


def _manifest() -> bytes:
    files = [{"files": {"0.npz": {}}}]
    return json.dumps({"format": "npz", "class_names": ["a", "b"], "images": 2, "files": files}).encode()


def _npy() -> bytes:
    content = io.BytesIO()
    np.save(content, np.zeros((2, 4, 4), np.float32))
    return content.getvalue()


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("train/0/a.png", "train/1/b.png", "test/1/c.png"):
            archive.writestr(name, _pictures()[0])
    return content.getvalue()


def _tar(mode: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for name in ("0/a.png", "1/b.png"):
            entry = tarfile.TarInfo(name)
            entry.size = len(_pictures()[0])
            archive.addfile(entry, io.BytesIO(_pictures()[0]))
    return content.getvalue()


def _mat(*, compressed: bool) -> bytes:
    content = io.BytesIO()
    arrays = {"X": np.zeros((4, 4, 3, 2), np.uint8), "y": np.array([[1], [2]], np.uint8)}
    scipy.io.savemat(content, arrays, do_compression=compressed)
    return content.getvalue()


def _pictures() -> tuple[bytes, ...]:
    made = []
    for mode, kind in (("L", "PNG"), ("RGB", "PNG"), ("L", "JPEG"), ("P", "GIF"), ("L", "BMP")):
        content = io.BytesIO()
        Image.new(mode, (4, 4)).save(content, kind)
        made.append(content.getvalue())
    return tuple(made)


def _model(path: Path, recipe: Recipe) -> bytes:
    from digitgan.model.file import Model

    generator = build_generator(recipe, ImageSpec(1, 28, 28, 10)).eval()
    save_model(path, Model(generator, recipe, NAMES, {"seed": 0, "images_seen": 0}))
    return path.read_bytes()


def _header() -> bytes:
    """Return a small safetensors file with a header. A complete model is longer than the fuzzer's inputs."""
    return tensors_to_bytes({"generator.weight": torch.zeros(2)}, metadata={"format": "1"})


def _checkpoint(folder: Path, recipe: Recipe) -> Path:
    return save_checkpoint(folder, _trainer(recipe), {"history": {}})


def _trainer(recipe: Recipe) -> Trainer:
    return Trainer(recipe, ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))


def _part(checkpoint: Path, name: str, recipe: Recipe) -> Callable[[bytes], object]:
    trainer = _trainer(recipe)

    def read(content: bytes) -> object:
        (checkpoint / name).write_bytes(content)
        return restore_checkpoint(checkpoint, trainer)

    return read


def _run(folder: Path) -> Callable[[bytes], object]:
    folder.mkdir()
    return _by_file(folder / "run.json", lambda path: RunFolder(folder).read_record())


def _history(folder: Path) -> Callable[[bytes], object]:
    folder.mkdir()
    run = RunFolder(folder)
    return _by_file(run.history, lambda path: list(run.read_history()))


def _architectures() -> tuple[bytes, ...]:
    kinds = json.dumps([{"class_name": kind, "config": {"name": kind.lower()}} for kind in KINDS])
    return json.dumps(ARCHITECTURE).encode(), kinds.encode()


def _keras() -> bytes:
    content, weights = io.BytesIO(), io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((8, 784), np.float32)
        file["layers/dense/vars/1"] = np.zeros(784, np.float32)
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(ARCHITECTURE))
        archive.writestr("model.weights.h5", weights.getvalue())
    return content.getvalue()


def _options(content: bytes) -> None:
    """Plan a training with the words of the content as options, without output."""
    words = _text(content).replace("\0", "").split()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        try:
            cli.main(["train", "fast", "--data", "digits", *words, *PLANNED])
        except SystemExit as ended:
            if ended.code not in (0, None, 2):
                raise RuntimeError(f"exit code {ended.code}") from ended
