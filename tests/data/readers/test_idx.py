from __future__ import annotations

import contextlib
import gzip
import hashlib
import lzma
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from digitgan.data import load_image_set, read_idx, read_idx_set, safe_reading, write_idx
from digitgan.data.readers.base import Reading
from digitgan.data.readers.idx import find_idx, idx_reader, idx_sha256
from digitgan.errors import DataError, OutputError

GOOD = b"\x00\x00\x08\x02" + struct.pack(">II", 2, 3) + bytes(range(6))


def header(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


BAD = {
    "empty": (b"", "empty"),
    "one byte": (b"\x00", "IDX"),
    "wrong magic": (b"PNG!" + GOOD, "IDX.*b'PNG!'"),
    "floats": (b"\x00\x00\x0d\x01" + struct.pack(">I", 1) + bytes(4), "float32.*0x0d.*uint8"),
    "unknown type": (b"\x00\x00\x77\x01" + bytes(5), "0x77.*uint8"),
    "no dimensions": (b"\x00\x00\x08\x00\x01", "0 dimensions.*1 to 4"),
    "five dimensions": (header(1, 1, 1, 1, 1) + b"\x01", "5 dimensions.*1 to 4"),
    "cut in its header": (GOOD[:9], "header"),
    "cut": (GOOD[:-1], "truncated.*2 x 3 = 6 bytes"),
    "too long": (GOOD + b"\x00", "too long.*2 x 3 = 6 bytes"),
    "nothing in it": (header(0, 4294967295, 4294967295), "0 x 4294967295 x 4294967295"),
    "promises exabytes": (header(4294967295, 4294967295, 9) + bytes(9), "truncated.*4294967295 x 4294967295 x 9"),
    "packed, promises exabytes": (
        gzip.compress(header(4294967295, 4294967295) + bytes(9)),
        "truncated.*4294967295 x 4294967295",
    ),
    "packed, cut": (gzip.compress(GOOD[:-1]), "truncated.*2 x 3 = 6 bytes, 5 "),
    "packed, too long": (gzip.compress(GOOD + b"\x00"), "too long"),
    "gzip cut": (gzip.compress(GOOD)[:-9], "gzip"),
    "gzip head only": (gzip.compress(GOOD)[:5], "gzip"),
    "gzip flipped": (gzip.compress(GOOD)[:-5] + b"\xff" + gzip.compress(GOOD)[-4:], "gzip"),
    "gzip body": (gzip.compress(GOOD)[:10] + b"\xff" * 20, "gzip"),
    "gzip, then rubbish": (gzip.compress(GOOD) + b"rubbish", "gzip"),
    "gzip of nothing": (gzip.compress(b""), "IDX"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, name: str) -> None:
    content, reason = BAD[name]
    path = tmp_path / "some-idx2-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{reason}"):
        read_idx(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: "):
        read_idx(tmp_path / "none")
    with pytest.raises(DataError, match=f"{tmp_path.name}: .*folder"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match=r"/dev/zero: .*device"):
        read_idx("/dev/zero")


def test_no_memory_is_taken_for_what_a_file_cannot_hold(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(header(2**30) + bytes(50))
    # A gigabyte of zeros behind a header that states 16 bytes.
    packed.write_bytes(gzip.compress(header(16)) + gzip.compress(bytes(1 << 20)) * 1024)
    tracemalloc.start()
    try:
        for path in (plain, packed):
            with pytest.raises(DataError):
                read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=60))
def test_any_bytes_are_an_array_or_a_data_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    for prefix in (b"", b"\x00\x00\x08", gzip.compress(b"\x00\x00\x08\x01")[:-8]):
        path.write_bytes(prefix + content)
        with contextlib.suppress(DataError):
            assert read_idx(path).size > 0


def test_a_file_written_by_hand_is_read(tmp_path: Path) -> None:
    for name, content in (
        ("plain", GOOD),
        ("packed without a sign of it in the name", gzip.compress(GOOD)),
        ("as xz", lzma.compress(GOOD)),
    ):
        (tmp_path / name).write_bytes(content)
        array = read_idx(tmp_path / name)
        assert array.dtype == np.uint8
        assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert array.flags.writeable  # so that torch can share it
        assert idx_sha256(array) == hashlib.sha256(GOOD).hexdigest()


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, max_side=6)), st.sampled_from(["", ".gz"]))
@settings(max_examples=50)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, ending: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"round-trip{ending}"
    write_idx(path, array[::-1])
    assert np.array_equal(read_idx(path), array[::-1])
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == bool(ending)


def test_the_same_array_gives_the_same_file_and_a_new_one_replaces_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(first, np.zeros(3, dtype=np.uint8))
    write_idx(first, array)
    write_idx(second, array)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.uint8(3), np.zeros((0, 3), np.uint8), np.zeros([1] * 5, np.uint8)])
def test_what_is_no_idx_is_not_written(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"file: .*IDX"):
        write_idx(tmp_path / "file", array)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="none/file: "):
        write_idx(tmp_path / "none" / "file", np.zeros(3, np.uint8))


@pytest.fixture
def folder(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    for stem, content in contents.items():
        (folder / stem).write_bytes(content)
    return folder


def test_a_folder_in_the_layout_of_mnist_is_read(folder: Path, contents: dict[str, bytes]) -> None:
    train, test = read_idx_set(folder, "train"), read_idx_set(folder, "test")
    assert (train.name, test.name) == ("letters (train)", "letters (test)")
    assert (train.images.shape, test.images.shape) == ((12, 4, 3), (5, 4, 3))
    assert train.images.tobytes() == contents["train-images-idx3-ubyte"][16:]
    assert train.counts == [4, 4, 4]
    source = idx_reader(folder, Reading())
    assert source is not None
    assert source.splits == ("train", "test")


def test_packed_and_dotted_names_are_found(folder: Path) -> None:
    for path in list(folder.iterdir()):
        (folder / f"{path.name.replace('-idx', '.idx')}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert find_idx(folder, "train-images-idx3-ubyte") == folder / "train-images.idx3-ubyte.gz"
    assert len(read_idx_set(folder, "test")) == 5


def test_both_splits_have_the_same_classes(folder: Path) -> None:
    write_idx(folder / "train-labels-idx1-ubyte", np.full(12, 7, np.uint8))
    assert read_idx_set(folder, "test").class_names == ("0", "1", "2", "7")


def test_a_missing_file_of_the_layout_is_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"letters: .*t10k-labels-idx1-ubyte"):
        read_idx_set(folder, "test")
    source = idx_reader(folder, Reading())
    assert source is not None
    assert source.splits == ("train",)


def test_swapped_files_are_called_so(folder: Path) -> None:
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    images.rename(folder / "kept")
    labels.rename(images)
    (folder / "kept").rename(labels)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte: .*idx1.*idx3.*swapped"):
        read_idx_set(folder, "train")
    images.write_bytes(labels.read_bytes())
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: .*idx3.*idx1.*swapped"):
        read_idx_set(folder, "train")


def test_images_and_labels_that_differ_in_number_are_refused(folder: Path) -> None:
    write_idx(folder / "train-labels-idx1-ubyte", np.zeros(11, np.uint8))
    with pytest.raises(DataError, match=r"12 images.*11 labels"):
        read_idx_set(folder, "train")


def test_a_large_file_that_is_not_packed_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_reading, "MAPPED_FROM", 24)
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "a", array)
    found = read_idx(tmp_path / "a")
    np.testing.assert_array_equal(found, array)
    assert isinstance(found.base, np.memmap)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes() + b"x")
    with pytest.raises(DataError, match=r"/a: .*2 x 3 x 4 = 24 bytes"):
        read_idx(tmp_path / "a")


def test_emnist_is_turned_upright_and_has_letters(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    for part in ("train", "test"):
        write_idx(tmp_path / f"emnist-letters-{part}-images-idx3-ubyte.gz", images.transpose(0, 2, 1))
        write_idx(tmp_path / f"emnist-letters-{part}-labels-idx1-ubyte.gz", np.array([1, 26, 2], np.uint8))
    found = load_image_set(str(tmp_path), "test")
    np.testing.assert_array_equal(found.images, images)
    assert [found.class_names[label] for label in found.labels] == ["A", "Z", "B"]
    assert "upright" in "\n".join(found.notes)
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 97 65\n2 98 66\n26 122 90\n")
    found = load_image_set(str(tmp_path))
    assert found.class_names == ("a", "b", "z")
    assert found.labels.tolist() == [0, 2, 1]


@pytest.mark.parametrize("inner", ["raw", "MNIST/raw"])
def test_the_folders_of_torchvision_are_found_from_above(tmp_path: Path, contents: dict[str, bytes], inner: str) -> None:
    (tmp_path / inner).mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / inner / name).write_bytes(content)
    found = load_image_set(str(tmp_path), "test")
    assert len(found) == 5
    assert inner in "\n".join(found.notes)


def test_several_sets_in_a_folder_are_named_and_one_of_their_files_is_taken(tmp_path: Path) -> None:
    for name, value in (("emnist-digits", 1), ("emnist-mnist", 2)):
        write_idx(tmp_path / f"{name}-train-images-idx3-ubyte", np.full((2, 4, 4), value, np.uint8))
        write_idx(tmp_path / f"{name}-train-labels-idx1-ubyte", np.array([0, 1], np.uint8))
    with pytest.raises(DataError, match=r"2 sets.*emnist-mnist-train-images"):
        load_image_set(str(tmp_path))
    assert (load_image_set(str(tmp_path / "emnist-mnist-train-images-idx3-ubyte")).images == 2).all()


def test_labels_with_gaps_are_named_as_they_are(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((3, 4, 4), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([3, 8, 3], np.uint8))
    found = load_image_set(str(tmp_path))
    assert found.class_names == ("3", "8")
    assert found.labels.tolist() == [0, 1, 0]
    assert "4 do not occur" in "\n".join(found.notes)


def test_a_file_is_read_by_its_name_if_it_is_there_twice(tmp_path: Path) -> None:
    images, labels = np.zeros((2, 3, 4), np.uint8), np.array([0, 1], np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images + 1)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    for name, value in (("train-images-idx3-ubyte.gz", 1), ("train-images-idx3-ubyte", 0), ("", 0)):
        assert (load_image_set(str(tmp_path / name)).images == value).all()
