"""MATLAB files, CIFAR's binary files, pickles."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from digitgan.data import load_image_set
from digitgan.errors import DataError

RGB = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("packed", [False, True])
def test_svhn_is_read_with_its_zero(tmp_path: Path, packed: bool) -> None:
    for split, labels in (("train", [1, 10, 2, 10, 1, 2]), ("test", [10, 2, 1, 1, 1, 1])):
        content = {"X": RGB.transpose(1, 2, 3, 0), "y": np.array(labels)[:, None]}
        scipy.io.savemat(tmp_path / f"{split}_32x32.mat", content, do_compression=packed)
    for source in (tmp_path / "train_32x32.mat", tmp_path):
        found = load_image_set(str(source))
        np.testing.assert_array_equal(found.images, RGB)
        assert (found.class_names, found.labels.tolist()) == (("0", "1", "2"), [1, 0, 2, 0, 1, 2])
        assert any("digit 0" in note for note in found.notes)
    assert load_image_set(str(tmp_path), "test").labels.tolist() == [0, 2, 1, 1, 1, 1]


def test_other_variables_of_matlab(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    scipy.io.savemat(tmp_path / "a.mat", {"images": grey.transpose(1, 2, 0), "labels": np.array([[3, 1, 1, 3, 3, 1]])})
    found = load_image_set(str(tmp_path / "a.mat"))
    np.testing.assert_array_equal(found.images, grey)
    assert (found.class_names, found.labels.tolist()) == (("1", "3"), [1, 0, 0, 1, 1, 0])
    flat = grey.transpose(0, 2, 1).reshape(6, -1) / 255  # MATLAB's images(:)
    scipy.io.savemat(tmp_path / "b.mat", {"X": flat, "y": np.array([[1, 2, 1, 2, 1, 2]])})
    found = load_image_set(str(tmp_path / "b.mat"))
    np.testing.assert_array_equal(found.images, grey)
    assert any("column by column" in note for note in found.notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a MATLAB file"),
        (b"text" * 100, "not a MATLAB file"),
        (b"MATLAB 7.3 MAT-file" + bytes(500), "7.3.*-v7"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "7.3.*-v7"),
    ],
)
def test_what_is_no_matlab_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.mat: .*{reason}"):
        load_image_set(str(tmp_path / "a.mat"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"Z": np.zeros((3, 3)), "W": np.zeros(3)}, "no array 'images'.*Z, W"),
        ({"X": np.zeros((4, 5, 5)), "a": np.zeros(4), "b": np.zeros(4)}, "a, b.*--label-column"),
        ({"X": np.array([[1, "a"]], dtype=object)}, "cell"),
    ],
)
def test_variables_that_are_not_plain_are_refused(tmp_path: Path, content: dict[str, object], reason: str) -> None:
    scipy.io.savemat(tmp_path / "a.mat", content)
    with pytest.raises(DataError, match=rf"a\.mat: .*({reason})"):
        load_image_set(str(tmp_path / "a.mat"))


def test_a_matlab_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"X": np.zeros((600, 1024, 1024), np.uint8)}, do_compression=True)
    with pytest.raises(DataError, match=r"a\.mat: .*times its size"):
        load_image_set(str(tmp_path / "a.mat"))


def test_cut_anywhere_a_matlab_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"X": RGB.transpose(1, 2, 3, 0), "y": np.arange(6)[:, None]}, do_compression=True)
    content = path.read_bytes()
    for length in (100, 128, 140, len(content) // 2, len(content) - 3):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"a\.mat: "):
            load_image_set(str(path))


def records(labels: list[list[int]]) -> bytes:
    planes = RGB[: len(labels)].transpose(0, 3, 1, 2).reshape(len(labels), -1)
    return b"".join(bytes(label) + row.tobytes() for label, row in zip(labels, planes, strict=True))


def test_cifar10_and_cifar100_in_binary(tmp_path: Path) -> None:
    ten, hundred = tmp_path / "ten", tmp_path / "hundred"
    ten.mkdir()
    hundred.mkdir()
    (ten / "data_batch_1.bin").write_bytes(records([[1], [0]]))
    (ten / "data_batch_2.bin").write_bytes(records([[2]]))
    (ten / "test_batch.bin").write_bytes(records([[2], [2]]))
    (ten / "batches.meta.txt").write_text("ant\nbee\ncat\n\n")
    train, test = load_image_set(str(ten)), load_image_set(str(ten), "test")
    np.testing.assert_array_equal(train.images, np.concatenate([RGB[:2], RGB[:1]]))
    assert (train.class_names, train.labels.tolist(), test.labels.tolist()) == (("ant", "bee", "cat"), [1, 0, 2], [2, 2])
    assert any("data_batch_5.bin" in note for note in train.notes)
    (hundred / "train.bin").write_bytes(records([[0, 7], [1, 9]]))
    found = load_image_set(str(hundred))
    assert (found.class_names, found.labels.tolist()) == (("7", "9"), [0, 1])
    assert len(load_image_set(str(ten / "test_batch.bin"))) == 2
    (ten / "test_batch.bin").write_bytes(records([[2]])[:-1])
    with pytest.raises(DataError, match=r"test_batch\.bin: .*3072 bytes"):
        load_image_set(str(ten), "test")


class Evil:
    """A pickle that would leave a trace."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return open, ("trace", "w")  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["mnist.pkl.gz", "a.pkl", "a.pickle", "training.pt", "data_batch_1", "nameless"])
def test_a_pickle_is_refused_for_what_it_is_and_never_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(Evil(), protocol=4)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(DataError, match=rf"{name}: is a pickle"):
        load_image_set(str(tmp_path / name))
    assert not (tmp_path / "trace").exists()


def test_pytorchs_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.bin", "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    with pytest.raises(DataError, match=r"a\.bin: "):
        load_image_set(str(tmp_path / "a.bin"))


def test_the_python_version_of_cifar_is_refused_with_the_safe_way(tmp_path: Path) -> None:
    for name in ("data_batch_1", "batches.meta", "test_batch"):
        (tmp_path / name).write_bytes(pickle.dumps({"data": 1}, protocol=2))
    with pytest.raises(DataError, match=r"Python version of CIFAR.*cifar10"):
        load_image_set(str(tmp_path))


def test_bytes_are_no_file(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object))
    (tmp_path / "a.npy").write_bytes(file.getvalue())
    with pytest.raises(DataError, match=r"a\.npy: .*Python objects"):
        load_image_set(str(tmp_path / "a.npy"))


def test_variables_of_both_splits_in_one_file_share_their_classes(tmp_path: Path) -> None:
    grey = RGB[..., 0].transpose(1, 2, 0)
    content = {"XTrain": grey, "YTrain": np.array([[3, 5, 7, 3, 5, 7]]), "Xtest": grey[..., :3], "ytest": np.array([[7, 5, 7]])}
    scipy.io.savemat(tmp_path / "a.mat", content)
    train, test = load_image_set(str(tmp_path / "a.mat")), load_image_set(str(tmp_path / "a.mat"), "test")
    np.testing.assert_array_equal(train.images, RGB[..., 0])
    assert train.class_names == test.class_names == ("3", "5", "7")
    assert test.labels.tolist() == [2, 1, 2]


def test_both_files_of_svhn_share_their_classes(tmp_path: Path) -> None:
    for split, labels in (("train", [1, 10, 2, 10, 1, 2]), ("test", [10, 10, 2, 2, 2, 2])):
        scipy.io.savemat(tmp_path / f"{split}_32x32.mat", {"X": RGB.transpose(1, 2, 3, 0), "y": np.array(labels)[:, None]})
    (tmp_path / "extra_32x32.mat").write_bytes(b"")
    found = load_image_set(str(tmp_path), "test")
    assert (found.class_names, found.labels.tolist()) == (("0", "1", "2"), [0, 0, 2, 2, 2, 2])
    assert "ignored extra_32x32.mat; to train on it, name that file" in found.notes


def test_images_of_matlab_without_labels_have_their_number_last(tmp_path: Path) -> None:
    many = np.random.default_rng(0).integers(0, 256, (50, 6, 5), dtype=np.uint8)
    scipy.io.savemat(tmp_path / "a.mat", {"X": many.transpose(1, 2, 0)})
    found = load_image_set(str(tmp_path / "a.mat"))
    np.testing.assert_array_equal(found.images, many)
    assert any("no labels: one class" in note for note in found.notes)


def test_labels_in_cells_are_refused_and_those_in_characters_are_read(tmp_path: Path) -> None:
    path, images = tmp_path / "a.mat", RGB.transpose(1, 2, 3, 0)
    names = ["cat", "horse", "cat", "ox", "ox", "cat"]
    scipy.io.savemat(path, {"X": images, "labels": np.array(names, dtype=object)})
    with pytest.raises(DataError, match=r"variable labels is of the kind cell.*labels = char\(labels\)"):
        load_image_set(str(path))
    scipy.io.savemat(path, {"X": images, "labels": np.array(names), "about": np.array(["x", 3], dtype=object)})
    found = load_image_set(str(path))
    assert [found.class_names[label] for label in found.labels] == names
    assert "ignored the variables about (cell)" in found.notes
