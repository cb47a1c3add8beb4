"""Small archives in the layouts of EMNIST and CIFAR, built without the code that reads them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np

from digitgan.data import CifarArchive, Dataset, DatasetFile, EmnistArchive, Layout

CIFAR = CifarArchive(("data_batch_1.bin", "data_batch_2.bin"), ("test_batch.bin",), "batches.meta.txt")
FINE_CIFAR = CifarArchive(("train.bin",), ("test.bin",), "fine_label_names.txt", label_bytes=2)


def idx_bytes(array: np.ndarray) -> bytes:
    """Return the content of an IDX file. It is built here so that the reader is not tested against the writer alone."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def emnist_members(part: str = "letters", first_label: int = 1) -> dict[str, bytes]:
    """Return the files of a part: 6 and 3 images of 4×3, three classes. Image i has the value i at row 0, column 2."""
    members = {f"gzip/emnist-{part}-mapping.txt": "".join(f"{first_label + i} {65 + i} {97 + i}\n" for i in range(3)).encode()}
    for split, count in (("train", 6), ("test", 3)):
        images = np.zeros((count, 4, 3), dtype=np.uint8)
        images[:, 0, 2] = np.arange(count)
        labels = (np.arange(count) % 3 + first_label).astype(np.uint8)
        stored = images.transpose(0, 2, 1)
        members[f"gzip/emnist-{part}-{split}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(stored))
        members[f"gzip/emnist-{part}-{split}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(labels))
    return members


def zipped(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def cifar_images(count: int, first: int = 0) -> np.ndarray:
    """Return images (count, 32, 32, 3); image i has the values (i, 100, 200) at row 1, column 2."""
    images = np.zeros((count, 32, 32, 3), dtype=np.uint8)
    images[:, 1, 2] = [(first + index, 100, 200) for index in range(count)]
    return images


def cifar_records(images: np.ndarray, *labels: np.ndarray) -> bytes:
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([*(each[:, None].astype(np.uint8) for each in labels), planes], axis=1).tobytes()


def cifar_members() -> dict[str, bytes]:
    """Return the files of a small CIFAR-10: 3 + 3 training and 2 test images, two classes."""
    folder = "cifar-10-batches-bin"
    return {
        f"{folder}/batches.meta.txt": b"airplane\nautomobile\n\n",
        f"{folder}/data_batch_1.bin": cifar_records(cifar_images(3), np.array([0, 1, 0])),
        f"{folder}/data_batch_2.bin": cifar_records(cifar_images(3, 3), np.array([1, 1, 0])),
        f"{folder}/readme.html": b"<html>",
        f"{folder}/test_batch.bin": cifar_records(cifar_images(2, 6), np.array([1, 0])),
    }


def fine_cifar_members() -> dict[str, bytes]:
    """Return the files of a small CIFAR-100: 3 training and 2 test images, three classes in two groups."""
    folder = "cifar-100-binary"
    return {
        f"{folder}/coarse_label_names.txt": b"fish\nfruit\n",
        f"{folder}/fine_label_names.txt": b"apple\naquarium_fish\npear\n",
        f"{folder}/test.bin": cifar_records(cifar_images(2, 3), np.array([0, 1]), np.array([1, 0])),
        f"{folder}/train.bin": cifar_records(cifar_images(3), np.array([1, 0, 1]), np.array([2, 1, 0])),
    }


def tarred(members: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return file.getvalue()


def data_set(name: str, layout: Layout, file_name: str, content: bytes, *mirrors: str, folder: str = "") -> Dataset:
    """Return a data set with an archive as its only file, known by its MD5."""
    file = DatasetFile(file_name, len(content), md5=hashlib.md5(content).hexdigest())
    return Dataset(name, "made for tests", layout, (file,), mirrors, shared_folder=folder)


def emnist(content: bytes, *mirrors: str, part: str = "letters") -> Dataset:
    return data_set(f"emnist-{part}", EmnistArchive(part), "gzip.zip", content, *mirrors, folder="emnist")


def cifar(content: bytes, *mirrors: str) -> Dataset:
    return data_set("cifar10", CIFAR, "cifar-10-binary.tar.gz", content, *mirrors)
