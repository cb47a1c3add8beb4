"""Writers: each format is read back by independent readers, and errors leave no partial output."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.data import read_folder, read_idx_set, read_npz
from digitgan.errors import OutputError, UsageError
from digitgan.files import claim_output
from digitgan.generation.writers import WRITERS
from digitgan.generation.writers.pictures import GRID_ENLARGEMENT
from digitgan.images import grid
from digitgan.model.file import Model

NAMES = ("zero", "one", "two")
LABELS = np.arange(10, dtype=np.int64) % 3


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)


GREY, COLOUR = noise(10, 6, 5), noise(10, 6, 5, 3)


def blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images in blocks, as a model generates them; the last block is shorter."""
    yield from (images[first : first + 4] for first in range(0, len(images), 4))


def breaking_blocks() -> Iterator[np.ndarray]:
    yield GREY[:4]
    raise ZeroDivisionError("broke off")


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return the content of every file in a folder, including hidden ones, by path; None for a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# --- each format, read back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "RGB"])
def test_npz_is_read_by_numpy(tmp_path: Path, images: np.ndarray) -> None:
    WRITERS.find("npz").write(tmp_path / "drawn.npz", blocks(images), LABELS, NAMES)
    with np.load(tmp_path / "drawn.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["class_names", "images", "labels"]
        np.testing.assert_array_equal(archive["images"], images)
        np.testing.assert_array_equal(archive["labels"], LABELS)
        assert archive["images"].dtype == np.uint8
        assert archive["labels"].dtype == np.int64
        assert tuple(archive["class_names"]) == NAMES


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "RGB"])
def test_npz_is_read_by_our_own_reader(tmp_path: Path, images: np.ndarray) -> None:
    WRITERS.find("npz").write(tmp_path / "drawn.npz", blocks(images), LABELS, NAMES)
    image_set = read_npz(tmp_path / "drawn.npz")
    np.testing.assert_array_equal(image_set.images, images)
    np.testing.assert_array_equal(image_set.labels, LABELS)
    assert image_set.class_names == NAMES


def test_the_same_images_make_the_same_npz(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        WRITERS.find("npz").write(tmp_path / name, blocks(GREY), LABELS, NAMES)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_idx_is_read_by_hand(tmp_path: Path) -> None:
    WRITERS.find("idx").write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    images = (tmp_path / "drawn" / "train-images-idx3-ubyte").read_bytes()
    labels = (tmp_path / "drawn" / "train-labels-idx1-ubyte").read_bytes()
    # As documented for MNIST: magic numbers 2051 and 2049, then the sizes, all big-endian.
    assert struct.unpack(">IIII", images[:16]) == (2051, 10, 6, 5)
    assert struct.unpack(">II", labels[:8]) == (2049, 10)
    np.testing.assert_array_equal(np.frombuffer(images[16:], dtype=np.uint8).reshape(10, 6, 5), GREY)
    np.testing.assert_array_equal(np.frombuffer(labels[8:], dtype=np.uint8), LABELS)


def test_idx_is_read_by_our_own_reader(tmp_path: Path) -> None:
    WRITERS.find("idx").write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    image_set = read_idx_set(tmp_path / "drawn", "train")
    np.testing.assert_array_equal(image_set.images, GREY)
    np.testing.assert_array_equal(image_set.labels, LABELS)


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "RGB"])
def test_a_folder_is_read_by_pillow(tmp_path: Path, images: np.ndarray) -> None:
    WRITERS.find("folder").write(tmp_path / "drawn", blocks(images), LABELS, NAMES)
    for index, (image, label) in enumerate(zip(images, LABELS, strict=True)):
        with Image.open(tmp_path / "drawn" / NAMES[label] / f"{index:08d}.png") as picture:
            assert picture.format == "PNG"
            assert picture.mode == ("L" if images.ndim == 3 else "RGB")
            np.testing.assert_array_equal(np.asarray(picture), image)
    assert len(list((tmp_path / "drawn").rglob("*.png"))) == 10


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "RGB"])
def test_a_folder_is_read_by_our_own_reader(tmp_path: Path, images: np.ndarray) -> None:
    WRITERS.find("folder").write(tmp_path / "drawn", blocks(images), LABELS, NAMES)
    image_set = read_folder(tmp_path / "drawn")
    order = np.concatenate([np.flatnonzero(NAMES.index(name) == LABELS) for name in sorted(NAMES)])
    assert image_set.class_names == tuple(sorted(NAMES))
    np.testing.assert_array_equal(image_set.images, images[order])
    assert [image_set.class_names[label] for label in image_set.labels] == [NAMES[label] for label in LABELS[order]]


def test_a_folder_has_the_classes_that_were_drawn_and_no_others(tmp_path: Path) -> None:
    WRITERS.find("folder").write(tmp_path / "drawn", blocks(GREY), np.full(10, 1), NAMES)
    assert [path.name for path in (tmp_path / "drawn").iterdir() if not path.name.startswith(".")] == ["one"]


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "RGB"])
def test_a_picture_shows_all_images_ten_in_a_row(tmp_path: Path, images: np.ndarray) -> None:
    many = np.concatenate([images, images[:3]])
    WRITERS.find("png").write(tmp_path / "drawn.png", blocks(many), np.arange(13) % 3, NAMES)
    picture = np.asarray(Image.open(tmp_path / "drawn.png"))
    np.testing.assert_array_equal(picture[::GRID_ENLARGEMENT, ::GRID_ENLARGEMENT], grid(many, columns=10))
    assert picture.shape[1] == GRID_ENLARGEMENT * (10 * (5 + 2) + 2)


def test_a_picture_of_few_images_has_no_empty_places(tmp_path: Path) -> None:
    WRITERS.find("png").write(tmp_path / "drawn.png", blocks(GREY[:3]), np.array([7, 1, 4]), tuple("0123456789"))
    picture = np.asarray(Image.open(tmp_path / "drawn.png"))
    np.testing.assert_array_equal(picture[::GRID_ENLARGEMENT, ::GRID_ENLARGEMENT], grid(GREY[:3], columns=3))


def test_where_each_class_has_as_many_a_class_is_a_row(tmp_path: Path) -> None:
    WRITERS.find("png").write(tmp_path / "drawn.png", blocks(GREY[:6]), np.array([0, 0, 1, 1, 2, 2]), NAMES)
    picture = np.asarray(Image.open(tmp_path / "drawn.png"))
    np.testing.assert_array_equal(picture[::GRID_ENLARGEMENT, ::GRID_ENLARGEMENT], grid(GREY[:6], columns=2))


@pytest.mark.parametrize("format_name", WRITERS)
def test_every_format_takes_what_a_model_draws(tmp_path: Path, small_model: Model, format_name: str) -> None:
    labels = np.arange(130) % 10
    path = tmp_path / "drawn"
    WRITERS.find(format_name).write(path, small_model.sample_blocks(labels), labels, small_model.class_names)
    assert path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_folders_above_are_made(tmp_path: Path) -> None:
    for format_name in WRITERS:
        path = tmp_path / format_name / "deep" / "drawn"
        WRITERS.find(format_name).write(path, blocks(GREY), LABELS, NAMES)
        assert path.exists()


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"--format 'nzp': .*'npz'"):
        WRITERS.find("nzp")


@pytest.mark.parametrize("format_name", WRITERS)
def test_nothing_is_left_behind_when_drawing_breaks_off(tmp_path: Path, format_name: str) -> None:
    with pytest.raises(ZeroDivisionError):
        WRITERS.find(format_name).write(tmp_path / "drawn", breaking_blocks(), LABELS, NAMES)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("format_name", WRITERS)
def test_what_was_there_stays_when_drawing_breaks_off(tmp_path: Path, format_name: str) -> None:
    writer = WRITERS.find(format_name)
    writer.write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    before = tree(tmp_path)
    with pytest.raises(ZeroDivisionError):
        writer.write(tmp_path / "drawn", breaking_blocks(), LABELS, NAMES)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("format_name", WRITERS)
def test_what_was_there_is_replaced_as_a_whole(tmp_path: Path, format_name: str) -> None:
    writer = WRITERS.find(format_name)
    writer.write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    before = tree(tmp_path)
    writer.write(tmp_path / "drawn", blocks(255 - GREY[:4]), LABELS[:4], NAMES)
    writer.write(tmp_path / "afresh", blocks(255 - GREY[:4]), LABELS[:4], NAMES)
    if (tmp_path / "afresh").is_dir():
        assert tree(tmp_path / "drawn") == tree(tmp_path / "afresh")
    else:
        assert (tmp_path / "drawn").read_bytes() == (tmp_path / "afresh").read_bytes()
    assert tree(tmp_path) != before


@pytest.mark.parametrize("format_name", WRITERS)
def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/drawn: "):
        WRITERS.find(format_name).write(tmp_path / "file" / "drawn", blocks(GREY), LABELS, NAMES)
    assert tree(tmp_path) == {"file": b"in the way"}


@pytest.mark.parametrize("format_name", ["folder", "idx"])
def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "drawn").write_text("in the way")
    with pytest.raises(OutputError, match="drawn: "):
        WRITERS.find(format_name).write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    assert tree(tmp_path) == {"drawn": b"in the way"}


@pytest.mark.parametrize("format_name", ["png", "npz"])
def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path, format_name: str) -> None:
    WRITERS.find("folder").write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="drawn: "):
        WRITERS.find(format_name).write(tmp_path / "drawn", blocks(GREY), LABELS, NAMES)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("format_name", WRITERS)
def test_the_folder_one_is_in_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=r"^\.: "):
        WRITERS.find(format_name).write(Path(), blocks(GREY), LABELS, NAMES)
    assert tree(tmp_path) == {}


def test_idx_holds_no_colour(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--format idx: .*--format npz"):
        WRITERS.find("idx").write(tmp_path / "drawn", blocks(COLOUR), LABELS, NAMES)
    assert tree(tmp_path) == {}


def test_idx_holds_256_classes_and_no_more(tmp_path: Path) -> None:
    names = [str(label) for label in range(257)]
    labels = np.array([0, 255, 128, 1])
    WRITERS.find("idx").write(tmp_path / "drawn", blocks(GREY[:4]), labels, names[:256])
    found = read_idx_set(tmp_path / "drawn", "train")
    assert [int(found.class_names[label]) for label in found.labels] == labels.tolist()
    with pytest.raises(UsageError, match=r"\b257\b.*--format npz"):
        WRITERS.find("idx").write(tmp_path / "more", blocks(GREY[:4]), labels, names)


def test_a_picture_too_large_to_look_at_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--format png: 10,001"):
        WRITERS.find("png").write(tmp_path / "drawn.png", breaking_blocks(), np.zeros(10_001, dtype=np.int64), NAMES)


@pytest.mark.parametrize("name", ["T-shirt/top", "..", ".", "", "/tmp/evil", "../../evil", ".hidden", "a\0b", "a\nb"])
def test_a_class_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{re.escape(repr(name))}.*write the format npz"):
        WRITERS.find("folder").write(tmp_path / "deep" / "drawn", breaking_blocks(), LABELS, ("zero", name, "two"))
    assert tree(tmp_path) == {}


def test_two_classes_of_one_name_do_not_become_one_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'one'.*write the format npz"):
        WRITERS.find("folder").write(tmp_path / "drawn", breaking_blocks(), LABELS, ("zero", "one", "one"))


# --- what may be replaced ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_path_where_nothing_is_can_be_had(tmp_path: Path, overwrite: bool) -> None:
    claim_output(tmp_path / "new.png", ".png", overwrite=overwrite)
    assert tree(tmp_path) == {}


def a_file(path: Path) -> None:
    path.write_text("drawn before")


def an_empty_folder(path: Path) -> None:
    path.mkdir()


def drawn_images(path: Path) -> None:
    WRITERS.find("folder").write(path, blocks(GREY), LABELS, NAMES)


def drawn_idx(path: Path) -> None:
    WRITERS.find("idx").write(path, blocks(GREY), LABELS, NAMES)


@pytest.mark.parametrize("make", [a_file, an_empty_folder, drawn_images, drawn_idx])
def test_what_is_there_is_replaced_only_when_asked(tmp_path: Path, make: Callable[[Path], None]) -> None:
    out, ending = (tmp_path / "out.png", ".png") if make is a_file else (tmp_path / "out", "")
    make(out)
    with pytest.raises(OutputError, match=rf"{out.name}: .*--overwrite.*--out"):
        claim_output(out, ending, overwrite=False)
    claim_output(out, ending, overwrite=True)


@pytest.mark.parametrize("make", [a_file, drawn_images])
def test_a_file_is_not_replaced_by_a_folder_nor_a_folder_by_a_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    out, ending = (tmp_path / "out", "") if make is a_file else (tmp_path / "out.png", ".png")
    make(out)
    with pytest.raises(OutputError, match=rf"{out.name}: is a f(ile|older)"):
        claim_output(out, ending, overwrite=True)


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OutputError, match=r"pipe\.png: "):
        claim_output(tmp_path / "pipe.png", ".png", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "wedding.jpg").write_bytes(b"once in a lifetime")
    with pytest.raises(OutputError, match="photos: "):
        claim_output(tmp_path / "photos", "", overwrite=overwrite)
    assert tree(tmp_path / "photos") == {"wedding.jpg": b"once in a lifetime"}
