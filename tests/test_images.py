"""Conversion of pixels, image grids and atomic writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from digitgan.errors import OutputError
from digitgan.files import replacing
from digitgan.images import enlarged, from_network, grid, save_gif, save_png, shared_tensor, to_network


def test_every_level_survives_the_way_to_the_network_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    inside = to_network(levels)
    assert inside.min() == -1
    assert inside.max() == 1
    np.testing.assert_array_equal(from_network(inside)[0], levels[0, 0].numpy())


def test_what_lies_outside_the_range_is_clipped() -> None:
    out = from_network(torch.tensor([-3.0, 3.0, 0.0, 1.0]).reshape(1, 1, 2, 2))
    assert out.tolist() == [[[0, 255], [128, 255]]]


def test_colour_keeps_its_channels_last() -> None:
    assert from_network(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)


def test_a_grid_puts_each_image_in_its_place() -> None:
    images = np.stack([np.full((2, 3), value, dtype=np.uint8) for value in (10, 20, 30)])
    sheet = grid(images, columns=2, gap=1, background=7)
    assert sheet.tolist() == [
        [7, 7, 7, 7, 7, 7, 7, 7, 7],
        [7, 10, 10, 10, 7, 20, 20, 20, 7],
        [7, 10, 10, 10, 7, 20, 20, 20, 7],
        [7, 7, 7, 7, 7, 7, 7, 7, 7],
        [7, 30, 30, 30, 7, 7, 7, 7, 7],
        [7, 30, 30, 30, 7, 7, 7, 7, 7],
        [7, 7, 7, 7, 7, 7, 7, 7, 7],
    ]


def test_a_grid_of_colour_images() -> None:
    assert grid(np.zeros((5, 4, 4, 3), dtype=np.uint8), columns=3, gap=2).shape == (14, 20, 3)


def test_enlarging_repeats_pixels() -> None:
    assert enlarged(np.array([[1, 2]], dtype=np.uint8), 2).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_png_holds_the_same_pixels(tmp_path: Path) -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    save_png(tmp_path / "deep" / "down" / "p.png", picture)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "deep" / "down" / "p.png")), picture)


def test_gif_plays_every_frame_and_holds_the_last(tmp_path: Path) -> None:
    frames = [np.full((8, 8), value, dtype=np.uint8) for value in (0, 100, 200)]
    save_gif(tmp_path / "a.gif", frames, milliseconds=100, hold=900)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 3
        assert animation.info["loop"] == 0
        times = []
        for index in range(3):
            animation.seek(index)
            times.append(animation.info["duration"])
    assert times == [100, 100, 900]


def test_a_failed_write_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"before")

    def break_off() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise ValueError("broke off")

    with pytest.raises(ValueError, match="broke off"):
        break_off()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/p\.png: "):
        save_png(tmp_path / "file" / "p.png", np.zeros((2, 2), dtype=np.uint8))


def test_a_mapped_array_is_a_tensor_without_a_warning() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    pixels.flags.writeable = False
    np.testing.assert_array_equal(shared_tensor(pixels).numpy(), pixels)
