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
from PIL import Image

from digitgan.data import Conversion, Reading, load_image_set, read_npz, safe_reading
from digitgan.data.readers.npz import npz_splits
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
    "no images": ({"labels": LABELS}, "'images'"),
    "unknown labels": ({"images": IMAGES, "kinds": LABELS}, "'kinds'.*--label-column kinds"),
    "several unknown arrays": ({"images": IMAGES, "kinds": LABELS, "years": LABELS}, "kinds, years.*--label-column"),
    "odd floats": ({"images": IMAGES / 10, "labels": LABELS}, "float64 from 0 to 2.3.*2.3"),
    "not a number": ({"images": np.where(IMAGES == 3, np.nan, IMAGES), "labels": LABELS}, "1 of its values are NaN"),
    "floats around zero": ({"images": IMAGES / 23 - 0.5, "labels": LABELS}, r"float64 from -0.5 to 0.5"),
    "a class name twice": ({"images": IMAGES, "labels": LABELS, "class_names": np.array(["x", "x"])}, "same; rename"),
    "negative integers": ({"images": IMAGES.astype(int) - 9, "labels": LABELS}, r"int64 from -9 to 14.*\(-9\)"),
    "text images": ({"images": IMAGES.astype(str), "labels": LABELS}, "images are <U"),
    "odd flat images": ({"images": IMAGES.reshape(2, 12), "labels": LABELS}, "12 values.*--image-shape"),
    "no image": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images"),
    "five dimensions": ({"images": IMAGES.reshape(2, 3, 2, 2, 1), "labels": LABELS}, r"\(2, 3, 2, 2, 1\)"),
    "seven channels": ({"images": np.zeros((2, 8, 8, 7), np.uint8), "labels": LABELS}, r"\(2, 8, 8, 7\)"),
    "fractional labels": ({"images": IMAGES, "labels": LABELS * 0.5}, "label 0.5 "),
    "probabilities": ({"images": IMAGES, "labels": np.full((2, 2), 0.5)}, r"labels .*\(2, 2\).*one-hot.*argmax"),
    "too few labels": ({"images": IMAGES, "labels": LABELS[:1]}, "2 images.*1 labels"),
    "a negative label": ({"images": IMAGES, "labels": np.array([0, -1])}, "label -1 .*1 of 2"),
    "a vast label": ({"images": IMAGES, "labels": np.array([0, 2**64 - 1], np.uint64)}, "label 18446744073709551615 "),
    "a label without a class": ({"images": IMAGES, "labels": LABELS + 5, "class_names": np.array(["a"])}, "label 6 .*1 "),
    "an empty label": ({"images": IMAGES, "labels": np.array(["a", ""])}, "1 of its images have an empty label"),
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


GREY = np.random.default_rng(0).integers(0, 256, (4, 9, 9), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=3)

FORMS: dict[str, tuple[np.ndarray, np.ndarray, str]] = {
    "floats in 0 to 1": (GREY / 255, GREY, "0 to 1"),
    "floats in -1 to 1": ((GREY / 127.5 - 1).astype(np.float32), GREY, "-1 to 1"),
    "floats in 0 to 255": (GREY.astype(np.float16), GREY, "0 to 255"),
    "resampled floats in 0 to 255": (GREY * 0.999, np.rint(GREY * 0.999), "0 to 255"),
    "booleans": (GREY > 99, (GREY > 99) * 255, "bool"),
    "zeros and ones": ((GREY > 99).astype(np.uint8), (GREY > 99) * 255, "0 to 1"),
    "long integers": (GREY.astype(np.int64), GREY, "int64"),
    "16 bits": (GREY.astype(np.uint16) * 257, GREY, "65,535"),
    "12 bits in 16": (GREY.astype(np.uint16) * 16, np.rint(GREY * (16 / 4095 * 255)), "4,095"),
    "channels in front": (np.moveaxis(RGB, 3, 1), RGB, "in front"),
    "one channel in front": (GREY[:, None], GREY[..., None], "in front"),
    "one channel behind": (GREY[..., None], GREY[..., None], ""),
    "flat squares": (GREY.reshape(4, -1), GREY, "9x9"),
    "grey stored in colour": (np.repeat(GREY[..., None], 3, axis=3), GREY, "all are grey"),
    "an opaque fourth channel": (np.concatenate([RGB, np.full_like(GREY, 255)[..., None]], axis=3), RGB, "opaque"),
    "plain": (RGB, RGB, ""),
}


@pytest.mark.parametrize("name", FORMS)
def test_images_are_read_in_the_forms_that_people_store(tmp_path: Path, name: str) -> None:
    stored, expected, note = FORMS[name]
    np.savez(tmp_path / "a.npz", images=stored, labels=np.arange(4))
    found = load_image_set(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(found.images, expected)
    assert note in "\n".join(found.notes)
    assert bool(found.notes) == bool(note)
    np.save(tmp_path / "a.npy", stored)
    np.testing.assert_array_equal(load_image_set(str(tmp_path / "a.npy")).images, expected)


def test_transparent_arrays_are_placed_on_the_background(tmp_path: Path) -> None:
    pixels = np.zeros((1, 2, 2, 4), np.uint8)
    pixels[..., :3], pixels[0, 0, 0, 3] = (200, 100, 50), 255
    np.savez(tmp_path / "a.npz", images=pixels)
    reading = Reading(Conversion(background=(0, 0, 255)))
    found = read_npz(tmp_path / "a.npz", "train", reading).images[0]
    assert found.tolist() == [[[200, 100, 50], [0, 0, 255]], [[0, 0, 255], [0, 0, 255]]]
    assert "1 transparent" in "\n".join(reading.notes.lines)


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 2, 2), (2, 2, 3)), ((2, 2, 3), (2, 2, 3)), ((2, 6), (2, 6)), ((6, 2), (6, 2))]
)
def test_flat_images_of_a_stated_shape(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 12), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=pixels)
    found = read_npz(tmp_path / "a.npz", "train", Reading(image_shape=shape)).images
    assert found.shape == (5, *expected)
    wanted = pixels.reshape(5, *shape)
    np.testing.assert_array_equal(found, wanted.transpose(0, 2, 3, 1) if shape[0] == 3 else wanted)
    with pytest.raises(DataError, match=r"12 values.*16"):
        read_npz(tmp_path / "a.npz", "train", Reading(image_shape=(4, 4)))


LABEL_FORMS: dict[str, tuple[np.ndarray, list[int], tuple[str, ...], str]] = {
    "floats": (np.array([1.0, 0, 2]), [1, 0, 2], ("0", "1", "2"), "floats"),
    "a column": (np.array([[1], [0], [2]]), [1, 0, 2], ("0", "1", "2"), "column"),
    "one-hot": (np.eye(3)[[1, 0, 2]], [1, 0, 2], ("0", "1", "2"), "one-hot"),
    "one-hot booleans": (np.eye(3, dtype=bool)[[1, 0, 2]], [1, 0, 2], ("0", "1", "2"), "one-hot"),
    "texts": (np.array(["cat10", "ape", "cat9"]), [2, 0, 1], ("ape", "cat9", "cat10"), ""),
    "bytes": (np.array([b"b", b"a", b"b"]), [1, 0, 1], ("a", "b"), ""),
    "from 1": (np.array([2, 1, 3]), [1, 0, 2], ("1", "2", "3"), "1 to 3"),
    "with gaps": (np.array([900, 5, 17]), [2, 0, 1], ("5", "17", "900"), "do not occur"),
    "booleans": (np.array([True, False, True]), [1, 0, 1], ("0", "1"), ""),
}


@pytest.mark.parametrize("name", LABEL_FORMS)
def test_labels_are_read_in_the_forms_that_people_store(tmp_path: Path, name: str) -> None:
    stored, labels, names, note = LABEL_FORMS[name]
    np.savez(tmp_path / "a.npz", images=GREY[:3], labels=stored)
    found = load_image_set(str(tmp_path / "a.npz"))
    assert (found.labels.tolist(), found.class_names) == (labels, names)
    assert note in "\n".join(found.notes)
    assert bool(found.notes) == bool(note)


def test_labels_from_1_with_class_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=GREY[:3], labels=np.array([1, 2, 3]), class_names=np.array(["x", "y", "z"]))
    found = load_image_set(str(tmp_path / "a.npz"))
    assert (found.labels.tolist(), found.class_names) == ([0, 1, 2], ("x", "y", "z"))
    assert "counted from 1" in "\n".join(found.notes)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("x", "y"),
        ("X", "Y"),
        ("data", "target"),
        ("arr_0", "arr_1"),
        ("imgs", "label"),
        ("train_images", "train_labels"),
        ("anything", "labels"),
    ],
)
def test_usual_names_of_arrays(tmp_path: Path, images: str, labels: str) -> None:
    np.savez(tmp_path / "a.npz", **{images: GREY, labels: np.arange(4)})
    found = load_image_set(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(found.images, GREY)
    assert found.labels.tolist() == [0, 1, 2, 3]


def test_another_name_of_labels_on_request(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, kinds=np.array([3, 1, 3, 1]), years=np.arange(4))
    assert read_npz(tmp_path / "a.npz", "train", Reading(label_column="kinds")).labels.tolist() == [1, 0, 1, 0]
    with pytest.raises(DataError, match="'kinds'"):
        read_npz(tmp_path / "a.npz", "train", Reading(label_column="kind"))


def test_splits_share_their_classes_and_a_third_one_is_said(tmp_path: Path) -> None:
    parts = {"train": [5, 7], "val": [7, 7], "test": [9, 5]}
    arrays = {f"{part}_images": GREY[:2] for part in parts} | {
        f"{part}_labels": np.array(values)[:, None] for part, values in parts.items()
    }
    np.savez(tmp_path / "a.npz", **arrays)
    train, test = load_image_set(str(tmp_path / "a.npz")), load_image_set(str(tmp_path / "a.npz"), "test")
    assert train.class_names == test.class_names == ("5", "7", "9")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1], [2, 0])
    assert "validation images are not read" in "\n".join(test.notes)


def test_without_class_names_the_labels_are_the_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", images=IMAGES, labels=np.array([0, 3]))
    assert read_npz(tmp_path / "some.npz").class_names == ("0", "3")


def test_a_large_array_that_is_not_packed_stays_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_reading, "MAPPED_FROM", IMAGES.nbytes)
    np.savez(tmp_path / "a.npz", labels=LABELS, images=IMAGES)
    found = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert isinstance(found.images.base, np.memmap)
    np.savez_compressed(tmp_path / "packed.npz", labels=LABELS, images=IMAGES)
    assert found.content_hash == read_npz(tmp_path / "packed.npz").content_hash


def test_a_large_array_by_columns_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_reading, "MAPPED_FROM", 1)
    np.savez(tmp_path / "a.npz", labels=LABELS, images=np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz").images, IMAGES)


def test_damage_in_a_large_array_is_found_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_reading, "MAPPED_FROM", 1)
    np.savez(tmp_path / "a.npz", labels=LABELS, images=IMAGES)
    content = (tmp_path / "a.npz").read_bytes()
    place = content.index(IMAGES.tobytes()) + 5
    (tmp_path / "a.npz").write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    with pytest.raises(DataError, match="damaged"):
        read_npz(tmp_path / "a.npz")


def test_a_test_split_without_labels_is_not_read_and_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=GREY, y_train=np.arange(4), x_test=GREY)
    found = load_image_set(str(tmp_path / "a.npz"))
    assert found.counts == [1, 1, 1, 1]
    assert any("'x_test' has no labels" in note for note in found.notes)
    with pytest.raises(DataError, match="no test split"):
        load_image_set(str(tmp_path / "a.npz"), "test")


def test_a_folder_of_npy_files_is_read(tmp_path: Path) -> None:
    """As the hand-sign digits are distributed: X.npy, and one-hot rows in Y.npy."""
    images = np.random.default_rng(0).random((6, 5, 4))
    images[0, 0, :2] = 0, 1
    np.save(tmp_path / "X.npy", images)
    np.save(tmp_path / "Y.npy", np.eye(3)[[2, 0, 1, 1, 0, 2]])
    (tmp_path / "README.txt").write_text("digits")
    found = load_image_set(str(tmp_path))
    np.testing.assert_array_equal(found.images, np.rint(images * 255).astype(np.uint8))
    assert found.labels.tolist() == [2, 0, 1, 1, 0, 2]


def test_npy_files_of_splits(tmp_path: Path) -> None:
    for name, value in (("x_train", 200), ("x_test", 100)):
        np.save(tmp_path / f"{name}.npy", np.full((2, 5, 4), value, np.uint8))
        np.save(tmp_path / f"{name.replace('x', 'y')}.npy", [0, 1])
    assert load_image_set(str(tmp_path), "test").images.max() == 100


def test_npy_files_beside_pictures_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("L", (4, 4), 200).save(tmp_path / "a" / "1.png")
    np.save(tmp_path / "X.npy", np.zeros((2, 5, 4), np.uint8))
    assert load_image_set(str(tmp_path)).class_names == ("a",)


def test_a_file_for_each_image_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for number in range(20):
        np.save(tmp_path / f"{number}.npy", np.zeros((5, 4), np.uint8))
    with pytest.raises(DataError, match="save them as one array"):
        load_image_set(str(tmp_path))


def test_the_splits_are_scaled_alike(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        x_train=np.full((2, 5, 4), 4000, np.uint16),
        y_train=[0, 1],
        x_test=np.full((2, 5, 4), 200, np.uint16),
        y_test=[0, 1],
    )
    found = load_image_set(str(tmp_path / "a.npz"), "test")
    assert found.images.max() == round(200 / 4095 * 255)


def test_one_of_several_arrays_of_labels_on_request(tmp_path: Path) -> None:
    images = np.full((2, 5, 4), 200, np.uint8)
    arrays = {f"{what}_{part}": value for part in ("train", "test") for what, value in (("x", images), ("fine", [3, 5]))}
    np.savez(tmp_path / "a.npz", **arrays, coarse_train=[0, 1], coarse_test=[1, 0])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="several arrays may hold the labels: fine_train, coarse_train"):
        load_image_set(str(tmp_path / "a.npz"))
    for split in ("train", "test"):
        reading = Reading(label_column="coarse")
        found = read_npz(tmp_path / "a.npz", split, reading)  # type: ignore[arg-type]
        assert found.labels.tolist() == ([0, 1] if split == "train" else [1, 0])
        assert "ignored the arrays fine_train, fine_test" in "\n".join(reading.notes.lines)
    assert npz_splits(tmp_path / "a.npz", "coarse") == ("train", "test")


@pytest.mark.parametrize("name", ["class_names", "names", "classNames"])
def test_class_names_in_an_array_of_a_usual_name(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((2, 5, 4), 200, np.uint8), labels=[0, 1], **{name: ["cat", "dog"]})  # type: ignore[arg-type]
    assert load_image_set(str(tmp_path / "a.npz")).class_names == ("cat", "dog")


def test_names_of_images_are_no_class_names(tmp_path: Path) -> None:
    images, labels = np.zeros((60, 3, 4), np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "a.npz", images=images, labels=labels, names=np.array([f"img_{n}.png" for n in range(60)]))
    reading = Reading()
    assert read_npz(tmp_path / "a.npz", "train", reading).class_names == ("0", "1", "2")
    assert "ignored the array 'names', which names images and not classes" in reading.notes.lines
    np.savez(tmp_path / "a.npz", images=images, labels=labels, names=np.array(["x", "y", "z"]))
    assert read_npz(tmp_path / "a.npz").class_names == ("x", "y", "z")


def test_arrays_that_state_the_images_of_a_split_are_no_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, train_idx=np.array([0]), test_idx=np.array([1]))
    reading = Reading()
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz", "train", reading).images, IMAGES)
    assert "ignored the arrays train_idx, test_idx" in reading.notes.lines


def test_images_without_a_split_in_their_name_are_those_of_training(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=IMAGES, y=LABELS, X_test=IMAGES[:1], y_test=LABELS[:1])
    assert npz_splits(tmp_path / "a.npz") == ("train", "test")
    assert len(read_npz(tmp_path / "a.npz")) == 2
    assert len(read_npz(tmp_path / "a.npz", "test")) == 1
