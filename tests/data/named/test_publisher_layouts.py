from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import archives
import numpy as np
import pytest

from digitgan.data import Dataset, DatasetFile, EmnistArchive, ImageSet, Layout
from digitgan.data.named.publisher_layouts import IdxFiles
from digitgan.data.named.remote import ContentError
from digitgan.errors import DataError


def read(dataset: Dataset, content: bytes, folder: Path, split: str = "train") -> ImageSet:
    (folder / dataset.files[0].name).write_bytes(content)
    return dataset.layout.read([folder / dataset.files[0].name], dataset.files, split, dataset.name)  # type: ignore[arg-type]


def test_emnist_images_are_turned_and_labels_start_at_0(tmp_path: Path) -> None:
    content = archives.zipped(archives.emnist_members() | archives.emnist_members("balanced", 0))
    for part in ("letters", "balanced"):
        train = read(archives.emnist(content, part=part), content, tmp_path)
        assert train.images.shape == (6, 4, 3)
        assert train.images[:, 0, 2].tolist() == [0, 1, 2, 3, 4, 5]
        assert train.images.sum() == 15
        assert train.labels.tolist() == [0, 1, 2, 0, 1, 2]
        assert (train.class_names, train.name) == (("A", "B", "C"), f"emnist-{part} (train)")
        assert len(read(archives.emnist(content, part=part), content, tmp_path, "test")) == 3


def test_cifar_images_are_rgb(tmp_path: Path) -> None:
    content = archives.tarred(archives.cifar_members())
    train, test = (read(archives.cifar(content), content, tmp_path, split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, archives.cifar_images(6))
    np.testing.assert_array_equal(test.images, archives.cifar_images(2, 6))
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 0, 1, 1, 0], [1, 0])
    assert train.class_names == test.class_names == ("airplane", "automobile")


def test_the_last_of_two_cifar_labels_is_the_class(tmp_path: Path) -> None:
    content = archives.tarred(archives.fine_cifar_members())
    dataset = archives.data_set("cifar100", archives.FINE_CIFAR, "cifar-100-binary.tar.gz", content)
    train, test = (read(dataset, content, tmp_path, split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, archives.cifar_images(3))
    assert (train.labels.tolist(), test.labels.tolist()) == ([2, 1, 0], [1, 0])
    assert train.class_names == ("apple", "aquarium_fish", "pear")


def test_the_order_of_members_is_free(tmp_path: Path) -> None:
    content = archives.tarred(dict(reversed(archives.cifar_members().items())))
    np.testing.assert_array_equal(read(archives.cifar(content), content, tmp_path).images, archives.cifar_images(6))


def test_an_archive_with_another_hash_is_refused(tmp_path: Path) -> None:
    content = archives.tarred(archives.cifar_members())
    with pytest.raises(ContentError, match=r"cifar-10-binary\.tar\.gz: .*cifar10.*MD5"):
        read(archives.cifar(b"another"), content, tmp_path)


@pytest.mark.parametrize("members", [archives.cifar_members, archives.fine_cifar_members])
def test_a_missing_member_of_a_tar_archive_is_named(tmp_path: Path, members: Callable[[], dict[str, bytes]]) -> None:
    layout = archives.CIFAR if members is archives.cifar_members else archives.FINE_CIFAR
    for name in (*layout.train, layout.names):
        content = archives.tarred({member: content for member, content in members().items() if not member.endswith(f"/{name}")})
        with pytest.raises(DataError, match=rf"a\.tar\.gz: .*{name}"):
            read(archives.data_set("a", layout, "a.tar.gz", content), content, tmp_path)


@pytest.mark.parametrize("member", [name for name in archives.emnist_members() if "-test-" not in name])
def test_a_missing_member_of_a_zip_archive_is_named(tmp_path: Path, member: str) -> None:
    content = archives.zipped({name: held for name, held in archives.emnist_members().items() if name != member})
    with pytest.raises(DataError, match=rf"gzip\.zip: .*{Path(member).name}"):
        read(archives.emnist(content), content, tmp_path)


BAD_CIFAR = {
    "a byte too short": ("data_batch_2.bin", lambda content: content[:-1], "data_batch_2.bin.*3073"),
    "empty": ("data_batch_1.bin", lambda content: b"", "data_batch_1.bin.*3073"),
    "a label without a class": ("data_batch_1.bin", lambda content: b"\x07" + content[1:], "label 7"),
    "no names": ("batches.meta.txt", lambda content: b"", "outside"),
    "names that are no text": ("batches.meta.txt", lambda content: b"\xff\xfe", "batches.meta.txt.*text"),
}


@pytest.mark.parametrize("name", BAD_CIFAR)
def test_a_member_of_a_wrong_size_or_content_is_named(tmp_path: Path, name: str) -> None:
    member, change, reason = BAD_CIFAR[name]
    members = archives.cifar_members()
    members[f"cifar-10-batches-bin/{member}"] = change(members[f"cifar-10-batches-bin/{member}"])
    content = archives.tarred(members)
    with pytest.raises(DataError, match=reason):
        read(archives.cifar(content), content, tmp_path)


BAD_EMNIST = {
    "cut gzip": ("train-images-idx3-ubyte.gz", lambda content: content[:-9], "archive|gzip"),
    "cut content": (
        "train-images-idx3-ubyte.gz",
        lambda content: gzip.compress(gzip.decompress(content)[:-1]),
        "train-images-idx3.*truncated",
    ),
    "not gzipped": ("train-labels-idx1-ubyte.gz", gzip.decompress, "archive"),
    "labels for images": (
        "train-images-idx3-ubyte.gz",
        lambda _: gzip.compress(archives.idx_bytes(np.ones(6, np.uint8))),
        "idx1",
    ),
    "a label without a character": ("mapping.txt", lambda content: content[:8], "label -1"),
    "a mapping without numbers": ("mapping.txt", lambda content: b"one two", "mapping.txt"),
    "a mapping of one column": ("mapping.txt", lambda content: b"1\n2\n", "mapping.txt"),
    "a mapping of large labels": ("mapping.txt", lambda content: b"999 65\n", "mapping.txt"),
    "an empty mapping": ("mapping.txt", lambda content: b"", "mapping.txt"),
}


@pytest.mark.parametrize("name", BAD_EMNIST)
def test_a_damaged_member_of_a_zip_archive_is_named(tmp_path: Path, name: str) -> None:
    member, change, reason = BAD_EMNIST[name]
    members = archives.emnist_members()
    members[f"gzip/emnist-letters-{member}"] = change(members[f"gzip/emnist-letters-{member}"])
    content = archives.zipped(members)
    with pytest.raises(DataError, match=reason):
        read(archives.emnist(content), content, tmp_path)


@pytest.mark.parametrize("layout", [archives.CIFAR, EmnistArchive("letters")], ids=["tar", "zip"])
@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_archive_is_named(tmp_path: Path, layout: Layout, damage: str) -> None:
    whole = (
        archives.tarred(archives.cifar_members()) if layout is archives.CIFAR else archives.zipped(archives.emnist_members())
    )
    content = {"cut": whole[: len(whole) // 2], "text": b"no archive", "empty": b""}[damage]
    with pytest.raises(DataError, match=r"a\.bin: .*(damaged|no file)"):
        read(archives.data_set("a", layout, "a.bin", content), content, tmp_path)


def test_an_archive_writes_nothing_to_the_disk(tmp_path: Path) -> None:
    members, folder = archives.cifar_members(), tmp_path / "deep" / "data"
    folder.mkdir(parents=True)
    evil = {"../evil.txt": b"evil", f"{tmp_path}/evil.txt": b"evil", "../../other.bin": b"evil"}
    content = archives.tarred({**evil, **members}, {"link/test_batch.bin": "/etc/passwd"})
    assert len(read(archives.cifar(content), content, folder)) == 6
    assert len(read(archives.cifar(content), content, folder, "test")) == 2
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["cifar-10-binary.tar.gz"]


def test_a_link_is_not_a_member(tmp_path: Path) -> None:
    members = archives.cifar_members()
    del members["cifar-10-batches-bin/test_batch.bin"]
    content = archives.tarred(members, {"cifar-10-batches-bin/test_batch.bin": "data_batch_1.bin"})
    with pytest.raises(DataError, match=r"test_batch\.bin"):
        read(archives.cifar(content), content, tmp_path, "test")


def test_idx_files_are_known_by_the_hash_that_the_publisher_states(tmp_path: Path, contents: dict[str, bytes]) -> None:
    layout = IdxFiles(("zero", "one", "two"))
    files, paths = [], []
    for stem, content in contents.items():
        path = tmp_path / f"{stem}.gz"
        path.write_bytes(gzip.compress(content))
        digest = archives.data_set("a", layout, path.name, path.read_bytes()).files[0].md5
        files.append(DatasetFile(path.name, path.stat().st_size, md5=digest))
        paths.append(path)
    train = layout.of_split(files, "train")
    assert [file.name for file in train] == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert len(layout.read(paths[:2], train, "train", "a")) == 12
    paths[1].write_bytes(gzip.compress(contents["train-labels-idx1-ubyte"], 1))
    with pytest.raises(ContentError, match=r"train-labels-idx1-ubyte\.gz: .*MD5"):
        layout.read(paths[:2], train, "train", "a")
