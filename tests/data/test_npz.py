from __future__ import annotations

import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitgan.data import files, read_npz
from digitgan.data.npz import npz_splits
from digitgan.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0])


def npy(shape: str, descr: str = "|u1", body: bytes = b"", version: int = 1) -> bytes:
    """Return the content of an NPY file with an arbitrary header."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + body


def write_zip(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


BAD_ARRAYS: dict[str, tuple[dict[str, object], str]] = {
    "no images": ({"image": IMAGES, "labels": LABELS}, "'images'; did you mean 'image'"),
    "no labels": ({"images": IMAGES, "label": LABELS}, "'labels'; did you mean 'label'"),
    "float images": ({"images": IMAGES / 255, "labels": LABELS}, "images are float64.*uint8.*round"),
    "int images": ({"images": IMAGES.astype(int), "labels": LABELS}, "images are int64.*uint8"),
    "flat images": ({"images": IMAGES.reshape(2, 12), "labels": LABELS}, r"images have shape \(2, 12\)"),
    "no image": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images"),
    "float labels": ({"images": IMAGES, "labels": LABELS * 1.0}, "labels are float64.*integers"),
    "one-hot labels": ({"images": IMAGES, "labels": np.eye(2, dtype=int)}, r"labels .*\(2, 2\).*\(n,\)"),
    "too few labels": ({"images": IMAGES, "labels": LABELS[:1]}, "2 images.*1 labels"),
    "a negative label": ({"images": IMAGES, "labels": np.array([0, -1])}, "label -1 "),
    "a huge label": ({"images": IMAGES, "labels": np.array([0, 10**15])}, "label 1000000000000000 .*class_names"),
    "a vast label": ({"images": IMAGES, "labels": np.array([0, 2**64 - 1], np.uint64)}, "label 18446744073709551615 "),
    "a label without a class": (
        {"images": IMAGES, "labels": LABELS, "class_names": np.array(["a"])},
        "label 1 .*1 classes",
    ),
    "object labels": ({"images": IMAGES, "labels": np.array([1, "x"], object)}, "labels .*Python objects"),
    "object names": (
        {"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b"], object)},
        "class_names .*Python objects",
    ),
    "numeric names": ({"images": IMAGES, "labels": LABELS, "class_names": LABELS}, "class_names are int64"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_arrays_that_are_no_image_set_are_refused(tmp_path: Path, name: str) -> None:
    arrays, reason = BAD_ARRAYS[name]
    path = tmp_path / "some.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"some.npz: .*{reason}"):
        read_npz(path)


def test_images_alone_are_an_unlabelled_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", images=IMAGES)
    found = read_npz(tmp_path / "some.npz")
    assert found.class_names == ("image",)
    assert found.labels.tolist() == [0] * len(IMAGES)
    np.testing.assert_array_equal(found.images, IMAGES)


GOOD_LABELS = npy("(2,)", "<i8", bytes(16))

BAD_ENTRIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "images .*damaged"),
    "rubbish": (b"rubbish rubbish", "images .*damaged"),
    "of records": (npy("(2,3,4)", body=bytes(24), version=3), "images .*damaged"),
    "unfinished header": (npy("(2,3,4"), "images .*damaged"),
    "shape of floats": (npy("(2.0,)"), "images .*damaged"),
    "unknown type": (npy("(2,)", "zzz"), "images .*damaged"),
    "deep header": (npy("(" * 500 + ")" * 500), "images .*damaged"),
    "promises too much": (npy("(2, 3, 1000000000000)", body=bytes(24)), "damaged: images .*shape"),
    "promises too little": (npy("(2, 3, 3)", body=bytes(24)), "damaged: images .*shape"),
    "negative": (npy("(-2, -3, 4)", body=bytes(24)), "damaged: images .*shape"),
    "of nothing": (npy("(1000000000000,)", "<U0"), "damaged: images .*shape"),
    "objects": (npy("(2,)", "|O", b"cos\nsystem\n(S'false'\ntR."), "images .*Python objects"),
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_a_damaged_or_lying_array_is_refused(tmp_path: Path, name: str) -> None:
    content, reason = BAD_ENTRIES[name]
    path = write_zip(tmp_path / "some.npz", {"images.npy": content, "labels.npy": GOOD_LABELS})
    with pytest.raises(DataError, match=f"some.npz: .*{reason}"):
        read_npz(path)


def test_what_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    for content in (b"", b"PK\x03\x04", b"not a zip at all"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"some\.npz: .*NPZ"):
            read_npz(path)
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DataError, match=r"some\.npz: .*NPZ"):
        read_npz(path)
    with pytest.raises(DataError, match=r"none\.npz: "):
        read_npz(tmp_path / "none.npz")
    with pytest.raises(DataError, match=f"{tmp_path.name}: .*folder"):
        read_npz(tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    # 64 MiB of zeros. Their entry in the zip's directory is changed to state 4 GiB, then three entries to state 9 GiB.
    body = npy("(64, 1024, 1024)", body=bytes(64 << 20))
    path = write_zip(tmp_path / "bomb.npz", {"images.npy": body, "labels.npy": GOOD_LABELS, "more.npy": b"1"})
    content = bytearray(path.read_bytes())
    listed = [found.start() for found in re.finditer(b"PK\x01\x02", content)]
    tracemalloc.start()
    try:
        content[listed[0] + 24 : listed[0] + 28] = struct.pack("<I", 0xFFFFFFF0)
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged: images.npy .*4294967280 bytes"):
            read_npz(path)
        for place in listed:
            content[place + 24 : place + 28] = struct.pack("<I", 3 << 30)
        path.write_bytes(content)
        with pytest.raises(DataError, match="9663676416 bytes"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_packings_numpy_does_not_write_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "some.npz", {"images.npy": npy("(1,)", body=b"1")}, zipfile.ZIP_BZIP2)
    with pytest.raises(DataError, match=r"some\.npz: images\.npy .*np\.savez"):
        read_npz(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_cut_anywhere_it_is_refused(tmp_path: Path, save: object) -> None:
    path = tmp_path / "some.npz"
    save(path, images=IMAGES, labels=LABELS, class_names=np.array(["a", "b"]))  # type: ignore[operator]
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            read_npz(path)


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=100)
def test_a_flipped_byte_is_an_error_of_ours_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    np.savez(path, images=IMAGES, labels=LABELS, class_names=np.array(["a", "b"]))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= flip
    path.write_bytes(content)
    try:
        image_set = read_npz(path)
    except DataError:
        return
    assert np.array_equal(image_set.images, IMAGES)


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "named.npz", {"images.npy": GOOD_LABELS, "ä.npy": GOOD_LABELS})
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xa7\xa7"))
    with pytest.raises(DataError, match=r"named\.npz: "):
        read_npz(path)
    assert npz_splits(path) == ("train",)


@given(st.binary(max_size=80), st.sampled_from([1, 2]))
@settings(max_examples=100)
def test_any_header_is_an_error_of_ours(tmp_path_factory: pytest.TempPathFactory, header: bytes, version: int) -> None:
    head = b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header
    path = write_zip(tmp_path_factory.getbasetemp() / "header.npz", {"images.npy": head, "labels.npy": GOOD_LABELS})
    with pytest.raises(DataError):
        read_npz(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_image_set_is_read(tmp_path: Path, save: object) -> None:
    path = tmp_path / "some.npz"
    colour = np.asfortranarray(np.repeat(IMAGES[..., None], 3, axis=3))
    save(path, images=colour, labels=LABELS.astype(np.uint8), class_names=np.array(["ä", "bee"]))  # type: ignore[operator]
    image_set = read_npz(path)
    assert np.array_equal(image_set.images, colour)
    assert image_set.images.flags.c_contiguous
    assert image_set.labels.tolist() == [1, 0]
    assert image_set.class_names == ("ä", "bee")
    assert image_set.name == "some.npz"


def test_without_class_names_the_labels_are_the_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", images=IMAGES, labels=np.array([0, 3]))
    assert read_npz(tmp_path / "some.npz").class_names == ("0", "1", "2", "3")


def test_a_large_array_that_is_not_packed_stays_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAPPED_FROM", IMAGES.nbytes)
    np.savez(tmp_path / "a.npz", labels=LABELS, images=IMAGES)
    found = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert isinstance(found.images.base, np.memmap)
    np.savez_compressed(tmp_path / "packed.npz", labels=LABELS, images=IMAGES)
    assert found.content_hash == read_npz(tmp_path / "packed.npz").content_hash


def test_a_large_array_by_columns_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAPPED_FROM", 1)
    np.savez(tmp_path / "a.npz", labels=LABELS, images=np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz").images, IMAGES)


def test_damage_in_a_large_array_is_found_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAPPED_FROM", 1)
    np.savez(tmp_path / "a.npz", labels=LABELS, images=IMAGES)
    content = (tmp_path / "a.npz").read_bytes()
    place = content.index(IMAGES.tobytes()) + 5
    (tmp_path / "a.npz").write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    with pytest.raises(DataError, match="damaged"):
        read_npz(tmp_path / "a.npz")
