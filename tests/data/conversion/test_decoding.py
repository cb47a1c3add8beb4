"""Decoding of single pictures: orientation, depth, transparency, colour, size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.data import Conversion, Reading, read_folder, read_picture
from digitgan.errors import DataError

ARROW = np.zeros((6, 4), np.uint8)
ARROW[0] = 200
ARROW[:, 0] = 100


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


STORED = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.T,
    6: lambda upright: np.rot90(upright),
    7: lambda upright: np.rot90(upright, 2).T,
    8: lambda upright: np.rot90(upright, -1),
}
"""The pixels that a camera stores for an upright picture, by the EXIF orientation, as the standard defines it."""


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("ending", ["png", "tiff", "webp"])
def test_every_orientation_is_turned_upright_and_counted(tmp_path: Path, orientation: int, ending: str) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](ARROW)))
    options = {"lossless": True} if ending == "webp" else {}
    saved(tmp_path / f"a.{ending}", stored, exif=turned(orientation), **options)
    reading = Reading()
    found = read_folder(tmp_path, "train", reading)
    np.testing.assert_array_equal(found.images[0], ARROW)
    assert "1 of 1 picture turned upright" in "\n".join(reading.notes.lines)


def test_pictures_turned_by_a_quarter_have_the_upright_size(tmp_path: Path) -> None:
    for number, orientation in enumerate((1, 6, 8, 5)):
        side = (40, 60) if orientation == 1 else (60, 40)
        saved(tmp_path / f"{number}.jpg", Image.new("RGB", side, (9, 99, 9)), exif=turned(orientation))
    reading = Reading()
    assert read_folder(tmp_path, "train", reading).images.shape[:3] == (4, 60, 40)
    assert not any("sizes" in line for line in reading.notes.lines)


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize(("highest", "depth"), [(65535, 16), (4095, 12), (3000, 12), (1000, 10), (200, 8)])
def test_deep_pictures_are_scaled_by_the_depth_that_they_use(tmp_path: Path, ending: str, highest: int, depth: int) -> None:
    values = np.array([[0, highest // 2, highest]], np.uint16)
    saved(tmp_path / f"a.{ending}", Image.fromarray(values))
    reading = Reading()
    found = read_folder(tmp_path, "train", reading).images[0]
    np.testing.assert_array_equal(found, np.rint(values / (2**depth - 1) * 255))
    assert "8 bits" in "\n".join(reading.notes.lines)


def test_16_bits_of_each_colour_are_said(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">6H", 0x1234, 0xFFFF, 0, 0x8000, 0x00FF, 0xFF00)
    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    reading = Reading()
    found = read_folder(tmp_path, "train", reading).images[0]
    assert np.abs(found.astype(int) - [[[0x12, 0xFF, 0], [0x80, 0, 0xFF]]]).max() <= 1
    assert "8 bits" in "\n".join(reading.notes.lines)


@pytest.mark.parametrize("kind", ["F", "I"])
def test_floats_and_long_integers_in_tiff_are_scaled(tmp_path: Path, kind: str) -> None:
    values = np.array([[0, 0.5, 1]], np.float32) if kind == "F" else np.array([[0, 128, 255]], np.int32)
    saved(tmp_path / "a.tiff", Image.fromarray(values))
    assert read_folder(tmp_path).images[0].tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(
    ("background", "expected"), [((0, 0, 0), [100, 50, 0]), ((255, 255, 255), [227, 178, 128]), ((0, 0, 255), [100, 50, 128])]
)
def test_transparent_pixels_show_the_background(tmp_path: Path, background: tuple[int, int, int], expected: list[int]) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGBA", (1, 1), (200, 100, 0, 127)))
    reading = Reading(Conversion(background=background))
    found = read_folder(tmp_path, "train", reading).images[0, 0, 0]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert "transparent" in "\n".join(reading.notes.lines)
    assert np.array_equal(read_picture(path, Conversion(background=background))[0, 0], found)


def test_clear_palettes_and_clear_grey_pictures_show_the_background(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 10, 10, 250, 250, 250])
    palette.putpixel((1, 0), 1)
    saved(tmp_path / "a.png", palette, transparency=0)
    saved(tmp_path / "b.png", Image.fromarray(np.array([[[80, 255], [80, 0]]], np.uint8), "LA"))
    assert read_folder(tmp_path).images.tolist() == [[[0, 250]], [[80, 0]]]
    white = Reading(Conversion(background=(255, 255, 255)))
    assert read_folder(tmp_path, "train", white).images.tolist() == [[[255, 250]], [[80, 255]]]


def test_an_opaque_channel_of_transparency_is_no_transparency(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", Image.new("RGBA", (4, 3), (1, 2, 3, 255)))
    reading = Reading()
    assert read_folder(tmp_path, "train", reading).images[0, 0, 0].tolist() == [1, 2, 3]
    assert not any("transparent" in line for line in reading.notes.lines)


def test_cmyk_is_converted_and_said(tmp_path: Path) -> None:
    saved(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100)
    reading = Reading()
    red, green, blue = read_folder(tmp_path, "train", reading).images[0, 0, 0]
    assert red > 240
    assert max(green, blue) < 15
    assert "CMYK" in "\n".join(reading.notes.lines)


def test_the_first_of_several_frames_is_read_and_said(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 3), level) for level in (50, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    reading = Reading()
    assert read_folder(tmp_path, "train", reading).images[0, 0, 0] == 50
    assert "frames" in "\n".join(reading.notes.lines)


WIDE = np.zeros((10, 30), np.uint8)
WIDE[:, 10:20] = 255


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("crop", lambda found: (found == 255).all()),
        ("pad", lambda found: (found[:3] == 90).all()),
        ("stretch", lambda found: found[5].max() == 255),
    ],
)
def test_a_picture_of_another_shape_is_cut_padded_or_stretched(tmp_path: Path, fit: str, expected: object) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(WIDE))
    found = read_picture(path, Conversion(size=(10, 10), fit=fit, background=(90, 90, 90)))  # type: ignore[arg-type]
    assert found.shape == (10, 10)
    assert expected(found)  # type: ignore[operator]


def test_scaling_down_averages_instead_of_skipping(tmp_path: Path) -> None:
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    path = saved(tmp_path / "a.png", Image.fromarray(board.astype(np.uint8)))
    found = read_picture(path, Conversion(size=(32, 32))).astype(int)
    assert np.abs(found - 127).max() <= 6


def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 1600), np.linspace(0, 1, 1200))
    picture = Image.fromarray((np.stack([x, y, x * y], axis=2) * 255).astype(np.uint8))
    path = saved(tmp_path / "a.jpg", picture, quality=95)
    found = read_picture(path, Conversion(size=(64, 48), fit="stretch"))
    expected = np.asarray(picture.resize((64, 48), Image.Resampling.LANCZOS))
    assert np.abs(found.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_channels_on_request(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path / "a.png", Image.new(mode, (4, 3), 60 if mode == "L" else (60, 70, 80)))
    assert read_picture(path, Conversion(colour="grey")).shape == (3, 4)
    assert read_picture(path, Conversion(colour="rgb")).shape == (3, 4, 3)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0" + bytes(20)])
def test_rubbish_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png: "):
        read_picture(tmp_path / "a.png")


def test_damaged_exif_data_do_not_matter(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(file, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(30))
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    assert read_picture(tmp_path / "a.jpg").shape == (8, 8, 3)


def test_all_splits_have_the_size_and_the_depth_of_the_whole_set(tmp_path: Path) -> None:
    for split, highest, size in (("train", 4000, (9, 9)), ("test", 800, (7, 9))):
        (tmp_path / split / "a").mkdir(parents=True)
        for number in range(3 if split == "train" else 2):
            values = np.full(size[::-1], highest, np.uint16)
            Image.fromarray(values).save(tmp_path / split / "a" / f"{number}.png")
    sets = [read_folder(tmp_path, "train"), read_folder(tmp_path, "test")]
    assert [images.images.shape[1:] for images in sets] == [(9, 9), (9, 9)]
    assert [int(images.images[0, 4, 4]) for images in sets] == [round(4000 / 4095 * 255), round(800 / 4095 * 255)]


def test_black_drawings_on_transparent_ground_are_not_lost_without_a_word(tmp_path: Path) -> None:
    drawing = np.zeros((8, 8, 4), np.uint8)
    drawing[2:5, 2:5, 3] = 255
    saved(tmp_path / "a.png", Image.fromarray(drawing))
    reading = Reading()
    assert read_folder(tmp_path, "train", reading).images.max() == 0
    assert "1 of 1 picture cannot be told from the background black" in "\n".join(reading.notes.unasked)
    reading = Reading(conversion=Conversion(background=(255, 255, 255)))
    assert read_folder(tmp_path, "train", reading).images.min() == 0
    assert "cannot be told" not in "\n".join(reading.notes.lines)


def test_photos_with_a_second_picture_are_photos(tmp_path: Path) -> None:
    """Telephones store a depth map or a gain map behind a JPEG picture (MPO)."""
    (tmp_path / "a").mkdir()
    photo = Image.new("RGB", (60, 40), (9, 99, 200))
    photo.save(tmp_path / "a" / "1.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (30, 20))])
    reading = Reading()
    found = read_folder(tmp_path, "train", reading)
    assert found.images.shape == (1, 40, 60, 3)
    assert reading.notes.lines == []
