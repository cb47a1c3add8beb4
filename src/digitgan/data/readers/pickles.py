"""Refusal of pickles. Loading one can run any program that its author put into it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final, NoReturn

from digitgan.errors import DataError

ENDINGS: Final = (".pkl", ".pickle", ".pkl.gz", ".pt", ".pth", ".joblib")

PYTHON_CIFAR: Final = ("data_batch_1", "batches.meta", "test_batch")
"""The names of files of CIFAR's Python version. CIFAR-100's are "train", "test" and "meta"."""


def refuse_pickle(path: Path) -> None:
    """Refuse a pickle, or a folder of CIFAR's pickles, by its name and its first bytes.

    Raises:
        DataError: if the path is a pickle. The message states a safe way to the same data.
    """
    if path.is_dir():
        if any(_is_pickle(path / name) for name in PYTHON_CIFAR) or all(
            _is_pickle(path / name) for name in ("train", "test", "meta")
        ):
            raise DataError(
                f"{path}: is the Python version of CIFAR, whose files are pickles, and loading a pickle can run any program. "
                "Download the binary version instead, or use --data cifar10 or cifar100, which download it"
            )
    elif path.name.lower().endswith(ENDINGS) or _is_pickle(path):
        _refuse(path, path.name.lower())


def _refuse(path: Path, name: str) -> NoReturn:
    if name.endswith((".pt", ".pth")):
        load = f"images, labels = torch.load({path.name!r}, weights_only=True)"
    elif name.endswith(".gz"):
        load = f"images, labels = pickle.load(gzip.open({path.name!r}), encoding='latin1')"
    else:
        load = f"images, labels = pickle.load(open({path.name!r}, 'rb'))"
    raise DataError(
        f"{path}: is a pickle, and loading a pickle can run any program. If you trust its author, convert it once in Python: "
        f"{load}; numpy.savez('images.npz', images=images, labels=labels); and name images.npz. For MNIST, use --data mnist"
    )


def _is_pickle(path: Path) -> bool:
    """Return whether a file begins as a pickle of protocol 2 or later, or is a PyTorch archive."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
        if head[:1] == b"\x80" and head[1:2] and 2 <= head[1] <= 5:
            return True
        if head == b"PK" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError):
        return False
    return False
