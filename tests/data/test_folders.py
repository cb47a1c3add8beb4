from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.data import read_folder
from digitgan.errors import DataError


def picture(path: Path, value: int | tuple[int, ...] = 7, mode: str = "L", size: tuple[int, int] = (4, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)
    return path


def huge_png(side: int) -> bytes:
    """Return a small PNG file whose header states side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: "):
        read_folder(tmp_path / "none")
    with pytest.raises(DataError, match=r"a\.png: "):
        read_folder(picture(tmp_path / "a.png"))


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / ".hidden" / "a.png")
    with pytest.raises(DataError, match=tmp_path.name):
        read_folder(tmp_path)


def test_pictures_without_class_folders_are_an_unlabelled_set(tmp_path: Path) -> None:
    for name, value in (("b.png", 2), ("a.png", 1)):
        picture(tmp_path / name, value)
    found = read_folder(tmp_path)
    assert found.class_names == ("image",)
    assert found.images[:, 0, 0].tolist() == [1, 2]
    assert found.labels.tolist() == [0, 0]
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"notes\.txt: "):
        read_folder(tmp_path)


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / ".keep").touch()
    with pytest.raises(DataError, match=r"/1: "):
        read_folder(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png")
    (tmp_path / "0" / "notes.txt").write_text("text")
    with pytest.raises(DataError, match=r"0/notes.txt: "):
        read_folder(tmp_path)


def test_a_folder_in_a_class_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "deeper" / "a.png")
    with pytest.raises(DataError, match=r"0/deeper: "):
        read_folder(tmp_path)


def test_formats_that_would_start_other_programs_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%EndComments\n")
    with pytest.raises(DataError, match=r"a\.png: .*PNG"):
        read_folder(tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tiff", "webp", "pgm"])
def test_a_cut_image_is_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "0" / f"b.{ending}"
    path.parent.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    assert read_folder(tmp_path).images.shape[:3] == (1, 32, 32)
    content = path.read_bytes()
    for length in (0, 1, 10, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=rf"b\.{ending}: "):
            read_folder(tmp_path)


def test_two_sizes_are_refused_with_both(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png")
    picture(tmp_path / "1" / "b.png", size=(5, 6))
    with pytest.raises(DataError, match=r"0/a.png .*4 x 3.*1/b.png .*5 x 6"):
        read_folder(tmp_path)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").write_bytes(huge_png(side))
    with pytest.raises(DataError, match=r"a\.png: .*too large"):
        read_folder(tmp_path)


def test_more_than_8_bits_a_channel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    Image.fromarray(np.full((3, 4), 40_000, dtype=np.uint16)).save(tmp_path / "0" / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*8 bits"):
        read_folder(tmp_path)


def test_transparent_pictures_are_refused_and_opaque_ones_are_read(tmp_path: Path) -> None:
    path = picture(tmp_path / "0" / "a.png", (9, 9, 9, 128), "RGBA")
    with pytest.raises(DataError, match=r"a\.png: .*transparent"):
        read_folder(tmp_path)
    picture(path, (1, 2, 3, 255), "RGBA")
    assert read_folder(tmp_path).images[0, 0, 0].tolist() == [1, 2, 3]
    picture(path, (5, 255), "LA")
    assert read_folder(tmp_path).images[0, 0].tolist() == [5, 5, 5, 5]


def test_grey_pictures_are_read_in_order_of_class_and_name(tmp_path: Path) -> None:
    for value, name in enumerate(["10/a.png", "2/b.bmp", "2/a.png", "zebra/a.gif", "ape/a.png"]):
        picture(tmp_path / name, value)
    picture(tmp_path / ".cache" / "a.png")
    (tmp_path / "2" / ".DS_Store").touch()
    (tmp_path / "README").touch()
    image_set = read_folder(tmp_path, name="zoo")
    assert image_set.class_names == ("2", "10", "ape", "zebra")
    assert image_set.images.shape == (5, 3, 4)
    assert image_set.images[:, 0, 0].tolist() == [2, 1, 0, 4, 3]
    assert image_set.labels.tolist() == [0, 0, 1, 2, 3]
    assert image_set.name == "zoo"
    assert read_folder(tmp_path).name == tmp_path.name


def test_one_coloured_picture_makes_all_rgb(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 9)
    picture(tmp_path / "0" / "b.png", (1, 2, 3), "RGB")
    image_set = read_folder(tmp_path)
    assert image_set.images.shape == (2, 3, 4, 3)
    assert image_set.images[:, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]


def test_black_and_white_and_palettes_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "0" / "a.png", 1, "1")
    grey = Image.new("L", (4, 3), 200).convert("P")
    grey.save(tmp_path / "0" / "b.png")
    assert read_folder(tmp_path).images[:, 0, 0].tolist() == [255, 200]
    Image.new("RGB", (4, 3), (255, 0, 0)).quantize(4).save(tmp_path / "0" / "c.png")
    assert read_folder(tmp_path).images[:, 0, 0].tolist() == [[255] * 3, [200] * 3, [255, 0, 0]]


def test_another_split_may_decide_on_the_classes(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    image_set = read_folder(tmp_path, ["ape", "cat"])
    assert image_set.class_names == ("ape", "cat")
    assert image_set.labels.tolist() == [1]
    with pytest.raises(DataError, match=r"cat: .*did you mean 'cats'"):
        read_folder(tmp_path, ["ape", "cats"])
